# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot get-rss."""

from __future__ import annotations

from potlib.commandline import has, last, options
from potlib.output import error, say, usage
from potlib.pots import is_pot, is_running
from potlib.showing import memory_of


def main(args: list[str]) -> int:
    found, _rest = options("get-rss", args)
    pot = last(found, "p")
    if not pot:
        error("A pot name is mandatory")
        raise usage("get-rss")
    if not is_pot(pot):
        raise usage("get-rss")
    if not is_running(pot):
        error(f"The pot {pot} is not running")
        return 1
    virtual, resident, ticks = memory_of(pot)
    if has(found, "J"):
        say(
            '{ "ResourceUsage": { "MemoryStats": { "RSS" : %d, "Swap" : 0 }, "CpuStats": { "TotalTicks": %.3f, '
            '"Percent": %d } } } ' % (resident, ticks * 20.0, 0)
        )
        return 0
    say(f"Resource usage by the pot {pot}")
    say(f"\tcpu time (ticks spent) : {ticks}")
    say(f"\tcpu time (MHz)         : {ticks * 20.0:.3f}")
    say("\tpcpu (%)               : 0")
    say(f"\tvirtual memory         : {virtual}")
    say(f"\tphysical memory        : {resident}")
    say("\tswap memory            : 0")
    return 0
