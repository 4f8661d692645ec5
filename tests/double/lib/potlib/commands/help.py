# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot help."""

from __future__ import annotations

import sys

import potusage

from potlib.output import error
from potlib.subcommands import ALIASES, GETOPT


def main(args: list[str]) -> int:
    if not args:
        sys.stdout.write(potusage.of(""))
        return 0
    name = ALIASES.get(args[0], args[0])
    if name not in GETOPT:
        error(f"Command {args[0]} unkown")
        return 1
    sys.stdout.write(potusage.of(name))
    return 0
