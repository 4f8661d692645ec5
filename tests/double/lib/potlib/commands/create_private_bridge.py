# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot create-private-bridge."""

from __future__ import annotations

from potlib.commandline import last, need_root, options
from potlib.configuration import settings
from potlib.network import bridges, new_network
from potlib.output import error, usage


def main(args: list[str]) -> int:
    found, _rest = options("create-private-bridge", args)
    name, size = last(found, "B"), last(found, "S")
    if not name:
        error("-B is missing")
        raise usage("create-private-bridge")
    if not size.isdigit():
        error("-S is missing" if not size else f"{size} is not a valid size")
        raise usage("create-private-bridge")
    if name in bridges():
        error(f"A bridge with name {name} already exists")
        return 1
    need_root()
    network = new_network(int(size))
    if network is None:
        error("Not able to find a network for the bridge")
        return 1
    gateway = next(network.hosts())
    with open(f"{settings.fs}/bridges/{name}", "w", encoding="ascii") as stream:
        stream.write(f"net={network}\ngateway={gateway}\nname={name}\n")
    return 0
