# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot version."""

from __future__ import annotations

from potlib.commandline import has, options
from potlib.output import say

VERSION = "0.16.0"


def main(args: list[str]) -> int:
    found, _rest = options("version", args)
    say(VERSION if has(found, "q") else f"pot version: {VERSION}")
    return 0
