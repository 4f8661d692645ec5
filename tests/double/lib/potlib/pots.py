# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pots there are and what their pot.conf says."""

from __future__ import annotations

import os
import re

import jail as jaillib

from potlib.configuration import settings
from potlib.output import error
from potlib.steps import datasets

ATTRIBUTES = {
    "start-at-boot": ("bool", "NO"),
    "early-start-at-boot": ("bool", "NO"),
    "persistent": ("bool", "YES"),
    "no-rc-script": ("bool", "NO"),
    "prunable": ("bool", "NO"),
    "localhost-tunnel": ("bool", "NO"),
    "no-tmpfs": ("bool", "NO"),
    "no-etc-hosts": ("bool", "NO"),
}

JAIL_ATTRIBUTES = {
    "enforce_statfs": ("uint", "2"),
    "mount": ("bool", "NO"),
    "fdescfs": ("bool", "NO"),
    "linprocfs": ("bool", "NO"),
    "nullfs": ("bool", "NO"),
    "procfs": ("bool", "NO"),
    "tmpfs": ("bool", "NO"),
    "zfs": ("bool", "NO"),
    "raw_sockets": ("bool", "NO"),
    "sysvshm": ("sysv", "new"),
    "sysvsem": ("sysv", "new"),
    "sysvmsg": ("sysv", "new"),
    "children": ("uint", "0"),
    "mlock": ("bool", "NO"),
    "devfs_ruleset": ("uint", "4"),
    "exec_stop": ("string", ""),
    "stop_timeout": ("uint", "10"),
}

# Written into a fresh pot.conf, in this order.
FRESH = ("no-rc-script", "persistent", "start-at-boot", "prunable", "no-tmpfs", *JAIL_ATTRIBUTES)

NETWORKS = ("inherit", "alias", "public-bridge", "private-bridge")


def directory(pot: str) -> str:
    return f"{settings.fs}/jails/{pot}"


def root_of(pot: str) -> str:
    return directory(pot) + "/m"


def conf_of(pot: str) -> str:
    return directory(pot) + "/conf/pot.conf"


def dataset(pot: str) -> str:
    return f"{settings.zfs}/jails/{pot}"


def lines_of(pot: str) -> list[str]:
    try:
        with open(conf_of(pot), encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read().splitlines()
    except OSError:
        return []


def var(pot: str, key: str) -> str:
    """A key as pot reads it: blanks, tabs and double quotes deleted, cut at the second '='."""
    values = [line for line in lines_of(pot) if line.startswith(key + "=")]
    return "\n".join(re.sub(r'[ \t"]', "", line).split("=")[1] for line in values)


def raw(pot: str, key: str) -> list[str]:
    """Everything after the first '=' of each line with this key."""
    return [line[len(key) + 1 :] for line in lines_of(pot) if line.startswith(key + "=")]


def write_lines(pot: str, lines: list[str]) -> None:
    path = conf_of(pot)
    mode = os.stat(path).st_mode & 0o7777 if os.path.exists(path) else 0o644
    with open(path + ".new", "w", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write("".join(line + "\n" for line in lines))
    os.chmod(path + ".new", mode)
    os.replace(path + ".new", path)


def replace(pot: str, key: str, values: list[str]) -> None:
    """Drop all lines of a key and append new ones at the end of the file."""
    write_lines(
        pot, [line for line in lines_of(pot) if not line.startswith(key + "=")] + [f"{key}={value}" for value in values]
    )


def is_pot(pot: str, quiet: str | None = "") -> bool:
    """_is_pot; quiet None: no message at all."""
    if not pot or not os.path.isdir(directory(pot)) or dataset(pot) not in datasets():
        if quiet is not None:
            error(f"Pot {pot} not found", quiet)
        return False
    level_multi = var(pot, "pot.type") != "single"
    if (
        not os.path.isdir(root_of(pot))
        or not os.access(conf_of(pot), os.R_OK)
        or (level_multi and not os.access(directory(pot) + "/conf/fscomp.conf", os.R_OK))
    ):
        if quiet is not None:
            error(f"Some component of the pot {pot} is missing", quiet)
        return False
    return True


def is_running(pot: str) -> bool:
    found = jaillib.find(pot)
    return found is not None and found[0] == pot


def all_pots() -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(settings.fs + "/jails") if entry.is_dir())
    except OSError:
        return []


def all_bases() -> list[str]:
    try:
        return sorted(entry.name for entry in os.scandir(settings.fs + "/bases") if entry.is_dir())
    except OSError:
        return []


def kind_of(pot: str) -> str:
    return var(pot, "pot.type") or "multi"


def attribute(pot: str, name: str) -> str:
    return var(pot, "pot.attr." + name)
