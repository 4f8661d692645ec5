# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of turnserver, and what Synapse is told about the TURN server, computed from the options of role
coturn, whose names they have without its prefix.
"""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, network, turn, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.options import Options

# What nobody here needs and others could misuse: relaying of TCP, an interface for commands, answers that tell what
# runs here and at which ports more of it.
_OFF = (
    "no-cli",
    "no-tcp-relay",
    "no-multicast-peers",
    "no-software-attribute",
    "no-rfc5780",
    "no-dtls",
)
_WRITE_PORT = "write a port, such as 3478"


def turnserver(options: Options) -> list[str]:
    """The lines of turnserver.conf, but for the one with the secret.

    Beside those of the role, options holds C(log), C(pid_file) and C(database), turnserver's own files, and
    C(certificate) and C(key), both empty without TLS.
    """
    ports = options.judged("relay_ports", turn.relay_ports, "write FIRST-LAST")
    first, last = turn.first_and_last(ports)
    addresses, external = network.addresses(options["listen_address"]), options["external_ip"]
    found = [
        # It would say at each start, boot included, what its log says as well.
        "no-stdout-log",
        *(f"listening-ip={each}" for each in addresses),
        *(f"relay-ip={each}" for each in addresses),
        f"listening-port={options.judged('port', names.port, _WRITE_PORT)}",
        f"min-port={first}",
        f"max-port={last}",
        f"realm={options['realm']}",
        "fingerprint",
        "use-auth-secret",
        "stale-nonce=600",
        f"user-quota={options['user_quota']}",
        # Each takes a port.
        f"total-quota={last - first + 1}",
        *_OFF,
    ]
    # To a client that names no family a server gives an IPv4 address (RFC 8656), and refuses it when it has none.
    if all(":" in each for each in addresses):
        found.append("allocation-default-address-family=ipv6")
    # A router translates addresses of one family.
    found += [f"external-ip={external}/{each}" for each in addresses if external and (":" in each) == (":" in external)]
    if options["certificate"]:
        found += [
            f"tls-listening-port={options.judged('tls_port', names.port, _WRITE_PORT)}",
            f"cert={options['certificate']}",
            f"pkey={options['key']}",
            "no-tlsv1",
            "no-tlsv1_1",
        ]
    else:
        found.append("no-tls")
    found += [f"denied-peer-ip={turn.span(each)}" for each in (*turn.DENIED, *addresses, external) if each]
    # These win over what is denied.
    found += [f"allowed-peer-ip={turn.span(each)}" for each in options["allowed_peers"]]
    return [
        *found,
        "simple-log",
        "new-log-timestamp",
        f"log-file={options['log']}",
        f"pidfile={options['pid_file']}",
        f"userdb={options['database']}",
    ]


def synapse(options: Options) -> dict[str, t.Any]:
    """What Synapse is told.

    Beside those of the role, options holds C(secret_file), from which Synapse reads the secret of the pot's own server,
    and C(tls), whether that speaks TLS.

    Synapse takes one of two settings for the secret and refuses both. The other one is emptied, so that settings of the
    administrator that are to take the place of these do not clash with them before they are gone.
    """
    server = options.judged("server", turn.server, "write true, or a dictionary with uris and secret")
    if isinstance(server, dict):
        told = {"turn_uris": server["uris"], "turn_shared_secret": server["secret"], "turn_shared_secret_path": None}
    else:
        told = {
            "turn_uris": _own_uris(options),
            "turn_shared_secret": None,
            "turn_shared_secret_path": options["secret_file"],
        }
    return {**told, "turn_user_lifetime": options["user_lifetime"], "turn_allow_guests": False}


def _own_uris(options: Options) -> list[str]:
    """Where clients find the server of the pot; of several, they take the one that works best."""
    host = network.url_host(options["host"])
    port, tls_port = (options.judged(name, names.port, _WRITE_PORT) for name in ("port", "tls_port"))
    found = [f"turn:{host}:{port}?transport={transport}" for transport in ("udp", "tcp")]
    return found + ([f"turns:{host}:{tls_port}?transport=tcp"] if options.judged("tls", values.boolean, "") else [])
