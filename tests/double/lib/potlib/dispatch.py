# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a subcommand's name to its module."""

from __future__ import annotations

import importlib

from potlib.output import Exit, usage
from potlib.subcommands import ALIASES, GETOPT


def nested(argv: list[str]) -> int:
    """pot calling itself."""
    try:
        return dispatch(argv[0], argv[1:])
    except Exit as ending:
        return ending.code


def dispatch(command: str, args: list[str]) -> int:
    """Run a subcommand, of which no other is loaded: pot is started often."""
    command = ALIASES.get(command, command)
    if command not in (*GETOPT, "help", "run"):
        raise usage("", 1)
    return importlib.import_module("potlib.commands." + command.replace("-", "_")).main(args)
