# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]

PLAY = """
- hosts: all
  gather_facts: false
  vars:
    word: three
  tasks:
    - ansible.builtin.command:
        argv: [echo, "{{ word }}", "{{ item }}"]
      loop: [1, 2]
    - ansible.builtin.debug:
        msg: none
    - ansible.builtin.slurp:
        src: "{{ inventory_dir }}/hosts"
      no_log: true
"""


def test_each_module_is_listed_with_its_arguments_worked_out_and_for_nobody_else_to_read(tmp_path):
    (tmp_path / "play.yml").write_text(PLAY)
    inventory = tmp_path / "hosts"
    inventory.write_text("one ansible_connection=local ansible_python_interpreter='{{ ansible_playbook_python }}'\n")
    path = tmp_path / "operations.jsonl"
    subprocess.run(
        [TOP / ".venv/bin/ansible-playbook", "-i", inventory, tmp_path / "play.yml"],
        capture_output=True,
        check=True,
        env=dict(
            os.environ,
            ANSIBLE_CALLBACK_PLUGINS=str(TOP / "tests/tools/callback"),
            ANSIBLE_CALLBACKS_ENABLED="list_operations",
            LIST_OPERATIONS_FILE=str(path),
        ),
    )
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(each["server"], each["connection"], each["module"].rpartition(".")[2]) for each in found] == [
        ("one", "local", "command"),
        ("one", "local", "command"),
        ("one", "local", "slurp"),
    ]
    assert [each["arguments"].get("argv") for each in found] == [["echo", "three", 1], ["echo", "three", 2], None]
    assert found[2]["arguments"]["src"] == str(inventory)
    assert path.stat().st_mode & 0o077 == 0
