# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot mount-in."""

from __future__ import annotations

import os
import re

from potlib.commandline import has, last, need_root, options
from potlib.configuration import settings
from potlib.mounting import fscomp_path, make_inside, mount_one, mount_pot, unmount_pot
from potlib.output import complain, error, usage
from potlib.pots import is_pot, is_running, root_of
from potlib.steps import datasets


def check(pot: str, where: str, fscomp: str, source: str, name: str, remount: bool) -> tuple[str, str]:
    """The directory and the dataset that are meant, one of them empty."""
    if not pot:
        error("A pot name is mandatory")
        raise usage("mount-in")
    for first, second, one, two in (("f", "d", fscomp, source), ("f", "z", fscomp, name), ("d", "z", source, name)):
        if one and two:
            error(f"-{first} and -{second} options are mutually exclusive")
            raise usage("mount-in")
    if not (fscomp or source or name):
        error("One of -f|-d|-z option has to be used")
        raise usage("mount-in")
    if not where:
        error("A mount point is mandatory")
        raise usage("mount-in")
    if re.search(r"\s", where):
        error("The mountpoint cannot contain spaces")
        raise usage("mount-in")
    if not is_pot(pot, None):
        error(f"pot {pot} is not valid")
        raise usage("mount-in")
    if source and remount:
        error("Remount cannot be used with directories, but with fscomp only")
        raise usage("mount-in")
    if source:
        plain = source.rstrip("/") or "/"
        if not os.path.isdir(plain):
            error(f"{source} is not a directory")
            raise usage("mount-in")
        source = plain if plain.startswith("/") else os.path.realpath(plain)
    if fscomp:
        name = f"{settings.zfs}/fscomp/{fscomp}"
        if name not in datasets():
            error(f"fscomp {fscomp} is not valid")
            raise usage("mount-in")
    elif name and name not in datasets():
        error(f"dataset {name} is not valid")
        raise usage("mount-in")
    return source, name


def main(args: list[str]) -> int:
    found, _rest = options("mount-in", args)
    pot, where = last(found, "p"), last(found, "m")
    fscomp, source, name = last(found, "f"), last(found, "d"), last(found, "z")
    read_only, remount = has(found, "r"), has(found, "w")
    source, name = check(pot, where, fscomp, source, name, remount)
    if not where.startswith("/"):
        error("The mount point has to be an absolute pathname")
        return 1
    if where == "/":
        error("/ is not a valid mount point")
        return 1
    need_root()
    with open(fscomp_path(pot), encoding="utf-8") as stream:
        text = stream.read()
    if source and re.search(re.escape(source) + " ", text):
        error(f"Directory {source} not valid, already used or already part of the pot")
        return 1
    running = is_running(pot)
    if not running and not mount_pot(pot):
        error(f"Pot {pot} failed to mount")
        return 1
    try:
        resolved = make_inside(root_of(pot), where)
    except OSError as problem:
        complain(OSError(f"mkdir: {where}: {problem.strerror}"))
        resolved = None
    finally:
        if not running:
            unmount_pot(pot)
    if resolved is None:
        error("The mountpoint is not valid!")
        return 1
    absolute = root_of(pot) + resolved
    with open(fscomp_path(pot), encoding="utf-8") as stream:
        text = stream.read()
    if not source and any(line.split()[:2] == [name, absolute] for line in text.splitlines()):
        error(f"The mount point {where} is already in use")
        error("The mountpoint is not valid!")
        return 1
    option = "ro" if read_only else "zfs-remount" if remount else ""
    line = f"{source} {resolved}" if source else f"{name} {absolute}"
    with open(fscomp_path(pot), "a", encoding="utf-8") as stream:
        stream.write(line + (f" {option}" if option else "") + "\n")
    if running:
        # its failure is reported, but not in the exit code, and the line stays
        mount_one(pot, source or name, resolved, option)
    return 0
