# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot set-env."""

from __future__ import annotations

from potlib.commandline import last, options, pot_option
from potlib.output import error, usage
from potlib.pots import replace


def main(args: list[str]) -> int:
    found, _rest = options("set-env", args)
    values = [value for letter, value in found if letter == "E"]
    for value in values:
        if "=" not in value or value.startswith("="):
            error(f"{value} not in a valid form")
            error("VARIABLE=value is accetped")
            raise usage("set-env")
    if not last(found, "p"):
        error("A pot name is mandatory")
        raise usage("set-env")
    if not values:
        error("A command is mandatory")
        raise usage("set-env")
    pot = pot_option("set-env", found)
    replace(pot, "pot.env", ['"' + value.replace('"', '\\"') + '"' for value in values])
    return 0
