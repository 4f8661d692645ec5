# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datasets at their mountpoints, and the images of those with a quota."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import time

import mounts
import mounttable
import shared

from zfs.errors import ZfsError
from zfs.facts import Facts, mountpoint, prop
from zfs.pool import data_of, files_of

TOOLS = "/.double/usr/bin/"


def mount_options(state: dict, dataset: str) -> tuple[str, int]:
    words, flags = ["rw"], 0
    if prop(state, dataset, "readonly")[0] == "on":
        words[0] = "ro"
        flags |= mounts.MS_RDONLY
    for name, word, flag in (("exec", "noexec", mounts.MS_NOEXEC), ("setuid", "nosuid", mounts.MS_NOSUID)):
        if prop(state, dataset, name)[0] == "off":
            words.append(word)
            flags |= flag
    if prop(state, dataset, "atime")[0] == "off":
        words.append("noatime")
        flags |= 1024
    words.append("nfsv4acls")
    return ",".join(words), flags


def attach(source: str, target: str, flags: int = 0) -> None:
    """Bind a directory in a peer group of its own: mounts below one side never show up below the other, but do in
    pots.
    """
    if flags:
        # A running pot gets a mount as it is in this moment, and nothing of what is done to its flags later.
        stage = f"{shared.RUN}/stage.{os.getpid()}.{time.monotonic_ns()}"
        os.mkdir(stage)
        mounts.mount(source, stage, None, mounts.MS_BIND)
        try:
            mounts.mount("none", stage, None, mounts.MS_PRIVATE)
            mounts.mount("none", stage, None, mounts.MS_BIND | mounts.MS_REMOUNT | flags)
            mounts.mount(stage, target, None, mounts.MS_BIND)
        finally:
            mounts.umount(stage, mounts.MNT_DETACH)
            os.rmdir(stage)
    else:
        mounts.mount(source, target, None, mounts.MS_BIND)
    mounts.mount("none", target, None, mounts.MS_PRIVATE)
    mounts.mount("none", target, None, 1 << 20)  # MS_SHARED: pots' namespaces are slaves of the host's


def mount(state: dict, dataset: str) -> None:
    """Mount a dataset at its mountpoint. OSError if that fails."""
    target = mountpoint(state, dataset)
    image_up(state, dataset)
    os.makedirs(target, exist_ok=True)
    options, flags = mount_options(state, dataset)
    real = os.path.realpath(target)
    attach(files_of(dataset), real, flags)
    mounttable.add(dataset, real, "zfs", options)


def mountable(state: dict, dataset: str) -> bool:
    return mountpoint(state, dataset) not in ("none", "legacy") and prop(state, dataset, "canmount")[0] == "on"


def unmount(dataset: str, force: bool = False) -> bool:
    """Unmount a dataset if it is mounted. ZfsError when busy."""
    entry = next(
        (entry for entry in reversed(mounttable.load()) if entry["fstype"] == "zfs" and entry["device"] == dataset),
        None,
    )
    if entry is None:
        return False
    path = entry["path"]
    above = [other for other in mounttable.below(path) if other["path"] != path]
    users = [
        other
        for other in mounttable.load()
        if other["fstype"] == "nullfs" and (other["device"] + "/").startswith(path.rstrip("/") + "/")
    ]
    if not force and (above or users):
        raise ZfsError(f"cannot unmount '{path}': pool or dataset is busy")
    if force:
        for other in reversed(above):
            detach(other["path"])
    try:
        mounts.umount(path, mounts.MNT_DETACH if force else 0)
    except OSError as error:
        if error.errno == 16:
            raise ZfsError(f"cannot unmount '{path}': pool or dataset is busy") from None
        if error.errno != 22:
            raise
    mounttable.remove(path)
    return True


def detach(path: str) -> None:
    """Forced unmount of whatever is uppermost at a path."""
    with contextlib.suppress(OSError):
        mounts.umount(path, mounts.MNT_DETACH)
    mounttable.remove(path)


def mountable_now(state: dict, dataset: str) -> bool:
    return mountpoint(state, dataset) not in ("none", "legacy") and prop(state, dataset, "canmount")[0] != "off"


def mount_all(state: dict) -> None:
    """What the rc script zfs does at boot."""
    facts = Facts(state)
    for dataset in sorted(state["datasets"], key=lambda name: mountpoint(state, name)):
        if mountable(state, dataset) and not facts.mounted_at(dataset):
            mount(state, dataset)


def run(*argv: str, **options) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)


@contextlib.contextmanager
def _loop_devices():
    """FreeBSD's /dev has no loop devices: they exist there only while an image is being mounted."""
    nodes = {
        "/dev/loop-control": (stat.S_IFCHR, 10, 237),
        **{f"/dev/loop{minor}": (stat.S_IFBLK, 7, minor) for minor in range(64)},
    }
    for path, (kind, major, minor) in nodes.items():
        if not os.path.exists(path):
            os.mknod(path, kind | 0o600, os.makedev(major, minor))
    try:
        yield
    finally:
        for path in nodes:
            forget(path)


def volume_up(dataset: str) -> None:
    image, inside = data_of(dataset) + "/=img", data_of(dataset) + "/=vol"
    if not mounts.is_mounted(inside):
        with _loop_devices():
            run(TOOLS + "mount", "-i", "-o", "loop", image, inside)
        mounts.mount("none", inside, None, mounts.MS_PRIVATE)


def image_up(state: dict, dataset: str) -> None:
    """Mount the dataset's own image, if it has one and it is not mounted yet."""
    if not os.path.exists(data_of(dataset) + "/=img"):
        return
    volume_up(dataset)
    files = files_of(dataset)
    if not mounts.is_mounted(files):
        mounts.mount(data_of(dataset) + "/=vol/fs", files, None, mounts.MS_BIND)
        mounts.mount("none", files, None, mounts.MS_PRIVATE)


def forget(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def image_down(dataset: str) -> None:
    """Unmount the dataset's own image, if any."""
    for path in (files_of(dataset), data_of(dataset) + "/=vol"):
        try:
            if os.path.isdir(path) and mounts.is_mounted(path):
                mounts.umount(path, mounts.MNT_DETACH)
        except OSError:
            pass
