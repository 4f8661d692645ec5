# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts of jails as the host sees them: devfs, nullfs, tmpfs."""

from __future__ import annotations

import contextlib
import os

import mounts
import mounttable
import release
import shared
import zfs


def mount_devfs(path: str) -> None:
    """devfs in a jail's root, visible on the host as well."""
    target = os.path.join(path, "dev")
    mounts.mount_dev(path)
    os.chmod(target, 0o555)
    mounttable.add("devfs", target, "devfs", "rw")


def unmount_below(path: str) -> None:
    """Forced unmount of everything the double mounted at a path and below it, last first."""
    for entry in reversed(mounttable.below(path)):
        detach(entry["path"])


def detach(path: str) -> bool:
    """umount -f: the uppermost mount at a path; False if nothing is mounted there."""
    entry = mounttable.at(path)
    if entry is None:
        return False
    if entry["fstype"] == "devfs":
        for name in ("pts", "shm"):
            with contextlib.suppress(OSError):
                mounts.umount(os.path.join(path, name), mounts.MNT_DETACH)
    with contextlib.suppress(OSError):
        mounts.umount(path, mounts.MNT_DETACH)
    mounttable.remove(path)
    return True


def nullfs(source: str, target: str, read_only: bool) -> None:
    """mount_nullfs. The lower file system's peculiarities show through in the options, as on FreeBSD. Raises
    OSError.
    """
    if os.path.exists(shared.RUN + "/faults/nullfs"):
        raise OSError(11, "Resource deadlock avoided")
    source, target = os.path.realpath(source), os.path.realpath(target)
    if not os.path.isdir(source) or not os.path.isdir(target):
        raise OSError(2, "No such file or directory")
    lower, there = mounttable.holding(source), mounttable.at(target)
    if (
        release.kernel().major >= 15
        and there
        and there["fstype"] == "nullfs"
        and os.path.realpath(there["device"]) == source
    ):
        raise OSError(11, "Resource deadlock avoided")
    words, inherited = ["ro" if read_only else "rw"], []
    if lower and lower["fstype"] in ("zfs", "nullfs"):
        inherited = lower["options"].split(",")[1:]
        if lower["options"].startswith("ro"):
            words[0] = "ro"
            read_only = True
    flags = (mounts.MS_RDONLY if read_only else 0) | (1024 if "noatime" in inherited else 0)
    if release.kernel().major < 15:
        # Newer kernels show nothing of what lies below.
        words += inherited
    zfs.attach(source, target, flags)
    mounttable.add(source, target, "nullfs", ",".join(words))


def tmpfs(target: str, mode: str = "1777", size: str = "") -> None:
    """A fresh tmpfs, in a peer group of its own."""
    target = os.path.realpath(target)
    mounts.mount("tmpfs", target, "tmpfs", mounts.MS_NOSUID, f"mode={mode}" + (f",size={size}" if size else ""))
    mounts.mount("none", target, None, 1 << 20)
    mounttable.add("tmpfs", target, "tmpfs", "rw")
