# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot revert."""

from __future__ import annotations

import zfs

from potlib.commandline import need_root, options
from potlib.output import error
from potlib.pots import is_running
from potlib.snapshots import snapshot_target
from potlib.steps import try_zfs


def main(args: list[str]) -> int:
    found, _rest = options("revert", args)
    pot, name = snapshot_target("revert", found)
    need_root()
    if pot and is_running(pot):
        error(f"The pot {pot} is still running. Revert is possible only for stopped pots")
        return 1
    state = zfs.load()
    for each in [name, *zfs.children(state, name)]:
        snaps = sorted(state["datasets"][each]["snaps"])
        if snaps:
            try_zfs(zfs.rollback, f"{each}@{snaps[-1]}", False, False, False)
    return 0
