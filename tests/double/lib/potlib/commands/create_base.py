# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot create-base."""

from __future__ import annotations

import os
import shutil
import time

import zfs

from potlib.commandline import last, need_root, options
from potlib.configuration import settings
from potlib.dispatch import nested
from potlib.output import error, info, usage
from potlib.pots import all_bases
from potlib.releases import build_tree, fetch_base, is_release
from potlib.steps import try_zfs, zfs_create


def move_apart(tree: str) -> None:
    """What pots of a base have each for themselves goes below /opt/custom."""
    custom = tree + "/opt/custom"
    for part in ("etc", "root", "var"):
        shutil.move(f"{tree}/{part}", f"{custom}/{part}")
        os.symlink(f"opt/custom/{part}", f"{tree}/{part}")
    for path in (f"{tree}/home", f"{tree}/usr/home"):
        if os.path.islink(path):
            os.unlink(path)
        elif os.path.isdir(path):
            shutil.rmtree(path)
    os.makedirs(custom + "/usr.home")
    os.makedirs(custom + "/usr.local.etc")
    os.symlink("opt/custom/usr.home", f"{tree}/home")
    os.symlink("../opt/custom/usr.home", f"{tree}/usr/home")
    if not os.path.lexists(f"{tree}/usr/local/etc"):
        os.symlink("/opt/custom/usr.local.etc", f"{tree}/usr/local/etc")
    os.makedirs(f"{tree}/usr/local/var.db.pkg", exist_ok=True)


def main(args: list[str]) -> int:
    found, _rest = options("create-base", args)
    release, name = last(found, "r"), last(found, "b")
    if not release:
        error("option -r is mandatory")
        raise usage("create-base")
    if not is_release(release):
        error(f"{release} is not a supported release")
        raise usage("create-base")
    if not name:
        info(f"Automatically use {release} as base name")
        name = release
    if name in all_bases():
        error(f"{name} already exist")
        raise usage("create-base")
    need_root()
    info(f"Create a base with release {release}")
    if not fetch_base(release):
        return 1
    base = f"{settings.zfs}/bases/{name}"
    info(f"Create the zfs datasets for base release {base}")
    for part in ("", "/usr.local", "/custom"):
        if not zfs_create(
            base + part,
            **(
                {"mountpoint": f"{settings.fs}/bases/{name}{'/usr/local' if part == '/usr.local' else '/opt/custom'}"}
                if part
                else {}
            ),
        ):
            return 1
    tree = f"{settings.fs}/bases/{name}"
    build_tree(tree, release)
    with open(tree + "/.osrelease", "w", encoding="ascii") as stream:
        stream.write(f"{release}-RELEASE\n")
    move_apart(tree)
    pot = "base-" + name.replace(".", "_", 1)
    info(f"Create the related pot [{pot}]")
    os.environ["_POT_RECURSIVE"] = "1"
    nested(["create", "-l", "0", "-b", name, "-p", pot, "-t", "multi", "-f", "fbsd-update"])
    tag = str(int(time.time()))
    for part in ("", "/usr.local", "/custom"):
        try_zfs(zfs.snapshot, [f"{base}{part}@{tag}"], False, {})
    return 0
