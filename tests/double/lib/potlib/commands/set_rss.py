# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot set-rss."""

from __future__ import annotations

import re

from potlib.commandline import last, options, pot_option
from potlib.output import error, usage
from potlib.pots import replace


def main(args: list[str]) -> int:
    found, _rest = options("set-rss", args)
    cpus, memory = last(found, "C"), last(found, "M")
    if cpus and (not cpus.isdigit() or int(cpus) == 0):
        error(f"{cpus} is not a valid cpu constraint")
        raise usage("set-rss")
    if memory and (not re.fullmatch(r"[0-9]+[bBkKmMgG]?", memory) or int(re.match(r"\d+", memory).group()) == 0):
        error(f"{memory} is not a valid memory constraint")
        raise usage("set-rss")
    pot = pot_option("set-rss", found)
    if not cpus and not memory:
        error("At least one of -C and -M has to be used")
        raise usage("set-rss")
    if cpus:
        replace(pot, "pot.rss.cpus", [cpus])
    if memory:
        replace(pot, "pot.rss.memory", [memory])
    return 0
