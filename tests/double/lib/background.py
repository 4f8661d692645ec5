# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Go into the background the way a well-behaved daemon does: the starter returns when the daemon is ready, not
before.
"""

from __future__ import annotations

import os

_ready = -1


def detach() -> None:
    """Continue in a child process; the caller's process ends once the child has called ready()."""
    global _ready
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        os._exit(0 if os.read(reader, 1) else 1)
    os.close(reader)
    _ready = writer
    os.setsid()
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)


def ready() -> None:
    """Let the starter go."""
    if _ready >= 0:
        os.write(_ready, b"1")
        os.close(_ready)


def pidfile(path: str) -> int:
    """Write the own pid; returns another living process' pid instead if the file names one that still holds its
    lock.
    """
    import fcntl

    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return int(os.read(descriptor, 32) or 0)
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    os.fchmod(descriptor, 0o644)
    return 0
