# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Voice and video calls."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import accounts, names, network, turn, values
from ansible_collections.potluck.matrix.plugins.module_utils._pot.network import BRIDGES
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.claim import Claim
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.rules import pot_jail, tls
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable, path, port

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server


def _user(value) -> str:
    """The account that turnserver runs as: its own, or one that nobody else has."""
    return value if value == "turnserver" else accounts.free_account(value)


VARIABLES = {
    "matrix_turn": Variable(turn.server, "true", empty=False),
    "matrix_turn_host": Variable(network.host, "turn.example.com", empty=False),
    "matrix_turn_port": port("3478"),
    "matrix_turn_tls_port": port("5349"),
    "matrix_turn_relay_ports": Variable(turn.relay_ports, '"49152-50175"', empty=False),
    "matrix_turn_external_ip": Variable(values.normal(names.address), "203.0.113.7"),
    "matrix_turn_allowed_peers": Variable(turn.allowed_peers, '["10.0.0.0/24"]', empty=False),
    "matrix_turn_lifetime": Variable(turn.lifetime, "1h", empty=False),
}
OPTIONS = {
    "coturn_listen_address": Variable(network.one_or_more(network.listen_address), "10.0.0.5", empty=False),
    "coturn_user_quota": Variable(values.whole_number(1, 65535), "12", empty=False),
    "coturn_user": Variable(_user, "turnserver", empty=False),
    "coturn_uid": Variable(values.whole_number(1000, 2**31 - 1), "2003", empty=False),
    "coturn_directory": path("/mnt/matrixdata/coturn"),
    "coturn_config_directory": path("/usr/local/etc/matrix-synapse/homeserver.d"),
    "coturn_log_backups": Variable(values.whole_number(0, 1000), "7", empty=False),
}
# Settings of Synapse that this part has the last word on, and the variables that decide them.
_OURS = {
    "turn_uris": "matrix_turn",
    "turn_shared_secret": "matrix_turn",
    "turn_shared_secret_path": "matrix_turn",
    "turn_username": "matrix_turn",
    "turn_password": "matrix_turn",
    "turn_allow_guests": "matrix_turn",
    "turn_user_lifetime": "matrix_turn_lifetime",
}


def needed(server: Server) -> tuple[str, ...]:
    """Options without which the role does nothing."""
    return ("coturn_listen_address", "coturn_realm", "coturn_host") if server["matrix_turn"] is True else ()


def claims(server: Server) -> t.Iterator[Claim]:
    """The ports of an address, that of a router, which lead to this server."""
    address = server["matrix_turn_external_ip"]
    if server["matrix_turn"] is not True or not address:
        return
    for name, example in (("matrix_turn_port", "3479"), ("matrix_turn_tls_port", "5350")):
        number = server.effective(name)
        words = f"port {number} of {address} leads to "
        if number and not (name == "matrix_turn_tls_port" and tls.mode(server) == "none"):
            yield Claim(name, address, "turn", number, words, " already", example)
    ports = server.effective("matrix_turn_relay_ports")
    if not ports:
        return
    first, last = turn.first_and_last(ports)
    for number in range(first, last + 1):
        # Said once, however many they share.
        yield Claim(
            "matrix_turn_relay_ports",
            address,
            "relayed",
            number,
            f"{ports} has ports of {address} that lead to ",
            " already",
            '"50176-51199"',
            implied_by="relayed",
        )


def check(server: Server, controller: Controller) -> None:
    """Report what does not go together."""
    wanted = server["matrix_turn"]
    if not wanted:
        return
    _settings(server)
    if wanted is not True:
        return
    _relayed(server)
    _reached(server)
    external, given = server["matrix_turn_external_ip"], pot_jail.addresses(server)
    if external and given and all((":" in external) != (":" in address) for address in given):
        server.report(
            "matrix_turn_external_ip",
            f'"{external}" and matrix_ip "{", ".join(given)}" are not of one kind, IPv4 or IPv6',
        )


def _settings(server: Server) -> None:
    for option in ("synapse_settings", "synapse_secret_settings"):
        settings = server.given.get(option)
        if not isinstance(settings, dict):
            continue
        for name, variable in _OURS.items():
            if name in settings:
                server.report(option, f"{name} is what {variable} sets; leave it out", f"{option}: {{}}")


def _relayed(server: Server) -> None:
    """No service of the pot at a port through which calls are relayed."""
    ports = server.effective("matrix_turn_relay_ports")
    if not ports:
        return
    first, last = turn.first_and_last(ports)
    for stated in server.ports:
        name = stated.get("variable")
        if not (name and name in server.bad) and first <= int(stated["port"]) <= last:
            server.report("matrix_turn_relay_ports", f"{ports} holds {stated['port']}, the port of {stated['owner']}")
            return


def _reached(server: Server) -> None:
    """Whether others can reach the server, under the name that they are told."""
    network_type = pot_jail.network_type(server)
    if network_type in BRIDGES and server.missing("matrix_turn_external_ip"):
        server.report(
            "matrix_turn_external_ip",
            "is not set, but with matrix_turn: true others have to reach the pot, which is behind the address of its "
            f"host (matrix_pot_network_type is {network_type})",
        )
    name, covered = server["matrix_turn_host"], tls.names(server)
    if not name or not covered or tls.mode(server) in (None, "none"):
        return
    if name.lower() not in covered and "*." + name.lower().partition(".")[2] not in covered:
        server.report(
            "matrix_turn_host",
            f'"{name}" is not what the certificate is for, neither matrix_host nor one of matrix_extra_domains',
            f"matrix_extra_domains: [{name}]",
        )
