# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What turnserver and Synapse are told."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.potluck.matrix.plugins.filter import synapse_turn_config, turnserver_config

OPTIONS = {
    "server": True,
    "host": "turn.example.com",
    "listen_address": "10.0.0.5",
    "external_ip": "",
    "port": "3478",
    "tls_port": 5349,
    "relay_ports": "50000-50099",
    "allowed_peers": [],
    "realm": "example.com",
    "user_lifetime": "1h",
    "user_quota": 12,
    "secret_file": "/mnt/matrixdata/coturn/secret",
    "tls": True,
    "certificate": "/c/fullchain.pem",
    "key": "/c/privkey.pem",
    "log": "/l/turnserver.log",
    "pid_file": "/s/turnserver.pid",
    "database": "/s/turndb",
}


def turnserver(**options):
    return turnserver_config.turnserver_config_filter({**OPTIONS, **options})


def synapse(**options):
    return synapse_turn_config.synapse_turn_config_filter({**OPTIONS, **options})


def test_it_listens_and_relays_at_the_one_address():
    found = turnserver()
    assert [line for line in found if "-ip=10.0.0.5" in line] == [
        "listening-ip=10.0.0.5",
        "relay-ip=10.0.0.5",
        "denied-peer-ip=10.0.0.5",
    ]
    assert {"listening-port=3478", "min-port=50000", "max-port=50099", "total-quota=100", "user-quota=12"} <= set(found)
    assert {"use-auth-secret", "no-cli", "no-multicast-peers", "no-tcp-relay", "no-software-attribute"} <= set(found)
    assert not any("secret=" in line for line in found) and len(set(found)) == len(found)


def test_of_two_addresses_the_router_translates_that_of_its_family():
    found = turnserver(listen_address=["10.0.0.5", "2001:db8::5"], external_ip="203.0.113.7")
    assert [line for line in found if line.startswith(("listening-ip", "relay-ip", "external-ip"))] == [
        "listening-ip=10.0.0.5",
        "listening-ip=2001:db8::5",
        "relay-ip=10.0.0.5",
        "relay-ip=2001:db8::5",
        "external-ip=203.0.113.7/10.0.0.5",
    ]
    assert {"denied-peer-ip=10.0.0.5", "denied-peer-ip=2001:db8::5"} <= set(found)


def test_only_where_there_is_no_ipv4_address_it_gives_an_ipv6_one_to_those_who_do_not_ask_for_it():
    line = "allocation-default-address-family=ipv6"
    assert line in turnserver(listen_address="2001:db8::5") and line in turnserver(listen_address=["2001:db8::5"])
    assert line not in turnserver() and line not in turnserver(listen_address=["10.0.0.5", "2001:db8::5"])


def test_with_tls_it_has_the_copy_and_without_nothing_of_it():
    found = turnserver()
    assert {"tls-listening-port=5349", "cert=/c/fullchain.pem", "pkey=/c/privkey.pem", "no-dtls"} <= set(found)
    assert "no-tls" not in found
    without = turnserver(certificate="", key="")
    assert "no-tls" in without
    assert not any(line.startswith(("tls-listening-port", "cert", "pkey")) for line in without)


def test_peers_are_denied_but_for_those_that_are_allowed():
    found = turnserver(external_ip="203.0.113.7", allowed_peers=["10.0.0.0/24", "10.0.1.9/32", "fd00::/8"])
    assert "external-ip=203.0.113.7/10.0.0.5" in found
    assert {
        "denied-peer-ip=10.0.0.0-10.255.255.255",
        "denied-peer-ip=fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "denied-peer-ip=::1",
        "denied-peer-ip=203.0.113.7",
    } <= set(found)
    assert [line for line in found if line.startswith("allowed")] == [
        "allowed-peer-ip=10.0.0.0-10.0.0.255",
        "allowed-peer-ip=10.0.1.9",
        "allowed-peer-ip=fd00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ]


def test_synapse_names_the_own_server_and_reads_its_secret_itself():
    assert synapse() == {
        "turn_uris": [
            "turn:turn.example.com:3478?transport=udp",
            "turn:turn.example.com:3478?transport=tcp",
            "turns:turn.example.com:5349?transport=tcp",
        ],
        "turn_shared_secret": None,
        "turn_shared_secret_path": "/mnt/matrixdata/coturn/secret",
        "turn_user_lifetime": "1h",
        "turn_allow_guests": False,
    }
    assert synapse(tls=False, host="2001:db8::5")["turn_uris"] == [
        "turn:[2001:db8::5]:3478?transport=udp",
        "turn:[2001:db8::5]:3478?transport=tcp",
    ]


def test_synapse_names_a_server_elsewhere():
    elsewhere = {"uris": ["turn:t.example.com"], "secret": "word"}
    assert synapse(server=elsewhere) == {
        "turn_uris": ["turn:t.example.com"],
        "turn_shared_secret": "word",
        "turn_shared_secret_path": None,
        "turn_user_lifetime": "1h",
        "turn_allow_guests": False,
    }


def test_what_is_wrong_is_told_without_the_secret():
    for wrong, words in (
        ({"server": {"uris": ["x"], "secret": "word"}}, "coturn_server has uris of which the list has as item 1"),
        ({"port": 0}, "coturn_port is not between"),
    ):
        with pytest.raises(AnsibleFilterError, match=words) as raised:
            synapse(**wrong)
        assert "word" not in str(raised.value)
    with pytest.raises(AnsibleFilterError, match="coturn_relay_ports is not of the form FIRST-LAST"):
        turnserver(relay_ports="50000")
