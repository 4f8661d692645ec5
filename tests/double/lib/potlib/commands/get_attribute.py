# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot get-attribute."""

from __future__ import annotations

from potlib.commandline import has, last, options
from potlib.output import error, info, say, usage
from potlib.pots import ATTRIBUTES, JAIL_ATTRIBUTES, attribute, is_pot


def main(args: list[str]) -> int:
    found, _rest = options("get-attribute", args)
    pot, name, quiet = last(found, "p"), last(found, "A"), has(found, "q")
    if not pot:
        error("A pot name is mandatory")
        raise usage("get-attribute")
    if not name:
        error("Option -A is mandatory")
        raise usage("get-attribute")
    if not is_pot(pot, None if quiet else "no"):
        return 1
    if name not in ATTRIBUTES and name not in JAIL_ATTRIBUTES and name != "to-be-pruned":
        error(f"{name} is not a valid attribute")
        raise usage("get-attribute")
    value = attribute(pot, name)
    if quiet:
        say(value)
    elif value:
        info(f"{name}: {value}")
    else:
        info(f"The attribute {name} is not set for the pot {pot}")
    return 0
