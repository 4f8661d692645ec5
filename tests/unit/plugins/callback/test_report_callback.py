# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report as a run of Ansible makes it, without anybody's enabling the callback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.plugin_utils import _report

TOP = Path(__file__).resolve().parents[4]
SECRET = "a-secret-that-nobody-tells"


@pytest.fixture
def play(tmp_path):
    """Run tasks for servers of a playbook that is reported; (exit code, output, report)."""

    def runner(tasks, *arguments, servers=("red", "blue", "grey"), role=()):
        first = {"name": "First", "hosts": "localhost", "gather_facts": False, "tasks": []}
        second = {
            "name": "Second",
            "hosts": "matrix",
            "gather_facts": False,
            "vars": {"__report_playbook": "site", "matrix_report_file": str(tmp_path / "report.json")},
            "tasks": tasks,
        }
        (tmp_path / "first.yml").write_text(yaml.safe_dump([first]))
        imported = {"name": "First", "import_playbook": "{{ 'first.yml' | potluck.matrix.reported }}"}
        (tmp_path / "site.yml").write_text(yaml.safe_dump([imported, second]))
        hosts = {name: {"ansible_connection": "local"} for name in servers}
        hosts.update(dead={"ansible_host": "127.0.0.1", "ansible_port": 1}) if "dead" in servers else None
        inventory = {"matrix": {"hosts": hosts, "vars": {"ansible_python_interpreter": sys.executable}}}
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
        (tmp_path / "roles/verify/tasks").mkdir(parents=True, exist_ok=True)
        (tmp_path / "roles/verify/tasks/main.yml").write_text(yaml.safe_dump(list(role)))
        done = subprocess.run(
            [
                Path(sys.executable).with_name("ansible-playbook"),
                *("-i", "inventory.yml", "site.yml", *arguments),
            ],
            cwd=tmp_path,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(TOP / ".ansible/collections"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_LOCALHOST_WARNING": "False",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        report = json.loads((tmp_path / "report.json").read_text())
        return done.returncode, done.stdout + done.stderr, {each["server"]: each for each in report["servers"]}

    return runner


def fail_on(*servers, **more):
    message = {"fail": {"msg": SECRET}, "name": "Break"}
    return {**message, "when": f"inventory_hostname in {list(servers)}", **more}


def test_one_fails_and_one_is_dead(play):
    tasks = [{"name": "Contact", "command": "true"}, fail_on("blue"), {"import_role": {"name": "verify"}}]
    proof = {
        "name": "Report",
        "assert": {"that": "true", "success_msg": "3 checks passed; warning: one; two; warning: three."},
    }
    code, said, told = play(tasks, servers=("red", "blue", "dead"), role=[proof])
    assert code == 4, said
    assert [told[name]["state"] for name in ("red", "blue", "dead")] == ["healthy", "failed", "unreachable"]
    assert told["red"]["changed"] == ["bootstrap"] and told["red"]["warnings"] == ["one; two", "three."]
    assert told["blue"]["failed_at"] == "bootstrap: Break"
    assert SECRET not in json.dumps(told) and SECRET not in said.partition("PLAY RECAP")[2]
    # After the recap, and a line for each.
    assert said.partition("PLAY RECAP")[2].count("ansible-playbook potluck.matrix.site --limit ") == 2, said


def test_every_server_fails(play):
    """Ansible runs no further play then, and the report is there."""
    code, said, told = play([fail_on("red", "blue", "grey")])
    assert code == 2 and {each["state"] for each in told.values()} == {"failed"}, said


def test_the_place_of_a_failure_is_its_cause(play):
    block = {"block": [fail_on("red", "blue")], "rescue": [{**fail_on("red"), "name": "Tell"}]}
    code, said, told = play([block])
    assert code == 2
    assert (told["red"]["state"], told["red"]["failed_at"]) == ("failed", "bootstrap: Break"), said
    # Mended, which is no failure.
    assert (told["blue"]["state"], told["blue"]["failed_at"]) == ("unproven", None)


def test_check_mode_proves_nothing_and_asks_for_nothing(play):
    code, _said, told = play(
        [{"name": "Contact", "command": "true"}, {"name": "Look", "debug": {"msg": "x"}}], "--check"
    )
    assert code == 0
    assert {(each["state"], each["next"]) for each in told.values()} == {("unproven", None)}


def test_the_proof_is_what_role_verify_ends_with():
    part, name = _report.PROOF
    tasks = yaml.safe_load((TOP / "roles" / part / "tasks/main.yml").read_text())
    assert tasks[-1]["name"] == name
