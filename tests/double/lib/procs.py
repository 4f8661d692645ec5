# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes as FreeBSD's tools see them, read from /proc.

What only the double needs is left out: a jail's process 1, a waiting jexec, interpreters in front of the double's own
scripts.
"""

from __future__ import annotations

import os
import time

import jail as jaillib
import mounts

TICKS = os.sysconf("SC_CLK_TCK")
OWN = "/.double/usr/bin/python3"


class Process:
    """One process: numbers as in /proc/PID/stat, argv as FreeBSD would show it, jid and jail name (0, '' on the
    host).
    """

    __slots__ = (
        "pid",
        "ppid",
        "pgid",
        "sid",
        "tty",
        "state",
        "ticks",
        "start",
        "rss",
        "vsz",
        "nice",
        "uid",
        "gid",
        "argv",
        "comm",
        "jid",
        "jail",
        "threads",
    )


def _names(path: str) -> dict[int, str]:
    found: dict[int, str] = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            for line in stream:
                fields = line.split(":")
                if len(fields) > 2 and fields[2].isdigit():
                    found.setdefault(int(fields[2]), fields[0])
    except OSError:
        pass
    return found


def users() -> dict[int, str]:
    """uid: name of the caller's root."""
    return _names("/etc/passwd")


def groups() -> dict[int, str]:
    """gid: name of the caller's root."""
    return _names("/etc/group")


def boot_seconds() -> float:
    with open("/proc/stat", encoding="ascii") as stream:
        return next(float(line.split()[1]) for line in stream if line.startswith("btime"))


def displayed(argv: list[str]) -> list[str]:
    """Without the interpreter of the double's scripts."""
    if len(argv) > 2 and argv[0] == OWN and argv[1].startswith("-I"):
        return argv[2:]
    return argv


def read(pid: int) -> Process | None:
    """One process; None when it is gone."""
    base = f"/proc/{pid}"
    try:
        with open(base + "/stat", encoding="utf-8", errors="replace") as stream:
            text = stream.read()
        with open(base + "/cmdline", "rb") as stream:
            argv = stream.read().decode("utf-8", "replace").rstrip("\0").split("\0")
        info = os.stat(base)
    except OSError:
        return None
    head, _separator, tail = text.rpartition(")")
    fields = tail.split()
    process = Process()
    process.pid, process.state, process.ppid, process.pgid, process.sid, process.tty = (
        pid,
        fields[0],
        int(fields[1]),
        int(fields[2]),
        int(fields[3]),
        int(fields[4]),
    )
    process.ticks, process.nice, process.start, process.vsz, process.rss = (
        int(fields[11]) + int(fields[12]),
        int(fields[16]),
        int(fields[19]),
        int(fields[20]),
        int(fields[21]) * 4096,
    )
    process.threads = int(fields[17])
    process.uid, process.gid = info.st_uid, info.st_gid
    # syslog-ng names its threads, the first among them; FreeBSD's ps shows the name of the program all the same.
    comm = head.partition("(")[2].removesuffix("-main")
    if argv == [""]:
        process.argv, process.comm = [f"<{comm}>"], comm
        if process.state == "Z":
            process.argv = ["<defunct>"]
    else:
        process.argv = displayed([word.replace("/.double/usr/", "/usr/") for word in argv] if argv[0] != OWN else argv)
        name = os.path.basename(process.argv[0].rstrip(":").split(":")[0].split(" ")[0]).lstrip("-")
        scripted = len(process.argv) < len(argv)
        process.comm = name if scripted or name.startswith(comm[:15]) else comm
    process.jid, process.jail = 0, ""
    return process


def everything() -> list[Process]:
    """All processes the caller may see, by pid."""
    on_host = mounts.identity().get("kind") == "host"
    jails = {}
    inits = set()
    own_space = jaillib.namespace_of("self")
    if on_host:
        for name, jail in jaillib.running().items():
            jails[jaillib.namespace_of(jail["pid"])] = (jail["jid"], name)
            inits.add(jail["pid"])
    found = []
    for entry in sorted(int(name) for name in os.listdir("/proc") if name.isdigit()):
        if entry in inits or (not on_host and entry == 1):
            continue
        process = read(entry)
        if process is None:
            continue
        if process.ppid in inits:
            process.ppid = 1
        if entry == 1:
            process.argv, process.comm = ["/sbin/init"], "init"
        space = jaillib.namespace_of(entry)
        if on_host and space and space != own_space:
            if space not in jails:
                continue
            process.jid, process.jail = jails[space]
        elif os.path.basename(process.argv[0]) == "jexec" and entry != os.getpid():
            # it waits here for what FreeBSD's jexec has become itself
            continue
        found.append(process)
    return found


def ancestors(pid: int) -> set[int]:
    found = set()
    while pid > 1:
        found.add(pid)
        process = read(pid)
        if process is None:
            break
        pid = process.ppid
    return found


def clock(ticks: int) -> str:
    """M:SS.cc"""
    centi = ticks * 100 // TICKS
    return f"{centi // 6000}:{centi // 100 % 60:02d}.{centi % 100:02d}"


def elapsed(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    if days:
        return f"{days}-{hours:02d}:{minutes:02d}:{rest:02d}"
    return f"{hours:02d}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def age(process: Process) -> int:
    """Seconds as FreeBSD's ps counts them: the second of now minus the second of the start, up to one more than have
    passed.
    """
    now = time.time()
    return max(0, int(now) - int(now - time.clock_gettime(time.CLOCK_BOOTTIME) + process.start / TICKS))
