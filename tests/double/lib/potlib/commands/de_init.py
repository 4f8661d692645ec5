# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot de-init."""

from __future__ import annotations

import shutil

import zfs

from potlib.commandline import need_root, options
from potlib.configuration import settings
from potlib.output import error
from potlib.steps import datasets, try_zfs


def main(args: list[str]) -> int:
    options("de-init", args)
    need_root()
    if settings.zfs not in datasets():
        error(f"{settings.zfs} not found")
        return 1
    if not try_zfs(zfs.destroy, settings.zfs, True, False, True):
        return 1
    shutil.rmtree(settings.fs, ignore_errors=True)
    return 0
