# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A new part is one role with a plate and one line in the list of parts, and all others know it."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml

from .conftest import TOP, fetch, wait_for

PLATE = {
    "ports": [{"port": 7000, "owner": "the scratch"}],
    "services": [
        {
            "name": "scratch",
            "port": 7000,
            "check": {
                "id": "scratch-connect",
                "name": "The scratch is there",
                "tcp": "{{ matrix_ip }}:7000",
            },
            "requires": ["The scratch runs"],
        }
    ],
    "logs": [{"path": "/var/log/scratch.log", "program": "scratch"}],
    "rc_services": ["scratch"],
    "checks_inside": [{"name": "The scratch runs", "kind": "service", "target": "scratch"}],
    "checks_outside": [{"name": "The scratch answers", "kind": "tcp", "target": "{{ matrix_ip }}:7000"}],
}
SCRIPT = """#!/bin/sh
# PROVIDE: scratch
# REQUIRE: LOGIN
. /etc/rc.subr
name=scratch
rcvar=scratch_enable
load_rc_config $name
: ${scratch_enable:="NO"}
: ${scratch_address:=""}
pidfile=/var/run/scratch.pid
procname=/usr/local/bin/python3.11
command=/usr/sbin/daemon
serve="${procname} -u -m http.server -d /var/empty -b ${scratch_address} 7000"
command_args="-f -p ${pidfile} -o /var/log/scratch.log ${serve}"
run_rc_command "$1"
"""
TASKS = [
    {
        "name": "Write the rc script of the scratch",
        "potluck.matrix.file_set": {
            "files": [{"path": "/usr/local/etc/rc.d/scratch", "content": SCRIPT, "mode": "0755"}]
        },
        "tags": "scratch",
    },
    {
        "name": "Run the scratch",
        "potluck.matrix.rc_service": {
            "name": "scratch",
            "enabled": True,
            "variables": {"scratch_address": "{{ matrix_ip }}"},
            "state": "started",
        },
        "tags": "scratch",
    },
]


@pytest.fixture
def collection(tmp_path, site):
    """A copy of the collection with the part; in the end the homeserver is without it again."""
    copy = tmp_path / "ansible_collections/potluck/matrix"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "galaxy.yml", "meta", "playbooks", "plugins", "roles"],
        cwd=TOP,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((TOP / name).read_bytes())
    role = copy / "roles/scratch"
    for name, content in (("meta/part.yml", PLATE), ("tasks/main.yml", TASKS)):
        (role / name).parent.mkdir(parents=True, exist_ok=True)
        (role / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    parts = copy / "roles/parts/vars/main.yml"
    parts.write_text(parts.read_text(encoding="utf-8") + "  - scratch\n", encoding="utf-8")
    yield tmp_path
    site.service("scratch", "onestop", check=False)
    site.jail_run("sysrc -x scratch_enable scratch_address; rm -f /usr/local/etc/rc.d/scratch /var/log/scratch.log")
    site.roles("remote_log", "consul_agent")


def test_a_new_part_is_announced_shipped_proven_and_kept_free_of_clashes(site, collection, monkeypatch):
    usual = site.environment

    def environment(**more):
        # The archives are those of the checkout's modules, which the copy has unchanged.
        return {**usual(**more), "ANSIBLE_COLLECTIONS_PATH": str(collection)}

    monkeypatch.setattr(site, "environment", environment)
    tags = ("--tags", "scratch,remote_log,consul_agent")
    clash = site.ansible("site", *tags, matrix_metrics_port=7000)
    assert clash.code != 0 and "matrix_metrics_port: 7000 is the port of the scratch" in clash.words, clash

    done = site.ansible("site", *tags)
    assert done.code == 0 and done.changed > 0, done
    again = site.ansible("site", *tags)
    assert again.code == 0 and again.changed == 0, again

    def announced():
        return json.loads(fetch(f"http://{site.consul[0]}:8500/v1/health/service/scratch?passing"))

    (entry,) = wait_for(announced, 60, "Consul has a scratch that passes its check")
    assert (entry["Service"]["Address"], entry["Service"]["Port"]) == (site.jail, 7000)
    fetch(f"http://{site.jail}:7000/?shipped-by-remote-log")
    wait_for(
        lambda: int(site.tell("syslog-receiver", "count", "shipped-by-remote-log")) == 1,
        30,
        "the scratch's log arrives",
    )

    assert site.verify() == []
    site.service("scratch", "stop")
    failures = " ".join(site.verify())
    assert "The scratch runs: no" in failures and "The scratch answers: no" in failures, failures
