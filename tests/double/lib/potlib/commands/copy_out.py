# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot copy-out."""

from __future__ import annotations

import os

from potlib.copying import copy, copy_options
from potlib.mounting import mount_pot, resolve, unmount_pot
from potlib.output import complain, error, usage
from potlib.pots import is_running, root_of


def main(args: list[str]) -> int:
    pot, source, target, _rest = copy_options("copy-out", args)
    if not os.path.isdir(target):
        error(f"{target} is not a valid directory")
        raise usage("copy-out")
    running = is_running(pot)
    if not running and not mount_pot(pot):
        return 1
    try:
        inside = resolve(root_of(pot), source)
        good = inside is not None and copy(root_of(pot) + inside, target)
        if inside is None:
            complain(OSError(f"cp: {source}: No such file or directory"))
    finally:
        if not running:
            unmount_pot(pot)
    if not good:
        error(f"Source {source} NOT copied because of an error")
        return 1
    return 0
