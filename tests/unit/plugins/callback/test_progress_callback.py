# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a run looks like with the quiet output."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).resolve().parents[4]
SECRET = "a-secret-that-nobody-tells"
CONTACT = {"name": "Contact", "command": "true"}
# Without a module, which twenty servers would take a while for.
CHANGE = {"name": "Change", "assert": {"that": "true", "quiet": True}, "changed_when": True}


@pytest.fixture
def play(tmp_path):
    """Run a playbook whose roles are given with their tasks; (exit code, its lines without what times they have)."""

    def runner(*arguments, servers=("red", "blue"), **roles):
        for role, tasks in roles.items():
            (tmp_path / f"roles/{role}/tasks").mkdir(parents=True)
            (tmp_path / f"roles/{role}/tasks/main.yml").write_text(yaml.safe_dump(tasks))
        playbook = {
            "name": "Do it",
            "hosts": "matrix",
            "gather_facts": False,
            "vars": {"__report_playbook": "site"},
            "tasks": [{"name": f"Do {role}", "import_role": {"name": role}} for role in roles],
        }
        first = {"name": "First", "hosts": "localhost", "gather_facts": False, "tasks": []}
        (tmp_path / "first.yml").write_text(yaml.safe_dump([first]))
        imported = {"name": "First", "import_playbook": "{{ 'first.yml' | potluck.matrix.reported }}"}
        (tmp_path / "site.yml").write_text(yaml.safe_dump([imported, playbook]))
        hosts = {name: {"ansible_connection": "local"} for name in servers}
        hosts.update(dead={"ansible_host": "127.0.0.1", "ansible_port": 1}) if "dead" in servers else None
        inventory = {"matrix": {"hosts": hosts, "vars": {"ansible_python_interpreter": sys.executable}}}
        (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
        done = subprocess.run(
            [Path(sys.executable).with_name("ansible-playbook"), "-i", "inventory.yml", "site.yml", *arguments],
            cwd=tmp_path,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(TOP / ".ansible/collections"),
                "ANSIBLE_STDOUT_CALLBACK": "potluck.matrix.progress",
                "ANSIBLE_LOCALHOST_WARNING": "False",
                "ANSIBLE_FORKS": "20",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Traceback" not in done.stdout + done.stderr, done.stdout + done.stderr
        assert SECRET not in done.stdout + done.stderr and "\x1b" not in done.stdout
        assert "callback" not in done.stderr.lower(), done.stderr
        return done.returncode, [re.sub(r"^ *[0-9:]+  ", "", line) for line in done.stdout.splitlines()]

    return runner


def test_twenty_servers_have_a_line_for_each_role(play):
    servers = [f"server{number}" for number in range(20)]
    hidden = {"name": "Hide", "debug": {"msg": SECRET}, "no_log": True}
    code, lines = play(servers=servers, zfs_dataset=[CHANGE, CHANGE], verify=[CHANGE, hidden])
    assert code == 0, lines
    for server in servers:
        assert lines.count(f"{server}: zfs_dataset (1 of 2)") == lines.count(f"{server}: verify (2 of 2)") == 1
        assert f"{server}: done, 3 changed" in lines
        # And the table at the end.
        assert [line for line in lines if line.startswith(server + " ")], lines
    assert len(lines) < 20 * 7, lines


def test_failures_and_dead_hosts_are_told_in_full(play):
    failing = {
        "name": "Break",
        "command": {"argv": ["sh", "-c", "echo what it said; echo a reason >&2; exit 3"]},
        "when": "inventory_hostname == 'red'",
    }
    secret = {"name": "Hide", "fail": {"msg": SECRET}, "no_log": True}
    code, lines = play(servers=("red", "blue", "dead"), zfs_dataset=[CONTACT, failing], verify=[CONTACT, secret])
    said = "\n".join(lines)
    assert code == 4
    assert "red: FAILED in zfs_dataset (1 of 2): Break" in said
    assert "stdout: what it said" in said and "stderr: a reason" in said and "non-zero return code" in said
    assert "blue: FAILED in verify (2 of 2): Hide" in said and "no_log: true" in said
    assert "dead: UNREACHABLE in zfs_dataset (1 of 2): Contact" in said and "Connection refused" in said
    assert "red: done, 1 changed, 1 failed" in said
    assert "server" in said and "--limit dead" in said


def test_messages_of_several_lines_items_and_what_is_forgiven(play):
    items = {
        "name": "Look at each",
        "fail": {"msg": "no {{ item }}"},
        "loop": ["one", "two"],
        "when": "item == 'two'",
    }
    sentences = {"name": "Report", "assert": {"that": "false", "fail_msg": ["first sentence", "second sentence"]}}
    forgiven = {"name": "Try", "fail": {"msg": "nobody minds"}, "ignore_errors": True}
    show = {"name": "Show", "debug": {"msg": "line one\nline two"}}
    code, lines = play(
        zfs_dataset=[forgiven, show, {**items, "failed_when": "inventory_hostname == 'red'"}], verify=[sentences]
    )
    said = [line.strip() for line in lines]
    assert code == 2 and "no two" in said and "no one" not in said and "nobody minds" not in "\n".join(said)
    assert said[said.index("line one") + 1] == "line two"
    assert said[said.index("first sentence") + 1] == "second sentence"


def test_diffs_are_told(play):
    copy = {"name": "Write", "copy": {"content": "new text\n", "dest": "{{ playbook_dir }}/{{ inventory_hostname }}"}}
    hidden = {**copy, "name": "Hide", "copy": {**copy["copy"], "content": SECRET}, "no_log": True}
    code, lines = play("--diff", servers=("red",), zfs_dataset=[copy, hidden])
    assert code == 0 and "+new text" in lines and "red: Write" in lines, lines
