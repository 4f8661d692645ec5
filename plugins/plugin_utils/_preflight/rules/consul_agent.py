# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Consul agent, and names that are asked of it."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import consul, network, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import files
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.claim import Claim
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.rules import pot_jail
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable, boolean, file, path

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server

VARIABLES = {
    "matrix_datacenter": Variable(consul.datacenter, "dc1"),
    "matrix_consul_servers": Variable(consul.servers_or_none, '"10.0.0.2,10.0.0.3"'),
    "matrix_gossip_key": Variable(consul.gossip_key, 'what "consul keygen" prints'),
    "matrix_consul_dns": boolean("true"),
    "matrix_dns_forwarders": Variable(network.resolvers, '["10.0.0.1"]', empty=False),
    "matrix_node_name": Variable(consul.node_name, "matrix1", empty=False),
    "matrix_consul_acl_token": Variable(values.secret, "a text in quotes"),
    "matrix_consul_ca_file": file("consul-ca.pem"),
    "matrix_consul_certificate_file": file("consul-agent.pem"),
    "matrix_consul_key_file": file("consul-agent.key"),
}
OPTIONS = {
    "consul_agent_bind_address": Variable(network.listen_address, "10.0.0.5"),
    "consul_agent_advertise_address": Variable(network.listen_address, "10.0.0.5"),
    "consul_agent_data_directory": path("/mnt/matrixdata/consul"),
    "consul_agent_log_priority": Variable(
        values.word("[a-z0-9.]+", "is not a priority of syslog"), "warning", empty=False
    ),
}


def node_name(server: Server) -> str | None:
    """The node's name in Consul, one made of the inventory's name being unchecked; None when the value is bad."""
    return server.effective("matrix_node_name")


def needed(server: Server) -> tuple[str, ...]:
    """Options without which the role does nothing."""
    return ("consul_agent_bind_address",) if server.wanted("matrix_consul_servers") else ()


def claims(server: Server) -> t.Iterator[Claim]:
    """The name in the datacenter."""
    name = node_name(server)
    if server["matrix_consul_servers"] and name and server["matrix_datacenter"]:
        yield Claim(
            "matrix_node_name",
            "",
            "node",
            (server["matrix_datacenter"], name.lower()),
            f'"{name}" is the name of ',
            " in the same Consul datacenter already",
            "matrix2",
        )


def check(server: Server, controller: Controller) -> None:
    """Report what does not go together."""
    files.authorities(server, "matrix_consul_ca_file", controller)
    _agent(server, controller)
    _dns(server)


def _agent(server: Server, controller: Controller) -> None:
    if not server.wanted("matrix_consul_servers"):
        return
    server.both_or_neither("matrix_consul_certificate_file", "matrix_consul_key_file")
    files.pair(server, "matrix_consul_certificate_file", "matrix_consul_key_file", [], controller)
    pair = ("matrix_consul_certificate_file", "matrix_consul_key_file")
    if server[pair[0]] and server.known(*pair) and server.missing("matrix_consul_ca_file"):
        server.report(
            "matrix_consul_ca_file",
            "is not set, but matrix_consul_certificate_file is; without it nothing would be encrypted",
        )
    for name in ("matrix_datacenter", "matrix_gossip_key"):
        if server.missing(name):
            server.report(name, "is not set, but matrix_consul_servers is")
    if server["matrix_node_name"] is None and server.known("matrix_node_name"):
        try:
            consul.node_name(node_name(server))
        except ValueError as error:
            server.report(
                "matrix_node_name",
                f'is not set, and the one made from the inventory\'s name, "{node_name(server)}", {error}',
            )


def _dns(server: Server) -> None:
    if not server["matrix_consul_dns"]:
        return
    for name in ("matrix_consul_servers", "matrix_dns_forwarders"):
        if server.missing(name):
            server.report(name, "is not set, but matrix_consul_dns is true")
    for address in server["matrix_dns_forwarders"] or []:
        if ":" in address:
            problem = f'has "{address}", an IPv6 address, but a pot behind a bridge needs an IPv4 address'
            server.report("matrix_dns_forwarders", f"the value {problem}")
    network_type = pot_jail.network_type(server)
    if network_type in ("alias", "inherit"):
        problem = (
            "true needs a pot with a 127.0.0.1 of its own, which it has behind a bridge, "
            f"but matrix_pot_network_type is {network_type}"
        )
        server.report(
            "matrix_consul_dns", problem, "matrix_consul_dns: false, or matrix_pot_network_type: public-bridge"
        )
