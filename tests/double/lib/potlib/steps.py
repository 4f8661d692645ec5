# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ZFS steps, with pot's habit of carrying on, and those that a test wants to fail."""

from __future__ import annotations

import os
import subprocess
import tempfile

import shared
import zfs

from potlib.output import complain


def fault(name: str) -> bool:
    """Whether a test wants this step to fail."""
    return os.path.exists(f"{shared.RUN}/faults/{name}")


def datasets() -> dict:
    return zfs.load()["datasets"]


def try_zfs(operation, *arguments, **keywords) -> bool:
    """Run a zfs operation; its complaint goes to stderr as zfs' own."""
    try:
        operation(*arguments, **keywords)
        return True
    except (zfs.ZfsError, OSError, subprocess.CalledProcessError) as problem:
        complain(problem)
        return False


def zfs_create(name: str, **props: str) -> bool:
    if fault("create-zfs"):
        complain(zfs.ZfsError(f"cannot create '{name}': out of space"))
        return False
    return try_zfs(zfs.create, name, props)


def last_snapshot(name: str) -> str:
    snaps = list(datasets().get(name, {"snaps": {}})["snaps"])
    return sorted(snaps)[-1] if snaps else ""


def copy_dataset(snapshot: str, target: str) -> bool:
    """zfs send | zfs receive."""
    with tempfile.TemporaryFile() as stream:
        if not try_zfs(zfs.send, snapshot, False, False, None, stream):
            return False
        stream.seek(0)
        return try_zfs(zfs.receive, target, stream, False, True, None, {}, [])
