# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state machine that starts and stops go through."""

from __future__ import annotations

import fcntl
import os

from potlib.configuration import settings


class Lock:
    """lockf -k FILE: waits for ever."""

    def __init__(self, path: str):
        self.path = path

    def __enter__(self):
        self.handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(self.handle, fcntl.LOCK_EX)

    def __exit__(self, *_):
        os.close(self.handle)


def boot_time() -> float:
    """When the host (its process 1) started."""
    with open("/proc/1/stat", encoding="ascii", errors="replace") as stream:
        ticks = int(stream.read().rpartition(")")[2].split()[19])
    with open("/proc/stat", encoding="ascii") as stream:
        booted = next(int(line.split()[1]) for line in stream if line.startswith("btime"))
    return booted + ticks / os.sysconf("SC_CLK_TCK")


def status_file(pot: str) -> str:
    return f"{settings.tmp}/pot_status_{pot}"


def status(pot: str) -> tuple[str, str]:
    """(state, interfaces); ('', '') for none or one from before the host's boot."""
    try:
        if os.stat(status_file(pot)).st_mtime < boot_time() - 1:
            return "", ""
        with open(status_file(pot), encoding="utf-8") as stream:
            lines = [line for line in stream.read().splitlines() if line.startswith("pot.status=")]
    except OSError:
        return "", ""
    state, _rest, interfaces = lines[-1][len("pot.status=") :].partition(",") if lines else ("", "", "")
    return state, interfaces


def set_status(pot: str, wanted: str, interfaces: str | None = None) -> int:
    """0 done, 1 refused, 2 it is that state already."""
    allowed = {
        "starting": ("", "stopped"),
        "started": ("starting",),
        "doa": ("starting",),
        "stopping": ("started", "doa", "stopped"),
        "stopped": ("stopping",),
    }
    with Lock(f"{settings.tmp}/pot-lock-{pot}"):
        state, known = status(pot)
        if state == wanted and wanted != "stopped":
            return 2
        if state not in allowed[wanted]:
            return 1
        with open(status_file(pot), "w", encoding="utf-8") as stream:
            stream.write(f"pot.status={wanted},{known if interfaces is None else interfaces}\n")
    return 0
