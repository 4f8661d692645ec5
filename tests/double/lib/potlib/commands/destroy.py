# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot destroy."""

from __future__ import annotations

import os
import shutil

import jail as jaillib
import jailmounts
import mounttable
import zfs

from potlib.commandline import has, last, need_root, options
from potlib.configuration import settings
from potlib.dispatch import nested
from potlib.network import bridges
from potlib.output import error, info, usage
from potlib.pots import all_bases, all_pots, dataset, directory, is_pot, is_running, kind_of, root_of, var
from potlib.states import status_file
from potlib.steps import datasets, try_zfs


def main(args: list[str]) -> int:
    found, _rest = options("destroy", args)
    pot, base, fscomp, bridge = last(found, "p"), last(found, "b"), last(found, "f"), last(found, "B")
    force, recursive, quiet = has(found, "F"), has(found, "r"), has(found, "q")
    if not (pot or base or fscomp or bridge):
        error("at least one of -p, -b, -f or -B has to be used")
        raise usage("destroy")
    if len([each for each in (pot, base, fscomp, bridge) if each]) > 1:
        error("options -p, -b, -f and -B are mutually exclusive")
        raise usage("destroy")
    need_root()
    if fscomp:
        name = f"{settings.zfs}/fscomp/{fscomp}"
        if name not in datasets():
            error(f"{fscomp} is not a fscomp")
            return 1
        return 0 if try_zfs(zfs.destroy, name, True, False, force) else 1
    if bridge:
        if bridge not in bridges():
            error(f"{bridge} is not a valid bridge name")
            return 1
        if any(var(name, "bridge") == bridge for name in all_pots()):
            error(f"bridge {bridge} is used at least by one pot")
            return 1
        info(f"Destroying bridge {bridge}")
        os.unlink(f"{settings.fs}/bridges/{bridge}")
        return 0
    if base:
        return destroy_base(base, recursive, force)
    return destroy_pot(pot, recursive, force, quiet)


def destroy_base(base: str, recursive: bool, force: bool) -> int:
    if base not in all_bases():
        error(f"{base} is not a valid base")
        return 1
    own = "base-" + base.replace(".", "_", 1)
    users = [name for name in all_pots() if name != own and var(name, "pot.base") == base]
    if users and not recursive:
        error(f"base {base} is used at least by one pot - use option -r to destroy it recursively")
        return 1
    for level in ("2", "1", "0"):
        for name in users:
            if var(name, "pot.level") == level and name in all_pots():
                destroy_pot(name, True, force, False)
    if is_pot(own, None):
        if is_running(own):
            nested(["stop", own])
        remove_pot(own, force)
    return 0 if try_zfs(zfs.destroy, f"{settings.zfs}/bases/{base}", True, False, force) else 1


def destroy_pot(pot: str, recursive: bool, force: bool, quiet: bool) -> int:
    if not is_pot(pot):
        if force and dataset(pot) in datasets():
            remove_pot(pot, True)
            info(f"Forcibly destroyed pot {pot}")
            return 0
        error(f"pot {pot} not found or corrupted. Try to use the -F flag")
        return 1
    if var(pot, "pot.level") == "0" and kind_of(pot) == "multi":
        error(f"The pot {pot} has level 0. Please destroy the related base insted")
        return 1
    users = [name for name in all_pots() if name != pot and var(name, "pot.potbase") == pot]
    if users:
        if not recursive:
            error(f"{pot} is used at least by one level 2 pot - use option -r to destroy it recursively")
            return 1
        for name in users:
            destroy_pot(name, True, force, quiet)
    if not quiet:
        info(f"Destroying pot {pot}")
    if is_running(pot):
        if not force:
            error(f"pot {pot} is running")
            return 1
        nested(["stop", pot])
        if is_running(pot):
            jaillib.remove(pot, None, 0)
    if not remove_pot(pot, force):
        error(f"zfs failed to destroy the dataset {dataset(pot)}")
        error(f"{pot} destruction failed")
        return 1
    return 0


def remove_pot(pot: str, force: bool) -> bool:
    state = zfs.load()
    below = zfs.children(state, dataset(pot)) if dataset(pot) in state["datasets"] else []
    clones = any(
        zfs.clones_of(state, f"{name}@{tag}")
        for name in [dataset(pot), *below]
        if name in state["datasets"]
        for tag in state["datasets"][name]["snaps"]
    )
    if not clones:
        for entry in reversed(mounttable.below(root_of(pot))):
            if entry["fstype"] == "nullfs":
                # What a start or mount-in that was cut off, or somebody's own mount, has left there: pot looks for none
                # of it and
                # ends with rm -rf of the pot's directory, which does not stop at mount points.
                shutil.rmtree(entry["path"], ignore_errors=True)
            if entry["fstype"] != "zfs":
                jailmounts.detach(entry["path"])
    if dataset(pot) in state["datasets"] and not try_zfs(zfs.destroy, dataset(pot), True, False, True):
        return False
    if os.path.exists(status_file(pot)):
        os.unlink(status_file(pot))
    shutil.rmtree(directory(pot), ignore_errors=True)
    return True
