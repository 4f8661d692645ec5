# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot set-status."""

from __future__ import annotations

from potlib.commandline import last, options
from potlib.output import usage
from potlib.states import set_status


def main(args: list[str]) -> int:
    found, _rest = options("set-status", args)
    pot, wanted = last(found, "p"), last(found, "s")
    if not pot or wanted not in ("starting", "started", "doa", "stopping", "stopped"):
        raise usage("set-status")
    return set_status(pot, wanted, last(found, "i") or None)
