# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot term."""

from __future__ import annotations

import os
import sys

from potlib.commandline import has, last, options
from potlib.dispatch import nested
from potlib.output import error, usage
from potlib.pots import is_running


def main(args: list[str]) -> int:
    found, rest = options("term", args)
    pot = last(found, "p") or (rest[0] if rest else "")
    if not pot:
        error("A pot name is mandatory")
        raise usage("term")
    if has(found, "f") and not is_running(pot) and nested(["start", pot]):
        return 1
    if not is_running(pot):
        error(f"The pot {pot} is not running")
        return 1
    sys.stdout.flush()
    os.execv("/usr/sbin/jexec", ["/usr/sbin/jexec", "-l", "-U", "root", pot])
    return None
