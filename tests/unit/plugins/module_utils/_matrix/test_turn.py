# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What may be said of a TURN server, and the networks that nobody is relayed to."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import turn
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "uri, place",
    [
        ("turn:turn.example.com", ("turn.example.com", 3478, False, "udp")),
        ("turn:192.0.2.1:80?transport=tcp", ("192.0.2.1", 80, False, "tcp")),
        ("turns:turn.example.com", ("turn.example.com", 5349, True, "tcp")),
        ("turns:[2001:db8::1]:443?transport=tcp", ("2001:db8::1", 443, True, "tcp")),
    ],
)
def test_uris_lead_somewhere(uri, place):
    assert turn.place(uri) == turn.Place(*place)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "stun:turn.example.com",
        "turn://turn.example.com",
        "turn:",
        "turn:a b",
        "turn:turn.example.com:0",
        "turn:turn.example.com:65536",
        "turn:turn.example.com?transport=sctp",
        "turns:turn.example.com?transport=udp",
        "turn:2001:db8::1",
        "turn:[10.0.0.256]",
        "TURN:turn.example.com",
    ],
)
def test_other_uris_are_refused(uri):
    with pytest.raises(ValueError):
        turn.place(uri)


@given(st.ip_addresses(network="0.0.0.0/0") | st.ip_addresses(v=6))
def test_spans_hold_their_network_and_nothing_else(address):
    for size in (0, 8, address.max_prefixlen - 1, address.max_prefixlen):
        network = ipaddress.ip_network((address, size), strict=False)
        first, _hyphen, last = turn.span(str(network)).partition("-")
        assert (first, last or first) == (str(network[0]), str(network[-1]))


def denied(address):
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(network) for network in turn.DENIED)


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_whatever_python_takes_for_private_is_denied(address):
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert denied(address), address


@pytest.mark.parametrize(
    "address",
    [
        *("10.1.2.3", "127.0.0.1", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1"),
        *(
            "0.0.0.0",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
        ),
        *("2002:a00:1::", "2001:0:53aa:64c::1"),
    ],
)
def test_these_are_denied(address):
    assert denied(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "2a01:4f8::1"])
def test_these_are_anybodys(address):
    assert not denied(address)
