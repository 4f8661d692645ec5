# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot create-fscomp."""

from __future__ import annotations

from potlib.commandline import last, need_root, options
from potlib.configuration import settings
from potlib.output import error, info, usage
from potlib.steps import datasets, zfs_create


def main(args: list[str]) -> int:
    found, _rest = options("create-fscomp", args)
    name = last(found, "f")
    if not name:
        error("fscomp name is missing")
        raise usage("create-fscomp")
    need_root()
    full = f"{settings.zfs}/fscomp/{name}"
    if full in datasets():
        info(f"fs component {full} already exists")
        return 0
    return 0 if zfs_create(full) else 1
