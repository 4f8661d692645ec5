# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Three homeservers on two machines from one run, in parallel."""

from __future__ import annotations

import json

import pytest

from conftest import Site
from deployment import Deployment
from matrix_client import Homeserver

# Inventory name: (machine, address of the jail).
SERVERS = {"one": ("site2", "10.199.0.181"), "two": ("site2", "10.199.0.182"), "three": ("site3", "10.199.0.183")}


class Three(Site):
    """Two machines; the inventory has all servers."""

    def __init__(self, place):
        super().__init__(place / "a", "site2", "10.199.0.81")
        self.other = Deployment(place / "b", self.domain, ("site3", "10.199.0.82"), "", ("site3", self.address), [])

    def start(self):
        for deployment in (self, self.other):
            deployment.start_machine()
        self.usual = {"matrix_control_user": False, "matrix_tls_mode": "selfsigned"}

    def stop(self):
        self.other.stop()
        super().stop()

    def describe(self, **variables):
        hosts = {}
        for name, (machine, jail) in SERVERS.items():
            deployment = self if machine == self.machine else self.other
            Deployment.describe(deployment, **variables)
            hosts[name] = {
                **deployment.server, "matrix_domain": name + ".test", "matrix_ip": jail, "matrix_dataset": "zroot/" + name,
                "matrix_alert_email": "admin@%s.test" % name, "matrix_accounts": self.server["matrix_accounts"],
            }
        self.inventory.write_text(json.dumps({"matrix": {"hosts": hosts}}), encoding="utf-8")


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    three = Three(tmp_path_factory.mktemp("three"))
    try:
        three.start()
        yield three
    finally:
        three.stop()


def test_three_servers_in_one_run(three):
    three.succeed()
    outcome = three.succeed(playbook="accounts", changed=3)
    assert outcome.recap.keys() == SERVERS.keys()
    keys = set()
    for name, (machine, jail) in SERVERS.items():
        deployment = three if machine == three.machine else three.other
        ca = three.place / (name + ".pem")
        ca.write_text(deployment.inside("cat", "/mnt/%s/matrixdata/tls/fullchain.pem" % name).stdout, encoding="utf-8")
        client = Homeserver("https://%s.test" % name, ca=str(ca), address=jail)
        problems = {check: problem for check, problem in client.check_all("admin", three.remembered("admin"), media_size=100000) if problem}
        assert problems == {}, name
        keys.add(client.federation_key())
    assert len(keys) == 3


def test_second_run_changes_nothing(three):
    three.succeed(changed=0)
