# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot vnet-start."""

from __future__ import annotations

from potlib.commandline import last, need_root, options
from potlib.network import bridges, vnet_start
from potlib.output import error


def main(args: list[str]) -> int:
    found, _rest = options("vnet-start", args)
    bridge = last(found, "B")
    need_root()
    if bridge and bridge not in bridges():
        error(f"bridge {bridge} does not exist. Have you already created it?")
        return 1
    return vnet_start(bridge)
