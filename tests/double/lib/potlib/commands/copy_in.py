# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot copy-in."""

from __future__ import annotations

import os

from potlib.commandline import has
from potlib.copying import copy, copy_options
from potlib.mounting import make_inside, mount_pot, resolve, unmount_pot
from potlib.output import complain, error, usage
from potlib.pots import is_running, root_of


def main(args: list[str]) -> int:
    pot, source, target, found = copy_options("copy-in", args)
    if not os.access(source, os.R_OK):
        error(f"{source} is not valid")
        raise usage("copy-in")
    if not target.startswith("/"):
        error("The destination has to be an absolute pathname")
        raise usage("copy-in")
    running = is_running(pot)
    if not running and not mount_pot(pot):
        return 1
    try:
        root = root_of(pot)
        parent = target.rstrip("/").rpartition("/")[0] or "/"
        if has(found, "c"):
            make_inside(root, parent)
        inside = resolve(root, parent)
        good = inside is not None
        if good:
            place = f"{root}{'' if inside == '/' else inside}/{target.rstrip('/').rpartition('/')[2]}"
            here = resolve(root, target)
            if here is not None and os.path.isdir(root + here):
                place = root + here
                if os.path.isdir(source):
                    # the source is mounted under a random name in /tmp, and cp keeps that name
                    place += "/" + "copy-in." + os.urandom(4).hex()
            good = copy(source.rstrip("/") if os.path.isdir(source) else source, place)
        else:
            complain(OSError(f"cp: {target}: No such file or directory"))
    finally:
        if not running:
            unmount_pot(pot)
    if not good:
        error(f"Source {source} NOT copied because of an error")
        return 1
    return 0
