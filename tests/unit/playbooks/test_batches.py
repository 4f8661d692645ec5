# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Site and upgrade in batches of servers that nobody reaches: who is tried, and what is told."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]


@pytest.fixture
def play(tmp_path):
    """Run a playbook for four servers whose hosts are dead; (exit code, output, states by server)."""

    def runner(name, **variables):
        common = {
            "ansible_host": "127.0.0.1",
            "ansible_port": 1,
            "matrix_alert_email": "admin@example.com",
            "matrix_tls_mode": "selfsigned",
            "matrix_pot_interface": "em0",
        }
        hosts = {
            server: {
                "matrix_domain": server + ".example.com",
                "matrix_ip": f"10.0.0.{number}",
                "matrix_dataset": "zroot/" + server,
            }
            for number, server in enumerate(("one", "two", "three", "four"), 5)
        }
        groups = {"matrix": {"hosts": hosts, "vars": common}, "early": {"hosts": {"three": {}, "four": {}}}}
        (tmp_path / "inventory.json").write_text(json.dumps(groups))
        done = subprocess.run(
            [
                Path(sys.executable).with_name("ansible-playbook"),
                *("-i", "inventory.json", "-e", json.dumps({"matrix_report_file": "report.json", **variables})),
                f"potluck.matrix.{name}",
            ],
            cwd=tmp_path,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(TOP / ".ansible/collections"),
                "ANSIBLE_NOCOLOR": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        report = json.loads((tmp_path / "report.json").read_text())
        return done.returncode, done.stdout + done.stderr, {each["server"]: each["state"] for each in report["servers"]}

    return runner


@pytest.mark.parametrize("name", ["site", "upgrade"])
@pytest.mark.parametrize(
    "variables, tried",
    [
        ({"matrix_canary": "early", "matrix_max_fail_percentage": 100}, {"three", "four"}),
        ({"matrix_serial": 1, "matrix_max_fail_percentage": 25}, {"one", "two"}),
        ({"matrix_serial": "50%"}, {"one", "two"}),
        ({"matrix_serial": [1, 2], "matrix_max_fail_percentage": 50}, {"one", "two", "three"}),
    ],
)
def test_who_is_tried(play, name, variables, tried):
    code, said, states = play(name, **variables)
    assert code == 4, said
    assert states == {
        server: "unreachable" if server in tried else "untouched" for server in ("one", "two", "three", "four")
    }, said


def test_site_takes_all_at_once_by_itself(play):
    code, said, states = play("site")
    assert code == 4 and set(states.values()) == {"unreachable"}, said


def test_upgrade_takes_one_at_a_time_by_itself(play):
    code, said, states = play("upgrade")
    assert code == 4 and list(states.values()) == ["unreachable", *["untouched"] * 3], said
