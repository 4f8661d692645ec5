# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster sees the homeserver as it is."""

from __future__ import annotations

import json
import socket
import uuid

import pytest

from .conftest import fetch, output, wait_for


def servers(site, path):
    return json.loads(fetch(f"http://{site.consul[0]}:8500/v1/{path}"))


def member(site):
    """What a server says about the agent's membership: 1 alive, 3 left, 4 failed."""
    return {entry["Name"]: entry for entry in servers(site, "agent/members")}.get(site.machine, {}).get("Status")


def test_the_checks_of_the_node_pass_and_its_services_have_potlucks_tags(site):
    site.settle()
    checks = {
        check["CheckID"]: check["Status"]
        for check in wait_for(lambda: servers(site, "health/node/" + site.machine), 30, "the node is known")
    }
    assert set(checks) == {"serfHealth", "matrix-synapse-health", "matrix-proxy-connect", "node-exporter-connect"}
    wait_for(
        lambda: {check["Status"] for check in servers(site, "health/node/" + site.machine)} == {"passing"},
        30,
        "all checks pass",
    )
    for name, port in (("matrix-synapse", 443), ("matrix-proxy", 443), ("node-exporter", 9100)):
        (entry,) = servers(site, f"health/service/{name}?passing")
        assert entry["Service"]["Address"] == site.jail and entry["Service"]["Port"] == port
        assert entry["Service"]["Tags"] == ["_app=matrix", "_service=" + name, "_hostname=" + site.machine]


def test_gossip_is_encrypted(site):
    info = json.loads(
        site.jail_run(
            "consul info -http-addr=unix:///var/run/consul/http.sock | sed -n 's/.*encrypted = \\(.*\\)/\"\\1\"/p' | "
            "head -1"
        )
    )
    assert info == "true"


def test_a_changed_gossip_key_is_not_outlived_by_the_old_one(site):
    """An agent with a keyring on its disk would go on with the key it had first."""
    kept = site.jail_run("ls /mnt/matrixdata/consul/serf").split()
    assert "local.snapshot" in kept and "local.keyring" not in kept


def test_the_token_is_the_agents_own(site):
    """The servers would refuse whoever shows another one."""
    script = "consul members -http-addr=unix:///var/run/consul/http.sock -token=%s"
    assert site.machine in site.jail_run(script % site.secrets["consul"])
    assert "ACL not found" in site.jail_run(script % uuid.uuid4() + " 2>&1", check=False)
    assert site.jail_run("ls -l /usr/local/etc/consul.d/agent.json").startswith("-rw-r----- ")


def test_the_interface_is_not_reachable_from_outside(site):
    listening = site.jail_run("sockstat -4 -6 -l -P tcp")
    assert ":443 " in listening
    for port in (8500, 8501, 8502, 8600):
        assert ":%d " % port not in listening
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((site.jail, port), timeout=5).close()


@pytest.mark.thorough
def test_the_agent_leaves_with_its_pot_and_a_new_pot_is_the_same_node_and_the_same_ssh_host(site):
    node = site.consul_agent("self")["Config"]["NodeID"]
    host_key = output("ssh-keyscan", "-t", "ed25519", site.jail)
    assert host_key
    try:
        site.machine_run(f"pot stop {site.machine}")
        wait_for(lambda: member(site) in (3, None), 30, "the agent left")
        site.machine_run(f"pot destroy -Fp {site.machine}")
    finally:
        done = site.ansible("site")
    assert done.code == 0, done.output[-4000:]
    site.settle()
    assert site.consul_agent("self")["Config"]["NodeID"] == node
    assert output("ssh-keyscan", "-t", "ed25519", site.jail) == host_key
    assert wait_for(lambda: member(site) == 1, 30, "the agent is back")
