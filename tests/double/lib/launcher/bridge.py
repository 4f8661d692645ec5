# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network that hosts and their neighbours share."""

from __future__ import annotations

import os
import shutil

from launcher.common import BRIDGE, GATEWAY, GATEWAY6, STATE, names, run


def bridge_up() -> None:
    """The network the hosts and their neighbours share; this machine is its gateway."""
    if run("ip", "link", "show", BRIDGE, check=False).returncode:
        # Left alone it would take the lowest address among its members and change it with them: everybody on the
        # network would talk to the former one until their ARP entries expire.
        run("ip", "link", "add", BRIDGE, "address", "58:9c:fc:00:00:fe", "type", "bridge")
        run("ip", "address", "add", GATEWAY + "/24", "dev", BRIDGE)
        run("ip", "-6", "address", "add", GATEWAY6 + "/64", "dev", BRIDGE, "nodad")
        run("ip", "link", "set", BRIDGE, "up")


def bridge_down() -> None:
    """Remove the network when nobody is on it any more: no host, no neighbour, nobody else's interface."""
    try:
        members = os.listdir(f"/sys/class/net/{BRIDGE}/brif")
    except FileNotFoundError:
        return
    neighbours = STATE / "neighbours"
    # The CA that neighbours share outlives each of them, but not the last of all.
    running = [entry for entry in neighbours.iterdir() if entry.name != "ca"] if neighbours.is_dir() else []
    if not names() and not members and not running:
        shutil.rmtree(neighbours, ignore_errors=True)
        run("ip", "link", "delete", BRIDGE, check=False)
