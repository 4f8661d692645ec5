# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clashes: what only the look at several things together shows."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.claim import Claim
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.parts import ALIKE, CLAIMS
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server


def check_ports(server: Server) -> None:
    """No two services of one pot on one port, by what the plates of its parts state."""
    taken: dict[int, str] = {}
    # What is to be changed is what somebody has set: ports that nothing sets come first, those that are set come last.
    for stated in sorted(server.ports, key=lambda each: ("variable" in each, each.get("variable") in server.given)):
        port, name = int(stated["port"]), stated.get("variable")
        # A value that is bad has been reported.
        if name in server.bad:
            continue
        if port in taken and name:
            default = int(server.defaults[name])
            free = next(number for number in itertools.count(default) if number not in taken)
            server.report(name, f"{port} is the port of {taken[port]}", f"{name}: {free}")
        taken.setdefault(port, stated["owner"])


def check_servers(servers: list[Server], neighbours: list[Server]) -> None:
    """Report what two servers must not share, and what they must say alike."""
    seen: dict[tuple, Server] = {}
    first: dict[tuple, tuple[Server, t.Any]] = {}
    for server in neighbours + servers:
        told = set()
        for claims in CLAIMS:
            for claim in claims(server):
                other = seen.setdefault((claim.where, claim.kind, claim.what), server)
                if other is not server and server not in neighbours and (claim.implied_by, other) not in told:
                    told.add((claim.kind, other))
                    words = claim.before + other.host + claim.after
                    server.report(claim.variable, words, f"{claim.variable}: {claim.example}")
                elif claim.overlaps and server not in neighbours:
                    _overlapping(server, claim, seen)
        for alike in ALIKE:
            for each in alike(server):
                if each.of_a_run and server in neighbours:
                    continue
                other, value = first.setdefault((each.variable, *each.where), (server, each.value))
                if value != each.value and server not in neighbours:
                    server.report(each.variable, each.problem(value, other.host), each.example)


def _overlapping(server: Server, claim: Claim, seen: dict[tuple, Server]) -> None:
    """A path below another server's: one hides the other's data, and the pot above sees both."""
    for (where, kind, what), other in seen.items():
        if other is server or (where, kind) != (claim.where, claim.kind):
            continue
        if what.startswith(claim.what + "/") or claim.what.startswith(what + "/"):
            problem = f'"{claim.what}" and "{what}", {claim.overlaps} of {other.host} on the same host, overlap'
            server.report(claim.variable, problem, f"{claim.variable}: {claim.example}")
