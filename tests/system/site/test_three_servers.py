# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Three homeservers on two hosts from one run, in parallel, by users who are not root."""

from __future__ import annotations

import json
import re
import subprocess

import pytest
from deployment import TOP, Deployment
from matrix_client import Homeserver

from .conftest import Site

LATEST = "http://pkg.example.test/FreeBSD:13:amd64/latest"
# Inventory name: (host, address of the pot).
PASSWORD = "sudo's password"
# One host has doas and nothing else, the other sudo that asks for a password.
LOGINS = {
    "site2": {"ansible_become": True, "ansible_become_method": "potluck.matrix.doas"},
    "site3": {"ansible_become": True, "ansible_become_method": "sudo", "ansible_become_password": PASSWORD},
}
LOGIN = f"""set -e
if hostname | grep -q site2; then
    ASSUME_ALWAYS_YES=yes pkg install -y doas
    echo 'permit nopass operator2 as root' >/usr/local/etc/doas.conf
else
    ASSUME_ALWAYS_YES=yes pkg install -y sudo
    echo 'operator2 ALL=(ALL) ALL' >/usr/local/etc/sudoers.d/operator2
fi
pw useradd -n operator2 -m -s /bin/csh
echo "{PASSWORD}" | pw usermod -n operator2 -h 0
cp -R /root/.ssh /home/operator2/
chown -R operator2 /home/operator2/.ssh
"""
SERVERS = {"one": ("site2", "10.199.0.181"), "two": ("site2", "10.199.0.182"), "three": ("site3", "10.199.0.183")}


class Three(Site):
    """Two hosts; the inventory has all servers."""

    def __init__(self, place):
        super().__init__(place / "a", "site2", "10.199.0.81")
        self.deployed = None
        self.other = Deployment(place / "b", self.domain, ("site3", "10.199.0.82"), "", ("site3", self.address), [])

    def start(self):
        for deployment in (self, self.other):
            deployment.start_machine()
            deployment.inside("/bin/sh", "-c", LOGIN)
        self.usual = {"matrix_control_user": False, "matrix_tls_mode": "selfsigned"}
        self.servers = dict(SERVERS)
        self.special = {}

    def stop(self):
        self.other.stop()
        super().stop()

    def describe(self, **variables):
        hosts = {}
        for name, (machine, jail) in self.servers.items():
            deployment = self if machine == self.machine else self.other
            Deployment.describe(deployment, **variables)
            hosts[name] = {
                **deployment.server,
                "ansible_user": "operator2",
                **LOGINS[machine],
                "matrix_domain": name + ".test",
                "matrix_ip": jail,
                "matrix_dataset": "zroot/" + name,
                "matrix_alert_email": f"admin@{name}.test",
                "matrix_accounts": self.server["matrix_accounts"],
                **self.special.get(name, {}),
            }
        self.inventory.write_text(json.dumps({"matrix": {"hosts": hosts}}), encoding="utf-8")

    def server_client(self, name):
        """A client of a server, which trusts the certificate that this has now."""
        machine, jail = self.servers[name]
        deployment = self if machine == self.machine else self.other
        ca = self.place / (name + ".pem")
        ca.write_text(deployment.inside("cat", f"/mnt/{name}/matrixdata/tls/fullchain.pem").stdout, encoding="utf-8")
        return Homeserver(f"https://{name}.test", ca=str(ca), address=jail)

    def ssh(self, deployment, command, **streams):
        """A command on a host, over ssh as an administrator gives it."""
        return subprocess.Popen(
            [
                "ssh",
                "-F",
                "none",
                "-i",
                deployment.place / "id_ed25519",
                "-o",
                "BatchMode=yes",
                "-o",
                "IdentitiesOnly=yes",
                "-o",
                "UserKnownHostsFile=%s" % (deployment.place / "known_hosts"),
                "root@" + deployment.machine_address,
                command,
            ],
            **streams,
        )


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    three = Three(tmp_path_factory.mktemp("three"))
    three.stop()
    try:
        three.start()
        three.deployed = three.succeed()
        yield three
    finally:
        three.stop()


def test_a_login_user_without_rights_is_told_at_once(three):
    three.special = {
        "one": {"ansible_become": False},
        "two": {"ansible_become_exe": "doaz"},
        "three": {"ansible_become_password": None},
    }
    outcome = three.play()
    three.special = {}
    assert "Prepare the dataset" not in outcome.output
    for name, said in (
        ("one", "ansible_user: the login user of 10.199.0.81 is not root. Log in as root, or set ansible_become: true"),
        ("two", "ansible_become_method: the login user of 10.199.0.81 does not become root: "),
        (
            "three",
            "ansible_become_method: the login user of 10.199.0.82 does not become root: Missing sudo password.",
        ),
    ):
        assert outcome.recap[name]["failed"] == 1 and outcome.recap[name]["ok"] < 5 and said in outcome.words, outcome


def test_three_servers_in_one_run(three):
    assert three.deployed.recap.keys() == SERVERS.keys()
    keys = set()
    for name in SERVERS:
        client = three.server_client(name)
        problems = {
            check: problem
            for check, problem in client.check_all("admin", three.remembered("admin"), media_size=100000)
            if problem
        }
        assert problems == {}, name
        keys.add(client.federation_key())
    assert len(keys) == 3


def test_second_run_changes_nothing_and_tells_it(three):
    path = three.place / "report.json"
    three.succeed("-e", f"matrix_report_file={path}", changed=0)
    report = json.loads(path.read_text(encoding="utf-8"))
    assert report["state"] == "healthy"
    assert [each["server"] for each in report["servers"]] == list(SERVERS)
    for each in report["servers"]:
        assert each["changed"] == [] and each["next"] is None
        assert re.match("1[.]", each["version_before"]) and each["version_after"] == each["version_before"]


def test_a_server_moves_to_the_other_machine(three):
    """By the commands of docs/operations.md."""
    client = three.server_client("three")
    token = client.login("admin", three.remembered("admin"))
    content = b"kept" * 1000
    file = client.upload(content)
    key = client.federation_key()

    text = (
        (TOP / "docs/operations.md").read_text(encoding="utf-8").partition("## Another host")[2].partition("\n## ")[0]
    )
    (commands,) = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    for old, new in (("matrix1", "three"), ("zroot/matrixdata", "zroot/three")):
        assert old in commands
        commands = commands.replace(old, new)
    before, ssh, after = commands.partition(" | ssh new.example.com ")
    assert ssh
    *first, sending = before.splitlines()
    receiving, *last = after.splitlines()
    for command in first:
        assert three.ssh(three.other, command).wait() == 0, command
    sender = three.ssh(three.other, sending, stdout=subprocess.PIPE)
    assert three.ssh(three, receiving, stdin=sender.stdout).wait() == 0
    assert sender.wait() == 0
    for command in last:
        assert three.ssh(three.other, command).wait() == 0, command

    three.servers["three"] = (three.machine, SERVERS["three"][1])
    three.succeed()
    client = three.server_client("three")
    assert client.federation_key() == key
    assert client.use_token(token) == "@admin:three.test"
    assert client.download(file) == content
    three.succeed(changed=0)
    assert three.other.inside("jls", "name").stdout.split() == []


@pytest.mark.thorough
def test_one_of_several_that_fails_in_an_upgrade_leaves_all_of_them_running(three):
    three.special = {"one": {"matrix_certificate_warning_days": 9999, "matrix_upgrade_rollback": False}}
    outcome = three.play("-e", "matrix_serial=3", playbook="upgrade", matrix_pkg_repository_url=LATEST)
    three.special = {}
    assert outcome.code != 0 and outcome.recap["one"]["failed"]
    # As Ansible prints a message: with the quotes in it escaped.
    assert (
        re.search(r"one https://\S+ failed at", outcome.words)
        and "the certificate in /mnt/matrixdata/tls expires in" in outcome.words
    ), str(outcome)[-5000:]
    for name in ("two", "three"):
        assert (
            not outcome.recap[name]["failed"]
            or name + " was not finished, since another homeserver failed" in outcome.words
        )
    backs = re.findall(r"potluck\.matrix\.rollback --limit (\w+) -e matrix_snapshot=(upgrade-\w+)", str(outcome))
    assert backs, str(outcome)[-5000:]
    for name in SERVERS:
        assert (
            three.server_client(name).call("GET", "/_matrix/federation/v1/version").json()["server"]["version"]
            == "1.163.2"
        ), name
    name, snapshot = backs[0]
    key = three.server_client(name).federation_key()
    assert snapshot in three.succeed("--limit", name, playbook="rollback", changed=0).words
    nowhere = three.play("--limit", name, "-e", "matrix_snapshot=upgrade-0", playbook="rollback")
    assert nowhere.code != 0 and 'there is no snapshot "upgrade-0"' in nowhere.words
    three.succeed("--limit", name, "-e", "matrix_snapshot=" + snapshot, playbook="rollback")
    client = three.server_client(name)
    assert client.federation_key() == key
    assert client.call("GET", "/_matrix/federation/v1/version").json()["server"]["version"] != "1.163.2"
    three.succeed(matrix_pkg_repository_url=LATEST)
    three.succeed(matrix_pkg_repository_url=LATEST, changed=0)
