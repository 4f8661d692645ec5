# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot stop."""

from __future__ import annotations

from potlib.commandline import last, need_root, options
from potlib.output import error, usage
from potlib.pots import is_pot
from potlib.stopping import stop_pot


def main(args: list[str]) -> int:
    found, rest = options("stop", args)
    pot = last(found, "p") or (rest[0] if rest else "")
    if not pot:
        error("A pot name is mandatory")
        raise usage("stop")
    if not is_pot(pot, None):
        error(f"The pot {pot} is not a valid pot")
        return 0
    need_root()
    return stop_pot(pot)
