# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted, as FreeBSD would say it: an ordered list in /.double/run/mounts.json.

Linux' own table shows binds of the disk image; ``mount``, ``df`` and ``jexec X mount`` print this one.
An entry: device, path (as the host sees it), fstype, options (``mount -p`` form), dump, pass.
"""

from __future__ import annotations

import shared

TABLE = shared.RUN + "/mounts.json"


def load() -> list[dict]:
    """All entries in the order they were mounted."""
    return shared.load(TABLE, [])


def add(device: str, path: str, fstype: str, options: str = "rw", dump: int = 0, passno: int = 0) -> None:
    """Register a mount."""
    with shared.editing(TABLE, []) as table:
        table.append(
            {"device": device, "path": path, "fstype": fstype, "options": options, "dump": dump, "pass": passno}
        )


def remove(path: str) -> bool:
    """Forget the last mount at a path; False if there is none."""
    with shared.editing(TABLE, []) as table:
        for position in range(len(table) - 1, -1, -1):
            if table[position]["path"] == path:
                del table[position]
                return True
    return False


def at(path: str) -> dict | None:
    """The uppermost mount at exactly this path."""
    return next((entry for entry in reversed(load()) if entry["path"] == path), None)


def holding(path: str) -> dict | None:
    """The mount a path lies on: the longest mount point that is a prefix of it."""
    best = None
    for entry in load():
        point = entry["path"].rstrip("/")
        if (path == point or path.startswith(point + "/")) and (
            best is None or len(point) >= len(best["path"].rstrip("/"))
        ):
            best = entry
    return best


def below(path: str) -> list[dict]:
    """Entries at a path and underneath, in mount order."""
    prefix = path.rstrip("/") + "/"
    return [entry for entry in load() if entry["path"] == path or entry["path"].startswith(prefix)]
