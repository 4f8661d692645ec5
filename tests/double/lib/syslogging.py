# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and sending side of syslog(3)."""

from __future__ import annotations

import os
import socket
import time

FACILITIES = {
    name: number
    for number, name in enumerate(
        [
            "kern",
            "user",
            "mail",
            "daemon",
            "auth",
            "syslog",
            "lpr",
            "news",
            "uucp",
            "cron",
            "authpriv",
            "ftp",
            "ntp",
            "security",
            "console",
        ]
        + ["", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"]
    )
    if name
}
PRIORITIES = {
    name: number for number, name in enumerate(["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"])
}
PRIORITIES.update(panic=0, error=3, warn=4, none=8)
SOCKET = "/var/run/log"
PRIVILEGED = "/var/run/logpriv"


def send(facility: str, priority: str, tag: str, message: str, pid: int | None = None, path: str = SOCKET) -> None:
    """Hand a message to syslogd; nobody listening is no error, as with syslog(3)."""
    number = FACILITIES[facility] * 8 + PRIORITIES[priority]
    # As FreeBSD's C library writes it since 12: by RFC 5424.
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000000+00:00", time.gmtime())
    text = f"<{number}>1 {stamp} {os.uname().nodename} {tag} {pid or '-'} - - {message}"
    # The C library tries the socket first that only root may write to.
    paths = [PRIVILEGED] if path == SOCKET and os.geteuid() == 0 else []
    for each in [*paths, path]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            try:
                channel.connect(each)
                channel.send(text.encode("utf-8", "surrogateescape"))
                drain(channel)
                return
            except OSError:
                continue


def drain(channel: socket.socket) -> None:
    """Give syslogd the time to write: on FreeBSD a message is in its file by the time logger(1) has ended."""
    import fcntl
    import struct

    for _turn in range(100):
        if struct.unpack("i", fcntl.ioctl(channel.fileno(), 0x5411, b"\0" * 4))[0] == 0:
            break
        time.sleep(0.002)
    time.sleep(0.005)
