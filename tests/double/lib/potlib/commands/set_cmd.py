# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot set-cmd."""

from __future__ import annotations

from potlib.commandline import last, options, pot_option
from potlib.output import error, usage
from potlib.pots import replace


def main(args: list[str]) -> int:
    found, _rest = options("set-cmd", args)
    command = last(found, "c")
    if not command and last(found, "p"):
        error("A command is mandatory")
        raise usage("set-cmd")
    pot = pot_option("set-cmd", found)
    if command.startswith('"'):
        command = command[1:].removesuffix('"')
    replace(pot, "pot.cmd", [command])
    return 0
