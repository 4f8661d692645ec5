# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clashes: what only the look at several things together shows."""

from __future__ import annotations

import itertools
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import external_database
from ansible_collections.potluck.matrix.plugins.plugin_utils import _rollout
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server

# What says something of the run, not of a server.
_OF_A_RUN = ("matrix_serial", "matrix_max_fail_percentage", "matrix_canary", "matrix_report_file")


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
    """Report what two servers must not share."""
    seen: dict[tuple, Server] = {}
    extif: dict[tuple, Server] = {}
    shared: dict[tuple, tuple[Server, t.Any]] = {}
    for server in neighbours + servers:
        told = set()
        for variable, key, before, after, example in _unique(server):
            other = seen.setdefault(key, server)
            # One dataset for two servers is one mountpoint as well; the first problem is enough.
            if other is server or server in neighbours or key[1] == "mountpoint" and ("dataset", other.host) in told:
                continue
            told.add((key[1], other.host))
            server.report(variable, before + other.host + after, f"{variable}: {example}")
        _nested(server, seen, neighbours)
        settings = server.given.get("pot_jail_settings")
        for key, value in settings.items() if isinstance(settings, dict) else ():
            other, theirs = shared.setdefault((server.machine, key), (server, value))
            if theirs != value and server not in neighbours:
                problem = (
                    "the value for %s differs from the one of %s on the same host, where pot has one configuration"
                )
                server.report(
                    "pot_jail_settings", problem % (key, other.host), "pot_jail_settings: the same for both servers"
                )
        nic = server["matrix_pot_extif"]
        if nic:
            other = extif.setdefault(server.machine, server)
            if other["matrix_pot_extif"] != nic and server not in neighbours:
                problem = (
                    '"%s" differs from "%s", which %s has on the same host; pot knows one external interface per host'
                )
                server.report("matrix_pot_extif", problem % (nic, other["matrix_pot_extif"], other.host))


def check_rollout(servers: list[Server], neighbours: list[Server], groups: t.Mapping[str, t.Sequence[str]]) -> None:
    """Report what a run cannot go by: another value for each server where it has one, canaries that are nobody."""
    known = [server.host for server in neighbours + servers]
    for name in _OF_A_RUN:
        for server in servers:
            if server.known(name) and servers[0].known(name) and server[name] != servers[0][name]:
                server.report(
                    name, f"differs from the one of {servers[0].host}, and a run has one; give it to all servers"
                )
    for server in servers[:1]:
        for name in server["matrix_canary"] or []:
            if not _rollout.named([name], groups, known):
                server.report(
                    "matrix_canary", f'"{name}" is neither a server nor a group of them', f"matrix_canary: [{known[0]}]"
                )
                break


def _nested(server: Server, seen: dict[tuple, Server], neighbours: list[Server]) -> None:
    """A mountpoint below another server's: one hides the other's data, and the pot above sees both."""
    for key, other in seen.items():
        if (
            other is server
            or server in neighbours
            or key[:2] != (server.machine, "mountpoint")
            or not server.mountpoint
        ):
            continue
        if key[2].startswith(server.mountpoint + "/") or server.mountpoint.startswith(key[2] + "/"):
            problem = f'"{server.mountpoint}" and "{key[2]}", the mountpoint of {other.host} on the same host, overlap'
            server.report("matrix_dataset_mountpoint", problem, "matrix_dataset_mountpoint: /mnt/matrixdata2")


def _unique(server: Server) -> t.Iterator[tuple[str, tuple, str, str, str]]:
    """What no two servers may share: (variable, key, words before and after the other server's name, example value)."""
    here, there = server.machine, " on the same host already"
    domain = server["matrix_domain"]
    if domain:
        yield "matrix_domain", ("", "domain", domain), f'"{domain}" is the domain of ', " already", "example.org"
    name = server["matrix_host"]
    if name:
        # No server is reached at another one's domain either: that is where users and servers look for the other.
        yield "matrix_host", ("", "domain", name), f'"{name}" is a name of ', " already", "matrix.example.org"
    for name in server["matrix_extra_domains"] or []:
        yield (
            "matrix_extra_domains",
            ("", "domain", name),
            f'"{name}" is a name of ',
            " already",
            "[matrix.example.org]",
        )
    if server.network_type == "inherit" and server["matrix_ldap_server"] and server.known("matrix_ldap_proxy_port"):
        # Pots that inherit the host's addresses share 127.0.0.1 too, where the proxy before the directory listens.
        port = server.effective("matrix_ldap_proxy_port")
        yield (
            "matrix_ldap_proxy_port",
            (here, "proxy", port),
            f"port {port} of 127.0.0.1 is what ",
            " uses on the same host already",
            "3891",
        )
    database = server["matrix_database"]
    if isinstance(database, dict):
        yield (
            "matrix_database",
            ("", "database", database["host"].lower(), database["port"], database["name"]),
            f'the database "{database["name"]}" at {database["host"]} is the one of ',
            " already",
            external_database.EXAMPLE.replace("password:", "name: synapse2, password:"),
        )
    for address in server.addresses:
        yield "matrix_ip", (here, "ip", address), f'"{address}" is the address of ', there, "10.0.0.6"
    if server.pot_name:
        yield (
            "matrix_pot_name",
            (here, "pot", server.pot_name),
            f'"{server.pot_name}" is the pot of ',
            there,
            "matrix2",
        )
    if server.dataset:
        yield (
            "matrix_dataset",
            (here, "dataset", server.dataset),
            f'"{server.dataset}" is the dataset of ',
            there,
            "zroot/matrixdata2",
        )
    if server.mountpoint:
        words = f'"{server.mountpoint}" is the mountpoint of '
        yield "matrix_dataset_mountpoint", (here, "mountpoint", server.mountpoint), words, there, "/mnt/matrixdata2"
    for protocol, _inside, outside in server["matrix_pot_exported_ports"] or []:
        if outside:
            before = f"port {outside}/{protocol} of the host goes to "
            yield "matrix_pot_exported_ports", (here, "port", protocol, outside), before, " already", '["tcp:443:8443"]'
    if server["matrix_consul_servers"] and server.node_name and server["matrix_datacenter"]:
        key = ("", "node", server["matrix_datacenter"], server.node_name.lower())
        yield (
            "matrix_node_name",
            key,
            f'"{server.node_name}" is the name of ',
            " in the same Consul datacenter already",
            "matrix2",
        )
