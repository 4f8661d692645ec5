# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot's command line."""

from __future__ import annotations

import os
import socket
import sys
import time

import potusage

from potlib.configuration import settings
from potlib.dispatch import dispatch
from potlib.output import Exit
from potlib.states import Lock
from potlib.subcommands import ALIASES, GETOPT, LOCKED, UNLOGGED

FACILITIES = {"user": 1, "daemon": 3, **{f"local{number}": 16 + number for number in range(8)}}


def log(text: str) -> None:
    """logger -p FACILITY.info -t pot: command lines with everything in them, secrets too."""
    facility = FACILITIES.get(settings["POT_LOG_FACILITY"], 18)
    stamp = time.strftime("%b %e %H:%M:%S")
    message = f"<{facility * 8 + 6}>{stamp} pot: {text}".encode("utf-8", "surrogateescape")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stream:
            stream.connect("/var/run/log")
            stream.send(message[:8000])
    except OSError:
        pass


def main(argv: list[str]) -> int:
    if not argv:
        sys.stdout.write(potusage.of(""))
        return 1
    command = ALIASES.get(argv[0], argv[0])
    known = command in GETOPT or command in ("help", "run")
    if not known:
        sys.stdout.write(potusage.of(""))
        return 1
    try:
        settings.load(argv)
    except Exit as ending:
        return ending.code
    if command not in UNLOGGED or any(word.startswith("-") and "v" in word for word in argv[1:2]):
        log(f"pot-{command} {' '.join(argv[1:])}".rstrip())
    try:
        if command not in ("init", "de-init", "version", "help"):
            if not os.path.isdir(settings.fs):
                sys.stderr.write(f"###>  {settings.fs} does not exist, please run 'pot init'\n")
                return 1
            if not os.access(settings.fs, os.R_OK):
                sys.stderr.write(f"###>  Current user has no read access to {settings.fs}\n")
                return 1
        if (
            command in LOCKED
            and not os.environ.get("_POT_RECURSIVE")
            and not any(word == "-h" for word in argv[1:])
            and os.geteuid() == 0
        ):
            with Lock("/tmp/pot-lock-file"):
                os.environ["_POT_RECURSIVE"] = "1"
                return dispatch(command, argv[1:])
        return dispatch(command, argv[1:])
    except Exit as ending:
        return ending.code
