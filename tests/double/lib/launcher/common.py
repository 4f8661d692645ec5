# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of the launcher share: names and places, and how they run programs and wait."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

STATE = Path(os.environ.get("POTLUCK_DOUBLE_DIR") or "/var/tmp/potluck-double")
BRIDGE = "potluck0"
NETWORK = "10.199.0"
GATEWAY = NETWORK + ".1"
# The same network of IPv6, which a host takes part in only when it is told to, as on FreeBSD.
GATEWAY6 = "2001:db8:199::1"
# Below are the neighbours' addresses, above are left for pots.
FIRST, LAST = 20, 99
NIC = "vtnet0"
# What the double was recorded as, and can be on its host; a pot may be any release that pot knows.
RELEASES = ("13.2", "15.0")
PATH = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """What the caller is told; no traceback."""


def run(*command: str, check: bool = True) -> subprocess.CompletedProcess:
    """Run a Linux program of this machine."""
    result = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if check and result.returncode:
        raise Failure(f"{' '.join(command)}: {result.stderr.strip() or result.stdout.strip()}")
    return result


def libc_call(name: str, *arguments) -> None:
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


@contextlib.contextmanager
def exclusive() -> Iterator[None]:
    """One launcher at a time decides about addresses and the bridge."""
    STATE.mkdir(parents=True, exist_ok=True)
    with open(STATE / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def group_name(name: str) -> str:
    """The control group of a double's jails. Networks are apart from each other and may have doubles of one name,
    groups are not.
    """
    return f"potluck-{name}-{os.stat('/proc/self/ns/net').st_ino}"


def started_at(pid: int) -> str:
    """The start time of a process in clock ticks: with the pid it names a process for good. Empty if it is gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def wait_until(condition, seconds: float, problem: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(problem)
        time.sleep(0.02)


def parse_size(text: str) -> int:
    """'4G' -> bytes."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
    unit = text[-1:].upper()
    try:
        return int(float(text[:-1]) * units[unit]) if unit in units else int(text)
    except ValueError:
        raise Failure(f"{text!r} is no size") from None


def names() -> list[str]:
    """All doubles there are, running or not."""
    if not STATE.is_dir():
        return []
    return sorted(entry.name for entry in STATE.iterdir() if (entry / "config.json").exists())
