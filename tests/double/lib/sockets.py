# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sockets of a network stack."""

from __future__ import annotations

import socket

STATES = {
    "01": "ESTABLISHED",
    "02": "SYN_SENT",
    "03": "SYN_RCVD",
    "04": "FIN_WAIT_1",
    "05": "FIN_WAIT_2",
    "06": "TIME_WAIT",
    "07": "CLOSED",
    "08": "CLOSE_WAIT",
    "09": "LAST_ACK",
    "0A": "LISTEN",
    "0B": "CLOSING",
}


def _address(text: str) -> tuple[str, int]:
    host, _separator, port = text.partition(":")
    raw = bytes.fromhex(host)
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw[::-1]), int(port, 16)
    words = b"".join(raw[index : index + 4][::-1] for index in range(0, 16, 4))
    text = socket.inet_ntop(socket.AF_INET6, words)
    return text, int(port, 16)


def sockets(pid: str = "self") -> list[dict]:
    """TCP and UDP sockets of a process' network namespace: proto, local, remote (address, port), state, uid, inode,
    queues.
    """
    found = []
    for proto in ("tcp", "tcp6", "udp", "udp6"):
        try:
            with open(f"/proc/{pid}/net/{proto}", encoding="ascii") as stream:
                lines = stream.readlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            send, _separator, receive = fields[4].partition(":")
            found.append(
                {
                    "proto": proto[:3] + ("6" if proto.endswith("6") else "4"),
                    "local": _address(fields[1]),
                    "remote": _address(fields[2]),
                    "state": STATES.get(fields[3], "CLOSED") if proto.startswith("tcp") else "",
                    "uid": int(fields[7]),
                    "inode": int(fields[9]),
                    "send": int(send, 16),
                    "receive": int(receive, 16),
                }
            )
    return found
