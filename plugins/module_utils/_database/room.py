# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What has to be free before a move begins: the file of every process, and room on the disk."""

from __future__ import annotations

import os
import re

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner

# Of the size of SQLite's file: what PostgreSQL takes for the same rows, with its indexes and the log of its writes.
GROWTH = 2.5
# Bytes beside that.
RESERVE = 64 * 1024 * 1024


def pids(text: str) -> set[int]:
    """The processes that fuser(1) has written to its standard output. FreeBSD and others write nothing but numbers
    there.
    """
    return {int(word) for word in re.findall(r"\d+", text)}


def users(path: str, runner: Runner) -> set[int]:
    """Processes that have a file open, without this one. C(Sentence) when that cannot be found out."""
    parent, name = os.path.split(os.path.normpath(path))
    with no_links.directory(parent) as here:
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
    try:
        _rc, out, _err = runner.run(["fuser", path], environment=runner.inherited())
    finally:
        os.close(handle)
    found = pids(out)
    # Its exit code says nothing that is the same everywhere: what it has to see is this process.
    if os.getpid() not in found:
        raise Sentence(f"fuser(1) does not tell who has {path} open, so nobody knows whether Synapse has", "running")
    return found - {os.getpid()}


def require_unused(path: str, children: set[int]) -> None:
    """C(Sentence) when a process beside ours has a database's file open."""
    found = users(path, Runner()) - children
    if found:
        raise Sentence(
            f"{path} is open in {', '.join(f'process {pid}' for pid in sorted(found))}; stop Synapse before "
            "its database is moved",
            "running",
        )


def free(path: str) -> int:
    """Bytes that are free on the file system of a directory, or of the next one above that is there."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


def require_room(directory: str, size: int, local: bool) -> None:
    """C(Sentence) when two copies of a database of so many bytes do not fit, and PostgreSQL's rows if those are on this
    machine.
    """
    wanted = int(size * (2 + (GROWTH if local else 0))) + RESERVE
    there = free(directory)
    if there < wanted:
        raise Sentence(
            f"{there >> 20} MiB are free at {directory}, and {wanted >> 20} MiB are needed to move a database of "
            f"{size >> 20} MiB; make room on the dataset, or raise its quota",
            "space",
        )
