# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be said of a TURN server, by which voice and video calls get through firewalls.

A checker takes the value, returns its normal form and raises ValueError with the end of a sentence whose subject is the
value.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, network, values

EXAMPLE = '{uris: ["turn:turn.example.com?transport=udp"], secret: "{{ vault_turn_secret }}"}'
_KEYS = ("uris", "secret")
_FORM = re.compile(r"(turns?):(\[[0-9a-fA-F:.]+\]|[^:?\[\]]+)(?::([0-9]+))?(?:\?transport=(udp|tcp))?")
# RFC 7065.
PORTS = {"turn": 3478, "turns": 5349}

# What no peer may have: what is private, the machine's own, or one of many, in IPv4 and in IPv6, and what of IPv6 leads
# to such an address of IPv4.
DENIED = (
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "::ffff:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a URI leads. tls: whether it is C(turns); transport: udp or tcp."""

    host: str
    port: int
    tls: bool
    transport: str


def place(uri: str) -> Place:
    """Where a URI of TURN leads (RFC 7065); ValueError for anything else, with the end of a sentence."""
    found = _FORM.fullmatch(names.text(uri))
    if not found:
        raise ValueError("is not of the form turn:HOST:PORT?transport=udp, or turns: with transport=tcp")
    scheme, given, port, transport = found.groups()
    host = network.host(given.strip("[]"))
    number = names.port(port) if port else PORTS[scheme]
    tls = scheme == "turns"
    if tls and transport == "udp":
        raise ValueError("asks for TLS over UDP, which clients do not speak; write transport=tcp")
    return Place(host, number, tls, transport or ("tcp" if tls else "udp"))


def _uri(value) -> str:
    place(value)
    return str(value)


def server(value) -> bool | dict[str, t.Any]:
    """Whether there is a server in the pot, or which one there is elsewhere: C(uris) and C(secret)."""
    if not isinstance(value, dict):
        try:
            return values.boolean(value)
        except ValueError:
            raise ValueError("is neither true nor false, nor a dictionary with uris and secret") from None
    for key in value:
        if key not in _KEYS:
            raise ValueError(f'has the key "{key}", which is none of {", ".join(_KEYS)}')
    for key in _KEYS:
        if value.get(key) in (None, "", []):
            raise ValueError(f"has no {key}")
    try:
        uris = values.list_of(_uri)(value["uris"])
    except ValueError as error:
        raise ValueError(f"has uris of which the list {error}") from None
    try:
        secret = values.secret(value["secret"])
    except ValueError as error:
        raise ValueError(f"has as secret something, which {error}") from None
    return {"uris": uris, "secret": secret}


def relay_ports(value) -> str:
    """The first and the last port of those that calls are relayed through, with a hyphen between them."""
    found = re.fullmatch(r"([0-9]+)-([0-9]+)", names.text(value))
    if not found:
        raise ValueError("is not of the form FIRST-LAST")
    first, last = (names.port(port) for port in found.groups())
    if first < 1024:
        raise ValueError("begins with a port below 1024, which only root may use")
    if last - first < 9:
        raise ValueError("has fewer than ten ports, and one person's call takes up to four")
    return str(value)


def first_and_last(ports: str) -> tuple[int, int]:
    """Of what relay_ports() has taken."""
    first, _hyphen, last = ports.partition("-")
    return int(first), int(last)


def lifetime(value) -> str:
    """How long credentials are good, as Synapse reads durations: whole minutes or hours."""
    given = names.text(value)
    found = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", given)
    if not found:
        raise ValueError("is not a number of minutes, hours or days such as 1h")
    minutes = int(found.group(1)) * {"m": 1, "h": 60, "d": 1440}[found.group(2)]
    if not 5 <= minutes <= 7 * 1440:
        raise ValueError("is not between 5m and 7d")
    return given


def allowed_peers(value) -> list:
    """Addresses and networks to which calls may be relayed though they are private."""
    return network.networks(value)


def span(given: str) -> str:
    """A network as the first and the last of its addresses, with a hyphen between them; one address alone."""
    found = ipaddress.ip_network(given)
    first, last = found[0], found[-1]
    return str(first) if first == last else f"{first}-{last}"
