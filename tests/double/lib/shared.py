# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON state shared by the commands of one host double, written whole and under a lock."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator

RUN = "/.double/run"


def load(path: str, default):
    """The state in a file, or the default when there is none yet."""
    try:
        with open(path, encoding="utf-8") as stream:
            return json.load(stream)
    except FileNotFoundError:
        return default


def store(path: str, value) -> None:
    """Replace the state in a file; readers see the old or the new one, never half of it."""
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as stream:
        json.dump(value, stream, indent=1)
    os.replace(temporary, path)


@contextlib.contextmanager
def editing(path: str, default) -> Iterator:
    """Read, change in place, write back; other writers wait. Nothing is written when the body raises."""
    with open(path + ".lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        value = load(path, default)
        yield value
        store(path, value)
