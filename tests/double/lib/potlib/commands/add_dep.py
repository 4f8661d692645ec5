# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot add-dep."""

from __future__ import annotations

from potlib.commandline import last, options, pot_option
from potlib.output import error, usage
from potlib.pots import is_pot, lines_of, write_lines


def main(args: list[str]) -> int:
    found, _rest = options("add-dep", args)
    other = last(found, "P")
    pot = pot_option("add-dep", found)
    if not other or not is_pot(other):
        if not other:
            error("A pot dependency is mandatory")
        raise usage("add-dep")
    write_lines(pot, lines_of(pot) + [f"pot.depend={other}"])
    return 0
