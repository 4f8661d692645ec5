# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files reached from the root directory without following a single link, whoever owns the directories on the way.

A service's own directory is one in which the service could put a link where root is about to read or write. Each
function takes an absolute path and raises OSError as the system does, ELOOP or ENOTDIR for a link on the way.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import os
import stat
import typing as t


@dataclasses.dataclass(frozen=True)
class Attributes:
    """Owner, group (numbers, -1 for whoever it is) and mode (permission bits) of a file or a directory."""

    uid: int
    gid: int
    mode: int

    def __str__(self) -> str:
        return f"owner {self.uid}:{self.gid} mode {self.mode:04o}"


def attributes(found: os.stat_result) -> Attributes:
    """Those of what os.stat() has found."""
    return Attributes(found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))


@contextlib.contextmanager
def directory(path: str, follow: bool = False) -> t.Iterator[int]:
    """An open directory, as a file descriptor for the C(dir_fd) of functions of C(os).

    follow: where links on the way are nobody's who could mean harm.
    """
    here = os.open(path if follow else "/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        if follow:
            yield here
            return
        for name in os.path.normpath(path).split("/"):
            if name:
                there = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
                os.close(here)
                here = there
        yield here
    finally:
        os.close(here)


def read(path: str, limit: int | None = None) -> tuple[bytes, Attributes] | None:
    """(content, attributes) of a regular file; None when there is nothing. OSError (EINVAL) when there is anything
    else.

    limit: only so many bytes of the beginning.
    """
    parent, name = os.path.split(os.path.normpath(path))
    try:
        with directory(parent) as here:
            # A pipe would keep whoever opens it waiting.
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
    except FileNotFoundError:
        return None
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", path)
        return stream.read(-1 if limit is None else limit), attributes(found)


def remove(path: str) -> None:
    """Remove a file or a link, if there is one."""
    parent, name = os.path.split(os.path.normpath(path))
    with contextlib.suppress(FileNotFoundError), directory(parent) as here:
        os.unlink(name, dir_fd=here)


def make_directory(path: str, uid: int, gid: int, mode: int, check: bool = False) -> bool:
    """Make a directory, or correct its attributes; an id of -1 leaves what is there. Returns whether there was
    anything to do.

    Parents that are missing are root's and open to all. OSError (ENOTDIR, ELOOP) when something else is there.
    """
    path = os.path.normpath(path)
    try:
        with directory(path) as here:
            found = os.fstat(here)
            right = uid in (-1, found.st_uid) and gid in (-1, found.st_gid) and stat.S_IMODE(found.st_mode) == mode
            if not right and not check:
                os.fchown(here, uid, gid)
                os.fchmod(here, mode)
            return not right
    except FileNotFoundError:
        pass
    if check:
        return True
    parent, name = os.path.split(path)
    try:
        with directory(parent):
            pass
    except FileNotFoundError:
        make_directory(parent, -1, -1, 0o755)
    with directory(parent) as here:
        os.mkdir(name, 0o700, dir_fd=here)
    make_directory(path, uid, gid, mode)
    return True
