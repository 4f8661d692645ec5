# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot clone-fscomp."""

from __future__ import annotations

import zfs

from potlib.commandline import last, need_root, options
from potlib.configuration import settings
from potlib.output import error, usage
from potlib.steps import datasets, last_snapshot, try_zfs


def main(args: list[str]) -> int:
    found, _rest = options("clone-fscomp", args)
    source, name = last(found, "F"), last(found, "f")
    if not source or not name:
        error("fscomp name is missing")
        raise usage("clone-fscomp")
    need_root()
    full = f"{settings.zfs}/fscomp/{source}"
    if full not in datasets():
        error(f"fscomp {source} is not valid")
        return 1
    snap = last_snapshot(full)
    if not snap:
        error(f"{full} has no snapshot - please use snapshot -f {source}")
        return 1
    return 0 if try_zfs(zfs.create, f"{settings.zfs}/fscomp/{name}", {}, origin=f"{full}@{snap}") else 1
