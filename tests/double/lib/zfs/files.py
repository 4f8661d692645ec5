# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of datasets: copied, emptied, removed."""

from __future__ import annotations

import contextlib
import os
import shutil

from zfs.facts import mountpoint
from zfs.mounting import TOOLS, image_down, run, unmount
from zfs.pool import data_of


def copy_tree(source: str, target: str) -> None:
    run(TOOLS + "cp", "-a", "--reflink=auto", source, target)


def empty(path: str) -> None:
    """Remove what is in a directory, leaving directories in place on which something is mounted."""
    with os.scandir(path) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                try:
                    empty(entry.path)
                    os.rmdir(entry.path)
                except OSError:
                    pass
            else:
                os.unlink(entry.path)


def remove(state: dict, dataset: str, force: bool) -> None:
    unmount(dataset, force)
    where = mountpoint(state, dataset)
    image_down(dataset)
    shutil.rmtree(data_of(dataset), ignore_errors=True)
    del state["datasets"][dataset]
    if where.startswith("/") and where != "/":
        with contextlib.suppress(OSError):
            os.rmdir(where)
