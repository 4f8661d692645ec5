# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot last-run-stats."""

from __future__ import annotations

import sys

from potlib.commandline import last, options
from potlib.output import say, usage
from potlib.pots import directory, is_pot


def main(args: list[str]) -> int:
    found, _rest = options("last-run-stats", args)
    pot = last(found, "p")
    if not pot or not is_pot(pot):
        raise usage("last-run-stats")
    try:
        with open(directory(pot) + "/conf/.last_run_stats", encoding="utf-8") as stream:
            sys.stdout.write(stream.read())
    except OSError:
        say("{}")
    return 0
