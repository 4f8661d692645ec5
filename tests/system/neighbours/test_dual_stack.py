# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver that was reached by IPv4 gets an address of IPv6 as well, and in the end has that one alone, with
neighbours whose name has no other: one test after another on one server.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import socket
import socketserver
import threading

import pytest
from matrix_client import Homeserver

from .conftest import wait_for

V6 = "2001:db8:199::170"
HOST6 = "2001:db8:199::70"
NEIGHBOURS6 = "2001:db8:199::15"
CONSUL6 = "2001:db8:199::16"
# Names with one address each: NEIGHBOURS6 and CONSUL6.
NAME6 = "six.neigh.test"
CONSUL_NAME6 = "consul.six.neigh.test"
# Its role proves that it relays. The deployment's own settings have a secret of another server.
TURN = {"matrix_turn": True, "synapse_secret_settings": {}}
# Ports of the neighbours: directory, mail, logs, alerts.
FORWARDED = (389, 587, 514, 9093)


def client(site, address):
    return Homeserver("https://" + site.domain, ca=str(site.place / "roots.pem"), address=address)


def found_broken(site, address):
    """What somebody outside cannot do at an address."""
    checks = client(site, address).check_all("alice", site.remembered("alice"))
    return [(name, problem) for name, problem in checks if problem]


def listeners(site):
    """(address, port) of what the pot's services listen at."""
    shown = site.jail_run("sockstat -46l")
    return {
        (address.strip("[]"), int(port))
        for address, port in re.findall(r"\s(\S+):(\d+)\s+\S+\s*$", shown, re.MULTILINE)
    }


def test_two_addresses_of_one_family_are_refused_by_name(site):
    done = site.ansible("site", matrix_ip=[site.jail, "10.199.0.171"])
    assert done.code != 0 and done.changed == 0
    assert "matrix_ip the value has 2 IPv4 addresses, and a pot has one of each family" in done.words.replace(":", "")


def test_a_host_without_ipv6_is_told_before_the_pot_is_touched(site):
    done = site.ansible("site", "--tags", "pot_jail", matrix_ip=[site.jail, V6])
    assert done.code != 0
    assert "pot_jail_ip (matrix_ip): IPv6 is switched off on vtnet0 of the host" in done.words
    assert "ifconfig_vtnet0_ipv6 in the host's /etc/rc.conf" in done.words
    assert V6 not in site.machine_run(f"cat /opt/pot/jails/{site.machine}/conf/pot.conf")
    assert client(site, site.jail).versions()


@pytest.fixture(scope="module")
def both(site):
    """The variables with which the server has two addresses."""
    site.machine_run(f"ifconfig vtnet0 inet6 {HOST6} prefixlen 64 alias -ifdisabled")
    variables = {"matrix_ip": [site.jail, V6], **TURN}
    done = site.ansible("site", **variables)
    assert done.code == 0, done.output[-5000:]
    return variables


def test_clients_and_servers_come_in_by_either_family(site, both):
    for address in (site.jail, V6):
        assert found_broken(site, address) == []
        assert client(site, address).federation_key()


def test_everything_listens_at_both(site, both):
    found = listeners(site)
    for port in (80, 443, 8448, 9100, 9109, 22, 3478, 5349):
        assert {(site.jail, port), (V6, port)} <= found, (port, sorted(found))
    # Consul has one address for a node: the first, since its servers are reached by that.
    assert (site.jail, 8301) in found and (V6, 8301) not in found
    conf = site.machine_run(f"cat /opt/pot/jails/{site.machine}/conf/pot.conf")
    assert f"ip=vtnet0|{site.jail} vtnet0|{V6}\n" in conf and "pot.stack=dual\n" in conf


def test_a_second_run_changes_nothing_and_says_what_it_found(site, both):
    """Also where the inventory does not name the interface: the pot keeps its own."""
    done = site.ansible("site", **both, matrix_pot_interface="")
    assert (done.code, done.changed) == (0, 0), done.changes
    for address in (site.jail, V6):
        assert done.words.count(f"{address} on vtnet0, where the pot has it (matrix_pot_interface is not set)") == 1
    assert "as the pot has it (matrix_pot_release is not set)" in done.words


def test_verify_notices_that_one_family_does_not_answer(site, both):
    assert site.verify(**both) == []
    conf = "/usr/local/etc/nginx/nginx.conf"
    site.jail_run(f"cp {conf} /root/nginx.conf; sed -i '' '/listen .*{V6}/d' {conf}; nginx -s reload")
    wait_for(lambda: (V6, 443) not in listeners(site), 10, "nginx no longer listens at the IPv6 address")
    failures = site.verify(**both)
    assert failures and all(f"at {V6}, " in each and site.jail not in each for each in failures), failures
    assert any(each.startswith("The certificate is good: no") for each in failures)
    assert client(site, site.jail).versions()
    # It is drift like any other.
    assert site.roles("reverse_proxy", **both).changed > 0
    assert (V6, 443) in listeners(site)
    assert site.verify(**both) == []


class _Forwarder(socketserver.ThreadingTCPServer):
    """Passes what comes to a port of the IPv6 address on to the same port of the neighbours' other one."""

    address_family = socket.AF_INET6
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port, target):
        class Passing(socketserver.BaseRequestHandler):
            def handle(self):
                with contextlib.suppress(OSError), socket.create_connection((target, port), 10) as other:
                    ways = {self.request: other, other: self.request}
                    while True:
                        for end in select.select(list(ways), [], [])[0]:
                            data = end.recv(65536)
                            if not data:
                                return
                            ways[end].sendall(data)

        super().__init__((NEIGHBOURS6, port), Passing)
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.fixture(scope="module")
def alone(site, both):
    """The server has its IPv6 address alone, and so have those it talks to, most of them by a name."""
    site_name, six = site.neighbours_name, site.neighbours_name + "6"
    site.neighbours_name = six
    started, forwarders = [], []
    named = {site.domain: V6, NAME6: NEIGHBOURS6, CONSUL_NAME6: CONSUL6}
    try:
        started.append("dns")
        names = [f"{name}={address}" for name, address in named.items()]
        site.tell("dns", "start", "--address", NEIGHBOURS6, *(word for name in names for word in ("--host", name)))
        started.append("consul-servers")
        consul = [
            "--addresses",
            CONSUL6,
            "--gossip-key",
            site.secrets["gossip"],
            "--acl-token",
            site.consul_token,
        ]
        site.tell("consul-servers", "start", *consul)
        site.neighbours_name = site_name
        forwarders += [_Forwarder(port, site.address) for port in FORWARDED]
        site.machine_run(f"echo nameserver {NEIGHBOURS6} >/etc/resolv.conf")
        variables = {
            "matrix_ip": V6,
            **TURN,
            "matrix_consul_servers": [CONSUL_NAME6],
            "matrix_ldap_server": NAME6,
            "matrix_ldap_validate_certs": False,
            "matrix_smtp_host": NAME6,
            "matrix_smtp_tls_name": site.address,
            "matrix_remote_log": NAME6,
            "matrix_remote_log_protocol": "tcp",
            "matrix_alertmanager_url": f"http://{NAME6}:9093",
        }
        done = site.ansible("site", **variables)
        assert done.code == 0, done.output[-5000:]
        yield variables
    finally:
        for forwarder in forwarders:
            forwarder.shutdown()
            forwarder.server_close()
        site.neighbours_name = six
        for kind in started:
            site.tell(kind, "stop")
        site.neighbours_name = site_name


def test_a_homeserver_with_ipv6_alone_is_a_whole_one(site, alone):
    assert found_broken(site, V6) == []
    assert client(site, V6).federation_key()
    assert not any("." in address for address, _port in listeners(site)), listeners(site)
    with pytest.raises(OSError):
        socket.create_connection((site.jail, 443), 3)
    settled = site.ansible("site", **alone)
    assert (settled.code, settled.changed) == (0, 0), settled.changes
    assert site.verify(**alone) == []


def test_who_has_a_name_of_ipv6_alone_is_reached(site, alone):
    assert "ip-protocol(6)" in site.jail_run("cat /usr/local/etc/syslog-ng.conf")
    site.jail_run("logger -t neighbours a message over IPv6")
    assert wait_for(
        lambda: int(site.tell("syslog-receiver", "count", "a message over IPv6")), 20, "the message arrives"
    )
    members = [member["Addr"] for member in site.consul_agent("members")]
    assert sorted(members) == sorted([V6, CONSUL6])


def test_of_two_addresses_consul_has_the_one_that_its_servers_are_reached_by(site, alone):
    """Which is not the first here. The role proves that the servers answer."""
    site.roles("consul_agent", **{**alone, "matrix_ip": [site.jail, V6]})
    configuration = json.loads(site.jail_run("cat /usr/local/etc/consul.d/agent.json"))
    assert configuration["bind_addr"] == configuration["advertise_addr"] == V6
    assert {service["address"] for service in configuration["services"]} == {V6}


def test_who_was_reached_by_ipv6_still_is_while_the_name_has_no_address(site, alone):
    site.machine_run("echo nameserver 2001:db8:199::99 >/etc/resolv.conf")
    try:
        assert site.roles("remote_log,consul_agent", **{**alone, "matrix_ip": [site.jail, V6]}).changed == 0
    finally:
        site.machine_run(f"echo nameserver {NEIGHBOURS6} >/etc/resolv.conf")
