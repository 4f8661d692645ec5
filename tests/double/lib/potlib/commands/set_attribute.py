# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot set-attribute."""

from __future__ import annotations

from potlib.commandline import last, options, pot_option
from potlib.configuration import PREFIX
from potlib.output import complain, error, usage
from potlib.pots import ATTRIBUTES, JAIL_ATTRIBUTES, is_running, kind_of, replace


def main(args: list[str]) -> int:
    found, _rest = options("set-attribute", args)
    name, value = last(found, "A"), last(found, "V")
    if not last(found, "p"):
        error("A pot name is mandatory")
        raise usage("set-attribute")
    if not name:
        error("Option -A is mandatory")
        raise usage("set-attribute")
    kinds = {**ATTRIBUTES, **JAIL_ATTRIBUTES}
    if name not in kinds:
        error(f"{name} is not a valid attribute")
        raise usage("set-attribute")
    if not value:
        error("Option -V is mandatory")
        raise usage("set-attribute")
    pot = pot_option("set-attribute", found)
    kind = kinds[name][0]
    if name == "no-tmpfs":
        if kind_of(pot) != "single":
            error("no-tmpfs is supported on single type pots only")
            return 1
        if is_running(pot):
            error(f"pot {pot} is still running")
            complain(OSError(f"{PREFIX}/bin/pot: set-attribute: not found"))
            return 1
    if kind == "bool":
        lowered = value.lower()
        if lowered in ("yes", "true", "on"):
            value = "YES"
        elif lowered in ("no", "false", "off"):
            value = "NO"
        else:
            error("value  is not a valid boolean value")
            raise usage("set-attribute")
    elif kind == "uint" and not value.isdigit():
        error(f"value {value} is not a valid uint value")
        raise usage("set-attribute")
    elif kind == "sysv" and value not in ("new", "inherit", "disable"):
        error("value must be one of 'new', 'inherit', 'disable'")
        raise usage("set-attribute")
    replace(pot, "pot.attr." + name, [value])
    return 0
