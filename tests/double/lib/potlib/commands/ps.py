# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot ps."""

from __future__ import annotations

import os

import jail as jaillib

from potlib.commandline import has, options
from potlib.network import bridge_is_up
from potlib.output import info, say
from potlib.pots import all_pots


def main(args: list[str]) -> int:
    found, _rest = options("ps", args)
    if not has(found, "q"):
        if os.geteuid() != 0:
            info("Need privileges to read internal network status")
        else:
            info("Internal network up" if bridge_is_up() else "Internal network down")
    known = all_pots()
    for name in jaillib.running():
        if name in known:
            say(name)
    return 0
