# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports, addresses and bridges as pot has them."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._pot.names import template_name
from ansible_collections.potluck.matrix.plugins.module_utils._pot.network import (
    normalise_address,
    normalise_port,
    parse_bridge,
    split_alias,
)
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("80", "80"),
        ("tcp:80", "80"),
        ("tcp:080:8080", "80:8080"),
        ("udp:53", "udp:53"),
        ("udp:53:30053", "udp:53:30053"),
    ],
)
def test_ports(text, canonical):
    assert normalise_port(text) == canonical == normalise_port(canonical)


@given(st.text())
def test_ports_are_refused_or_stable(text):
    try:
        canonical = normalise_port(text)
    except Sentence:
        return
    assert normalise_port(canonical) == canonical and " " not in canonical


@given(st.ip_addresses())
def test_addresses(address):
    assert normalise_address(str(address)) == str(address)
    assert split_alias(f"em0|{address}", "x") == ("em0", str(address))
    assert split_alias(str(address), "x") == ("x", str(address))


def test_names_of_templates():
    assert template_name("img-amd64-14_2", "1.2.3") == "img-amd64-14_2_1_2_3"


def test_bridge():
    assert parse_bridge("net=10.192.0.24/29\ngateway=10.192.0.25\nname=lan\n") == {
        "net": "10.192.0.24/29",
        "gateway": "10.192.0.25",
        "name": "lan",
    }
