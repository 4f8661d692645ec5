# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quotas that hold."""

from __future__ import annotations

import os
import shutil

import jails
import mounts
import mounttable

from zfs.facts import EMPTY, Facts, prop, size_of
from zfs.mounting import TOOLS, attach, forget, image_up, mount_options, run, volume_up
from zfs.pool import DISK, children, data_of, files_of, parent_of

SYSTEM_TOOLS = "/.double/usr/sbin/"


def limit_of(state: dict, dataset: str) -> int:
    """How much the files of a dataset may take now, in bytes: its quotas and those of the datasets above it. 0: no
    limit.
    """
    limits = [value] if (value := prop(state, dataset, "refquota")[0]) else []
    facts = Facts(state)
    name = dataset
    while name:
        if value := prop(state, name, "quota")[0]:
            limits.append(max(1, value - facts.used(name) + facts.own(dataset)))
        name = parent_of(name)
    return min(limits) if limits else 0


def apply_quotas(state: dict, dataset: str) -> None:
    """Make writes beyond a quota fail, in the dataset and in all that share a quota with it."""
    top = name = dataset
    while name:
        if prop(state, name, "quota")[0]:
            top = name
        name = parent_of(name)
    for each in [top, *children(state, top)]:
        apply_quota(state, each)


def apply_quota(state: dict, dataset: str) -> None:
    """Make writes to one dataset fail beyond its limit. Moves it into an image of its own when it has none yet."""
    limit = limit_of(state, dataset)
    base = data_of(dataset)
    image, inside, files = base + "/=img", base + "/=vol", files_of(dataset)
    if not os.path.exists(image):
        if not limit:
            return
        where = Facts(state).mounted_at(dataset)
        if where and any((jail["path"] + "/").startswith(where + "/") for jail in jails.load().values()):
            # the ground a running jail stands on cannot be exchanged
            return
        info = os.statvfs(DISK)
        with open(image, "wb") as stream:
            stream.truncate(max(info.f_blocks * info.f_frsize, limit + (64 << 20)))
        run(
            SYSTEM_TOOLS + "mkfs.ext4",
            "-q",
            "-F",
            "-m",
            "0",
            "-i",
            "65536",
            "-O",
            "^has_journal",
            "-E",
            "lazy_itable_init=1",
            image,
        )
        os.makedirs(inside, exist_ok=True)
        old = base + "/=old"
        os.rename(files, old)
        os.mkdir(files)
        volume_up(dataset)
        run(TOOLS + "cp", "-a", old, inside + "/fs")
        shutil.rmtree(old)
        image_up(state, dataset)
        if where:
            again = [
                entry
                for entry in mounttable.load()
                if entry["fstype"] == "nullfs" and (entry["device"] + "/").startswith(where + "/")
            ]
            mounts.umount(where, mounts.MNT_DETACH)
            attach(files, where, mount_options(state, dataset)[1])
            for entry in again:
                mounts.umount(entry["path"], mounts.MNT_DETACH)
                attach(entry["device"], entry["path"], mounts.MS_RDONLY if entry["options"].startswith("ro") else 0)
    elif not mounts.is_mounted(inside):
        image_up(state, dataset)
    filler = inside + "/filler"
    forget(filler)
    if not limit:
        return
    info = os.statvfs(inside)
    free = info.f_bavail * info.f_frsize
    room = limit - (EMPTY + size_of(files))
    if free > room:
        run(TOOLS + "fallocate", "-l", str(max(4096, free - max(room, 0))), filler)
