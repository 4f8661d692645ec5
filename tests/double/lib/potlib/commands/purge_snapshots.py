# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot purge-snapshots."""

from __future__ import annotations

import zfs

from potlib.commandline import has, need_root, options
from potlib.snapshots import snapshot_target
from potlib.steps import try_zfs


def main(args: list[str]) -> int:
    found, _rest = options("purge-snapshots", args)
    _rest, name = snapshot_target("purge-snapshots", found)
    need_root()
    state = zfs.load()
    for each in [name, *zfs.children(state, name)]:
        snaps = sorted(state["datasets"][each]["snaps"])
        for tag in snaps if has(found, "a") else snaps[:-1]:
            try_zfs(zfs.destroy, f"{each}@{tag}", False, False, False)
    return 0
