# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot snapshot."""

from __future__ import annotations

import time

import zfs

from potlib.commandline import has, need_root, options
from potlib.output import complain, error
from potlib.pots import is_running
from potlib.snapshots import snapshot_target
from potlib.steps import fault, try_zfs


def main(args: list[str]) -> int:
    found, _rest = options("snapshot", args)
    pot, name = snapshot_target("snapshot", found)
    need_root()
    if pot and is_running(pot):
        error(f"The pot {pot} is still running. Snapshot is possible only for stopped pots")
        return 1
    if has(found, "r"):
        state = zfs.load()
        for each in [name, *zfs.children(state, name)]:
            snaps = sorted(state["datasets"][each]["snaps"])
            if snaps:
                try_zfs(zfs.destroy, f"{each}@{snaps[0]}", False, False, False)
    if fault("zfs-snapshot"):
        complain(zfs.ZfsError(f"cannot create snapshot '{name}@{int(time.time())}': out of space"))
        return 0
    try_zfs(zfs.snapshot, [f"{name}@{int(time.time())}"], bool(pot), {})
    return 0
