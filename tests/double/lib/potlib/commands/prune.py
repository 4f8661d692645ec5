# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot prune."""

from __future__ import annotations

from potlib.commandline import has, need_root, options
from potlib.dispatch import nested
from potlib.output import info
from potlib.pots import all_pots, attribute, is_running


def main(args: list[str]) -> int:
    found, _rest = options("prune", args)
    need_root()
    for pot in all_pots():
        if attribute(pot, "prunable") == "YES" and attribute(pot, "to-be-pruned") == "YES" and not is_running(pot):
            if not has(found, "q"):
                info(f"Pruning {pot}")
            if not has(found, "n"):
                nested(["destroy", "-q", "-p", pot])
            if not has(found, "q"):
                info(f"Pruned {pot}")
    return 0
