# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run changes what it has to and nothing else, and costs little when there is nothing to change."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from .conftest import TOP
from .parameters import PARAMETERS


def test_a_second_run_changes_nothing_and_takes_few_remote_operations(site):
    done = subprocess.run(
        [TOP / "tests/tools/count-operations", "-i", site.inventory],
        env=site.environment(ANSIBLE_NOCOLOR="1"),
        cwd=TOP,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(rf"^{site.machine} +: .*changed=0 ", done.stdout, re.M), done.stdout[-6000:]
    operations, tasks = re.search(rf"^{site.machine} +(\d+) +(\d+)$", done.stdout, re.M).groups()
    assert int(operations) <= 36 and int(tasks) <= 80, done.stdout[-2000:]


def test_the_name_of_a_homeserver_cannot_be_changed(site):
    before = state(site)
    for more in (["--check"], []):
        done = site.ansible("site", "--tags", "synapse,ldap_auth,tls", *more, matrix_domain="other.test")
        assert done.code != 0
        assert (
            "matrix_domain: /mnt/matrixdata/matrix-synapse holds the homeserver neigh.test, which cannot be renamed to "
            "other.test" in done.words
        )
    assert state(site) == before


# Hashes of all files that a run may write, and the process of each service.
STATE = r"""
import hashlib, json, os, subprocess
found = {}
tops = ("/etc", "/usr/local/etc", "/usr/local/libexec", "/usr/local/bin")
for top in (*tops, "/mnt/matrixdata/tls", "/mnt/matrixdata/ssh", "/mnt/matrixdata/control"):
    for parent, directories, files in os.walk(top):
        for name in files:
            path = os.path.join(parent, name)
            if os.path.isfile(path) and not path.endswith((".pyc", "/account.conf")):
                with open(path, "rb") as stream:
                    found[path] = hashlib.sha256(stream.read()).hexdigest()
services = {
    "synapse": "matrix-synapse/homeserver.pid", "nginx": "nginx.pid", "matrix_ldap_proxy": "matrix-ldap-proxy.pid",
    "consul": "consul.pid", "node_exporter": "node_exporter.pid", "syslog-ng": "syslog.pid", "sshd": "sshd.pid",
    "cron": "cron.pid",
}
for service, path in services.items():
    with open("/var/run/" + path) as stream:
        found["service " + service] = stream.read().strip()
print(json.dumps(found))
"""


def state(site):
    return json.loads(site.inside("/usr/local/bin/python3.11", "-c", STATE, pot=site.machine).stdout)


@pytest.mark.parametrize(
    "name, value, restarted",
    [
        ("matrix_smtp_from", "other@neigh.test", {"service synapse"}),
        pytest.param("matrix_certificate_watch_days", 10, set(), marks=pytest.mark.thorough),
        pytest.param("matrix_node_name", "other", {"service consul"}, marks=pytest.mark.thorough),
    ],
)
def test_a_real_run_does_what_check_mode_says(site, name, value, restarted):
    before = state(site)
    try:
        done = site.ansible("site", "--skip-tags", "verify", **{name: value})
        assert done.code == 0, done.output[-3000:]
        after = state(site)
        assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} == PARAMETERS[
            name
        ][1] | restarted
    finally:
        site.roles("synapse", "tls", "consul_agent")
    assert {
        path for path, digest in state(site).items() if digest != before[path] and not path.startswith("service ")
    } == set()
