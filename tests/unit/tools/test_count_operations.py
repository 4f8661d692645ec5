# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]

PLAY = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.raw: echo one
    - ansible.builtin.command: echo three
      loop: [1, 2, 3]
    - ansible.builtin.debug:
        msg: none
    - ansible.builtin.command: echo none
      when: inventory_hostname == 'second'
    - ansible.builtin.command: echo none
      delegate_to: localhost
    - ansible.builtin.include_role:
        name: counted
"""


def test_what_counts(tmp_path):
    (tmp_path / "play.yml").write_text(PLAY)
    tasks = tmp_path / "roles" / "counted" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "main.yml").write_text("- ansible.builtin.ping:\n- ansible.builtin.set_fact:\n    counted_fact: 1\n")
    inventory = tmp_path / "hosts"
    inventory.write_text(
        "first ansible_connection=local\nsecond ansible_connection=local\n"
        "[all:vars]\nansible_python_interpreter={{ ansible_playbook_python }}\n"
    )
    done = subprocess.run(
        [TOP / "tests/tools/count-operations", "--by-role", "-i", inventory, tmp_path / "play.yml"],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ, ANSIBLE_NOCOLOR="1"),
    )
    counts = re.findall(r"^( *\S+) +([0-9]+) +([0-9]+)$", done.stdout, re.MULTILINE)
    assert counts == [
        ("first", "5", "8"),
        ("  (playbook)", "4", "6"),
        ("  counted", "1", "2"),
        ("second", "6", "8"),
        ("  (playbook)", "5", "6"),
        ("  counted", "1", "2"),
    ], done.stdout


def test_without_an_inventory_it_tells_how_to_use_it():
    done = subprocess.run([TOP / "tests/tools/count-operations"], capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "usage:" in done.stderr
