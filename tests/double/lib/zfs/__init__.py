# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ZFS as FreeBSD shows it (13.2 has OpenZFS 2.1, 15.0 has 2.4), on directories of the double's disk image.

A dataset's files lie in ``/.double/disk/zpool/<dataset>/=fs`` and are bind-mounted at its mountpoint, its snapshots are
copies in ``=snap/<name>`` ('=' cannot occur in a dataset's name, so children never collide). Everything else
(properties, origins, times) is JSON in ``/.double/disk/meta/zfs.json``. A dataset with a quota, of its own or above it,
gets an ext4 image of its own (``=img``) whose free space a filler file limits, so that writing beyond the quota fails
with ENOSPC and the quota can change while mounted.

What commands use of it has its name here; where it is defined says what it is about.
"""

from __future__ import annotations

from zfs.datasets import create, destroy, inherit, promote, rename, set_properties
from zfs.errors import ZfsError
from zfs.facts import Facts, mountpoint, prop, size_of, stamp
from zfs.mounting import attach, image_up, mount, mount_all, mount_options, unmount
from zfs.pool import DISK, children, clones_of, files_of, load, need
from zfs.properties import PROPERTIES, SNAPSHOT_PROPERTIES, canonical, human, is_user
from zfs.snapshots import hold, rollback, snapshot
from zfs.streams import receive, send

__all__ = [
    "DISK",
    "PROPERTIES",
    "SNAPSHOT_PROPERTIES",
    "Facts",
    "ZfsError",
    "attach",
    "canonical",
    "children",
    "clones_of",
    "create",
    "destroy",
    "files_of",
    "hold",
    "human",
    "image_up",
    "inherit",
    "is_user",
    "load",
    "mount",
    "mount_all",
    "mount_options",
    "mountpoint",
    "need",
    "promote",
    "prop",
    "receive",
    "rename",
    "rollback",
    "send",
    "set_properties",
    "size_of",
    "snapshot",
    "stamp",
    "unmount",
]
