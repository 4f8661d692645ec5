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
from types import SimpleNamespace

import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.callback import report
from ansible_collections.potluck.matrix.plugins.plugin_utils import _report

TOP = Path(__file__).resolve().parents[4]
SECRET = "a-secret-that-nobody-tells"
CERTIFICATE = "the certificate of red.example.com:443 is valid for 8 more days, until 2026-12-08"


@pytest.fixture
def play(tmp_path):
    """Run tasks for servers of a playbook that is reported; (exit code, output, report)."""

    def runner(tasks, *arguments, servers=("red", "blue", "grey"), role=(), playbook="site"):
        first = {"name": "First", "hosts": "localhost", "gather_facts": False, "tasks": []}
        second = {
            "name": "Second",
            "hosts": "matrix",
            "gather_facts": False,
            "vars": {"__report_playbook": playbook, "matrix_report_file": str(tmp_path / "report.json")},
            "tasks": tasks,
        }
        (tmp_path / "first.yml").write_text(yaml.safe_dump([first]))
        imported = {"name": "First", "import_playbook": "{{ 'first.yml' | potluck.matrix.reported }}"}
        (tmp_path / "site.yml").write_text(yaml.safe_dump([imported, second]))
        hosts = {name: {"ansible_connection": "local"} for name in servers}
        hosts.get("red", {})["matrix_domain"] = "{{ inventory_hostname }}.example.com"
        hosts.get("blue", {})["matrix_domain"] = "{{ nobody_knows }}"
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
        path = tmp_path / "report.json"
        told = json.loads(path.read_text())["servers"] if path.exists() else []
        return done.returncode, done.stdout + done.stderr, {each["server"]: each for each in told}

    return runner


def fail_on(*servers, **more):
    message = {"fail": {"msg": SECRET}, "name": "Break"}
    return {**message, "when": f"inventory_hostname in {list(servers)}", **more}


def test_one_fails_and_one_is_dead(play):
    tasks = [{"name": "Contact", "command": "true"}, fail_on("blue"), {"import_role": {"name": "verify"}}]
    proof = {
        "name": "Report",
        "assert": {
            "that": "true",
            "success_msg": f"3 checks passed; {CERTIFICATE}; warning: one; two; warning: three.",
        },
    }
    code, said, told = play(tasks, servers=("red", "blue", "dead"), role=[proof])
    assert [told["red"][key] for key in ("address", "certificate_until")] == ["https://red.example.com/", "2026-12-08"]
    assert (told["blue"]["address"], told["dead"]["certificate_until"]) == (None, None)
    assert code == 4, said
    assert [told[name]["state"] for name in ("red", "blue", "dead")] == ["healthy", "failed", "unreachable"]
    assert told["red"]["changed"] == ["bootstrap"] and told["red"]["warnings"] == ["one; two", "three."]
    assert told["blue"]["failed_at"] == "bootstrap: Break"
    assert told["dead"]["failed_at"] == "bootstrap: Contact"
    assert SECRET not in json.dumps(told) and SECRET not in said.partition("PLAY RECAP")[2]
    # After the recap, and a line for each.
    assert said.partition("PLAY RECAP")[2].count("ansible-playbook potluck.matrix.site --limit ") == 2, said


def test_a_rollback_has_a_report_when_there_is_something_to_go_back_to(play):
    tasks = [{"name": "Look", "command": "true"}]
    _code, said, told = play(tasks, playbook="rollback")
    assert told == {} and "untouched" not in said and "unproven" not in said
    _code, said, told = play([*tasks, fail_on("red")], "-e", "matrix_snapshot=upgrade-1", playbook="rollback")
    assert told["red"]["next"].endswith("potluck.matrix.rollback --limit red -e matrix_snapshot=upgrade-1"), said


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


def test_the_end_of_an_upgrade_that_was_undone_is_known():
    part, name = _report.UNDONE
    tasks = yaml.safe_load((TOP / "roles" / part / "tasks/failed.yml").read_text())
    assert [each for each in tasks if each["name"] == name and "ansible.builtin.fail" in each]


def test_check_mode_proves_nothing_and_asks_for_nothing(play):
    code, _said, told = play(
        [{"name": "Contact", "command": "true"}, {"name": "Look", "debug": {"msg": "x"}}], "--check"
    )
    assert code == 0
    assert {(each["state"], each["next"]) for each in told.values()} == {("unproven", None)}


def installed(told):
    """What the report knows of a server after an installation of that result."""
    server = _report.Server("red")
    callback = report.CallbackModule()
    callback._run, callback._ours = _report.Run("site", servers={"red": server}), True
    task = SimpleNamespace(action="potluck.matrix.pkg", _uuid="1", no_log=False, name="Install", _role=None)
    host = SimpleNamespace(get_name=lambda: "red")
    callback.v2_runner_on_ok(SimpleNamespace(task=task, host=host, result=told))
    return server


def test_one_installation_is_a_change_of_each_part_that_got_something():
    part = {"changed": False, "diff": {"before": "", "after": ""}}
    synapse = {"changed": True, "diff": {"before": "", "after": "py311-matrix-synapse-1.135.0\n"}}
    proxy = {"changed": True, "diff": {"before": "", "after": "nginx-1.26.3,3\n"}}
    told = {"changed": True, "diff": [], "parts": {"synapse": synapse, "tls": part, "reverse_proxy": proxy}}
    server = installed(told)
    assert server.changed == ["synapse", "reverse_proxy"] and server.after == "1.135.0"


@pytest.mark.parametrize(
    "parts",
    ["word", ["synapse"], {"no part\n": {"changed": True}}, {"synapse": "word"}, {"synapse": {"diff": "word"}}],
)
def test_a_pot_that_tells_of_other_parts_is_not_believed(parts):
    server = installed({"changed": True, "diff": ["word"], "parts": parts})
    assert server.changed == ["bootstrap"] and server.after is None


def test_the_proof_is_what_role_verify_ends_with():
    part, name = _report.PROOF
    tasks = yaml.safe_load((TOP / "roles" / part / "tasks/main.yml").read_text())
    assert tasks[-1]["name"] == name
