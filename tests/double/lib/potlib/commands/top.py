# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot top."""

from __future__ import annotations

import os

from potlib.commandline import last, options
from potlib.output import error
from potlib.pots import is_running


def main(args: list[str]) -> int:
    found, _rest = options("top", args)
    pot = last(found, "p")
    if not pot or not is_running(pot):
        error(f"The pot {pot} is not running")
        return 1
    os.execv("/usr/bin/top", ["top", "-b", "-n", "1"])
    return None
