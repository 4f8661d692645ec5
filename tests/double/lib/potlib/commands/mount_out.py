# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot mount-out."""

from __future__ import annotations

import jailmounts

from potlib.commandline import last, need_root, options
from potlib.mounting import fscomp_path, mount_pot, resolve, unmount_pot
from potlib.output import complain, error, usage
from potlib.pots import is_pot, is_running, root_of


def main(args: list[str]) -> int:
    found, _rest = options("mount-out", args)
    pot, where = last(found, "p"), last(found, "m")
    if not pot:
        error("A pot name is mandatory")
        raise usage("mount-out")
    if not where:
        error("A mount point is mandatory")
        raise usage("mount-out")
    if not is_pot(pot, None):
        error(f"pot {pot} is not valid")
        raise usage("mount-out")
    need_root()
    running = is_running(pot)
    if not running and not mount_pot(pot):
        error(f"Pot {pot} failed to mount")
        return 1
    resolved = resolve(root_of(pot), where)
    if not running:
        unmount_pot(pot)
    if resolved is None:
        complain(OSError(f"realpath: {where}: No such file or directory"))
        return 0
    with open(fscomp_path(pot), encoding="utf-8") as stream:
        lines = stream.read().splitlines()
    relative = any(line.split()[1:2] == [resolved] for line in lines)
    absolute = root_of(pot) + resolved
    if not relative and (running or not any(line.split()[1:2] == [absolute] for line in lines)):
        error(f"The mount point {where} is not in use")
        return 1
    if running:
        jailmounts.detach(absolute)
    # only entries in the old absolute form are ever deleted
    kept = [line for line in lines if line.split()[1:2] != [absolute]]
    if kept != lines:
        with open(fscomp_path(pot), "w", encoding="utf-8") as stream:
            stream.write("".join(line + "\n" for line in kept))
    return 0
