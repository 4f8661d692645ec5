# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of the host or the pot that the module runs on: services, files, file systems, commands."""

from __future__ import annotations

import os
import pwd
import re

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import mounts
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner

# How the sentence of a check begins that passed and is worth a look all the same.
WARNING = "warning: "
# Seconds for a command.
LIMIT = 600


def check_service(check: dict, _timeout: float, runner: Runner) -> str:
    """The rc script ``target`` has to say that it runs; its words are the sentence. The timeout does not apply."""
    # "status" of a disabled service ends with 0 on FreeBSD 13; "onestatus" tells the truth everywhere.
    rc, out, err = runner.run(["/usr/sbin/service", check["target"], "onestatus"], LIMIT)
    if rc != 0:
        raise Sentence(
            (out or err).strip().splitlines()[-1]
            if (out or err).strip()
            else "{} is not running".format(check["target"])
        )
    return out.strip()


def check_mount(check: dict, _timeout: float, runner: Runner) -> str:
    """Something has to be mounted at the directory ``target``."""
    path = check["target"]
    if not os.path.isdir(path):
        raise Sentence(f"{path} is not a directory")
    landing = mounts.landing_place(path, runner)
    if landing:
        raise Sentence(f"nothing is mounted at {path}, the data would land in {landing}")
    return f"{path} is a file system of its own"


def check_space(check: dict, _timeout: float, _runner: Runner) -> str:
    """The file system of ``target`` has to have ``free`` percent of its room left, for whoever is not root where root
    has some of its own.

    Below ``warn`` percent the sentence is a warning.
    """
    room = os.statvfs(check["target"])
    # ZFS counts everything that a dataset, with its quota, can still get.
    percent = 100 * room.f_bavail / max(1, room.f_blocks)
    sentence = "%s has %.0f %% of its room left (%d MiB)" % (
        check["target"],
        percent,
        room.f_bavail * room.f_frsize // 1024**2,
    )
    if percent < check["free"]:
        raise Sentence("%s, which is less than %d %%" % (sentence, check["free"]))
    return (
        sentence if percent >= check["warn"] else "%s%s, which is less than %d %%" % (WARNING, sentence, check["warn"])
    )


def check_file(check: dict, _timeout: float, _runner: Runner) -> str:
    """``target`` has to be a file, or a link to one, with exactly the permissions ``mode`` (octal digits, as text) if
    they are given.
    """
    path = check["target"]
    if not os.path.isfile(path):
        raise Sentence(f"{path} is missing")
    if check.get("mode"):
        mode = os.stat(path).st_mode & 0o7777
        if mode != int(check["mode"], 8):
            raise Sentence("{} has mode {:04o} instead of {}".format(path, mode, check["mode"]))
    return f"{path} is there"


def check_command(check: dict, _timeout: float, runner: Runner) -> str:
    """``argv`` has to end with 0, and its standard output to match the pattern ``body`` if there is one. The timeout
    does not apply.

    ``environment`` is added to that of the module, ``run_as`` is the account that it runs as. A Sentence holds the last
    line that the command said, of standard error rather than output, with the line that it goes on from.
    """
    environment = runner.inherited(**(check.get("environment") or {}))
    account = None
    if check.get("run_as"):
        try:
            account = pwd.getpwnam(check["run_as"])
        except KeyError as error:
            raise Sentence("there is no user {}".format(check["run_as"])) from error
    rc, out, err = runner.run(check["argv"], LIMIT, environment=environment, user=account)
    if rc != 0:
        lines = (err or out).rstrip().splitlines()
        first = len(lines) - 1
        while first > 0 and lines[first][:1].isspace():
            first -= 1
        said = " ".join(" ".join(lines[first:]).split()) or "no message"
        raise Sentence("{} ended with {}: {}".format(check["argv"][0], rc, said))
    if check.get("body") and not re.search(check["body"], out):
        raise Sentence("the output of {} does not match {}".format(check["argv"][0], check["body"]))
    return "{} succeeded".format(check["argv"][0])
