# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver behind a bridge, reached by the ports that its host forwards, that finds other services by their
.consul names.

Its Consul servers want TLS and a certificate of every agent.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from deployment import NEIGHBOURS, output

from .conftest import Site

JAIL = "172.20.0.10"
# Pot's usual network contains the host's own address.
NETWORK = {"POT_NETWORK": "172.20.0.0/16", "POT_NETMASK": "255.255.0.0", "POT_GATEWAY": "172.20.0.1"}
PORTS = ["80:80", "443:443", "8448:8448"]


class Bridge(Site):
    """Clients and the CA know the host's address, and only the Consul server has a way to the pot's own."""

    def __init__(self, place):
        super().__init__(
            place,
            name="bridge1",
            machine="10.199.0.85",
            neighbours="10.199.0.13",
            domain="bridge.test",
            jail="10.199.0.85",
        )
        self.consul = ["10.199.0.14"]

    def start(self):
        super().start()
        key = self.remembered("gossip", lambda: output("openssl", "rand", "-base64", "32").strip())
        consul = self.neighbour("consul-servers", "--addresses", ",".join(self.consul), "--gossip-key", key, "--tls")
        authority = output(NEIGHBOURS / "ca", "path").strip()
        certificate, private = output(
            NEIGHBOURS / "ca", "issue", Path(authority).parent, self.place / "tls", "bridge1"
        ).split()
        # One address: the rest of pot's network may be what this host's own resolver lives in.
        output("ip", "route", "replace", JAIL + "/32", "via", self.machine_address)
        self.usual.update(
            matrix_ip=JAIL,
            matrix_pot_network_type="public-bridge",
            matrix_pot_exported_ports=PORTS,
            pot_jail_configure_pf=True,
            pot_jail_settings=NETWORK,
            matrix_datacenter=consul["datacenter"],
            matrix_consul_servers=consul["addresses"],
            matrix_gossip_key=consul["gossip_key"],
            matrix_consul_ca_file=authority,
            matrix_consul_certificate_file=certificate,
            matrix_consul_key_file=private,
            matrix_consul_dns=True,
            matrix_dns_forwarders=[self.address],
        )

    def stop(self):
        if JAIL in output("ip", "route", "show", JAIL + "/32"):
            output("ip", "route", "delete", JAIL + "/32")
        super().stop()

    def resolve(self, name):
        """What the pot takes a name for; None when it does not know it."""
        found = self.inside("getent", "hosts", name, pot=self.machine, check=False)
        return found.stdout.split()[0] if found.returncode == 0 else None

    def wait_for(self, name, address, seconds=30):
        """Until a name resolves: a service is there when its health check has passed."""
        deadline = time.monotonic() + seconds
        while (found := self.resolve(name)) != address and time.monotonic() < deadline:
            time.sleep(0.5)
        assert found == address, name

    def serves(self):
        """All that this deployment is about."""
        problems = {
            check: problem
            for check, problem in self.client().check_all("admin", self.remembered("admin"), media_size=100000)
            if problem
        }
        assert problems == {}
        assert self.read("/etc/resolv.conf").split() == ["nameserver", "127.0.0.1", "nameserver", self.address]
        self.wait_for("consul.service.consul", self.consul[0])
        self.wait_for("matrix-synapse.service.consul", JAIL)
        assert self.resolve(self.domain) == self.jail
        assert self.resolve("nowhere." + self.domain) is None
        assert self.resolve("nothing.service.consul") is None


@pytest.fixture(scope="module")
def bridge(tmp_path_factory):
    bridge = Bridge(tmp_path_factory.mktemp("bridge"))
    bridge.stop()
    try:
        bridge.start()
        bridge.succeed()
        yield bridge
    finally:
        bridge.stop()


def test_it_serves_and_resolves(bridge):
    bridge.serves()


def test_second_run_changes_nothing(bridge):
    bridge.succeed(changed=0)


@pytest.mark.thorough
def test_consul_servers_that_want_a_certificate_refuse_an_agent_without(bridge):
    """Gossip needs none, and the agent is a member all the same: the role asks the servers something, and the agent
    keeps the one it has.
    """
    try:
        outcome = bridge.play("--tags", "consul_agent", matrix_consul_certificate_file="", matrix_consul_key_file="")
        assert (
            outcome.code != 0
            and "answer the agent: no" in outcome.words
            and "matrix_consul_certificate_file" in outcome.words
        ), outcome
        assert "the former configuration is back, and the service runs with it" in outcome.words
        # As many attempts as usual: each of the restarted agent's checks fails until its first turn.
        bridge.succeed(playbook="verify")
    finally:
        bridge.succeed("--tags", "consul_agent", changed=0)
    bridge.wait_for("matrix-synapse.service.consul", JAIL)


def test_verify_names_the_resolver(bridge):
    try:
        bridge.inside("service", "local_unbound", "stop", pot=bridge.machine)
        outcome = bridge.play("-e", "verify_attempts=1", playbook="verify")
        assert outcome.code != 0
        assert "The local resolver runs: no" in outcome.words and "matrix_consul_dns" in outcome.words
    finally:
        bridge.inside("service", "local_unbound", "start", pot=bridge.machine)


def test_a_reboot_brings_it_all_back(bridge):
    bridge.power("reboot")
    bridge.wait()
    bridge.serves()


@pytest.mark.thorough
def test_switched_off_it_is_as_before(bridge):
    bridge.succeed(matrix_consul_dns=False)
    assert resolvers(bridge) == []
    assert bridge.read("/etc/resolv.conf") == bridge.inside("cat", "/etc/resolv.conf").stdout
    assert bridge.inside("ls", "/var/unbound", pot=bridge.machine).stdout == ""
    assert 'local_unbound_enable="NO"' in bridge.read("/etc/rc.conf") and "local_unbound_config" not in bridge.read(
        "/etc/rc.conf"
    )
    assert bridge.resolve(bridge.domain) == bridge.jail
    assert bridge.resolve("consul.service.consul") is None
    bridge.succeed(changed=0, matrix_consul_dns=False)


def resolvers(bridge):
    """Lines of sockstat about DNS in the pot."""
    lines = bridge.inside("sockstat", "-4l", pot=bridge.machine).stdout.splitlines()
    return [line for line in lines if line.split()[5].endswith((":53", ":8600"))]
