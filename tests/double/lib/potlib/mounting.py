# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fscomp.conf: what is mounted in a pot."""

from __future__ import annotations

import os

import jailmounts
import mounttable
import zfs

from potlib.output import complain, error
from potlib.pots import attribute, directory, root_of
from potlib.steps import try_zfs


def fscomp_path(pot: str) -> str:
    return directory(pot) + "/conf/fscomp.conf"


def normalise_mounts(pot: str) -> None:
    """Rewrite old absolute mountpoints: the whole file is rewritten, option-less lines get a trailing blank, the mode
    becomes 0600.
    """
    path, prefix = fscomp_path(pot), root_of(pot)
    try:
        with open(path, encoding="utf-8") as stream:
            lines = stream.read().splitlines()
    except OSError:
        return
    if not any(
        len(line.split()) > 1 and (line.split()[1] == prefix or line.split()[1].startswith(prefix + "/"))
        for line in lines
    ):
        return
    written = []
    for line in lines:
        words = line.split()
        if not words:
            written.append(line)
            continue
        where = words[1] if len(words) > 1 else ""
        if where == prefix or where.startswith(prefix + "/"):
            where = where[len(prefix) :] or "/"
        written.append(f"{words[0]} {where} {words[2] if len(words) > 2 else ''}")
    with open(path + ".new", "w", encoding="utf-8") as stream:
        stream.write("".join(line + "\n" for line in written))
    os.chmod(path + ".new", 0o600)
    os.replace(path + ".new", path)


def mount_lines(pot: str) -> list[tuple[str, str, str]]:
    """(source, mountpoint in the jail, option) of every line."""
    try:
        with open(fscomp_path(pot), encoding="utf-8") as stream:
            rows = [line.split() for line in stream if line.strip()]
    except OSError:
        return []
    prefix = root_of(pot)
    found = []
    for row in rows:
        where = row[1] if len(row) > 1 else ""
        if where == prefix or where.startswith(prefix + "/"):
            where = where[len(prefix) :] or "/"
        found.append((row[0], where, row[2] if len(row) > 2 else ""))
    return found


def resolve(root: str, path: str) -> str | None:
    """realpath inside a jail's root; None when a component is missing."""
    parts, result, hops = [part for part in path.split("/") if part], "", 0
    while parts:
        part = parts.pop(0)
        if part == ".":
            continue
        if part == "..":
            result = result.rpartition("/")[0]
            continue
        candidate = f"{root}{result}/{part}"
        if os.path.islink(candidate):
            hops += 1
            if hops > 40:
                return None
            target = os.readlink(candidate)
            if target.startswith("/"):
                result = ""
            parts = [word for word in target.split("/") if word] + parts
            continue
        if not os.path.lexists(candidate):
            return None
        result = f"{result}/{part}"
    return result or "/"


def make_inside(root: str, path: str) -> str | None:
    """mkdir -p inside a jail's root, following its links; returns the resolved path."""
    done = ""
    for part in [word for word in path.split("/") if word]:
        here = resolve(root, f"{done}/{part}")
        if here is None:
            os.mkdir(f"{root}{done}/{part}")
            here = f"{done}/{part}"
        done = "" if here == "/" else here
    return done or "/"


def mount_one(pot: str, source: str, where: str, option: str) -> bool:
    """One fscomp.conf line; False with pot's message when it fails."""
    target = root_of(pot) + ("" if where == "/" else where)
    try:
        if source.startswith("/"):
            if not os.path.isdir(source) or not os.path.isdir(target):
                raise OSError(2, "No such file or directory")
            jailmounts.nullfs(source, target, option == "ro")
        elif option == "zfs-remount":
            if not try_zfs(zfs.set_properties, source, {"mountpoint": target}):
                raise OSError(5, "zfs set failed")
        else:
            state = zfs.load()
            if source not in state["datasets"]:
                raise OSError(2, "No such file or directory")
            lower = zfs.mountpoint(state, source)
            if not os.path.isdir(target):
                os.mkdir(target)
            jailmounts.nullfs(lower, target, option == "ro")
        return True
    except OSError as problem:
        complain(OSError(f"mount_nullfs: {target}: {problem.strerror or problem}"))
        error(f"Error mounting {source} on {pot}")
        return False


def mount_pot(pot: str) -> bool:
    normalise_mounts(pot)
    for source, where, option in mount_lines(pot):
        if not mount_one(pot, source, where, option):
            error("Mount failed ")
            return False
    if attribute(pot, "no-tmpfs") != "YES" and os.path.isdir(root_of(pot) + "/tmp"):
        jailmounts.tmpfs(root_of(pot) + "/tmp")
    return True


def unmount_pot(pot: str) -> None:
    """Everything below the jail's root, last first; remounted datasets go back beside it."""
    normalise_mounts(pot)
    root = root_of(pot)
    while jailmounts.detach(root + "/tmp"):
        pass
    for extra in ("/dev/fd", "/proc", "/dev"):
        while jailmounts.detach(root + extra):
            pass
    for source, where, option in reversed(mount_lines(pot)):
        target = root + ("" if where == "/" else where)
        if option == "zfs-remount" and not source.startswith("/"):
            try_zfs(zfs.set_properties, source, {"mountpoint": f"{directory(pot)}/{source.rpartition('/')[2]}"})
            continue
        entry = mounttable.at(target)
        if entry and entry["fstype"] == "nullfs":
            jailmounts.detach(target)
