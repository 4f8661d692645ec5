# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is said of the action group of the collection is said of every module."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import yaml

TOP = Path(__file__).resolve().parents[2]


def test_every_module_is_in_it_and_says_so():
    modules = sorted(path.stem for path in TOP.glob("plugins/modules/*.py"))
    groups = yaml.safe_load((TOP / "meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    assert groups == {"all": modules}
    for name in modules:
        documentation = (TOP / f"plugins/modules/{name}.py").read_text(encoding="utf-8")
        assert "  - potluck.matrix.attributes\n" in documentation, name


def test_a_module_takes_its_defaults(tmp_path):
    check = {"name": "This file", "kind": "file", "target": __file__}
    play = {
        "name": "Try",
        "hosts": "localhost",
        "gather_facts": False,
        "module_defaults": {"group/potluck.matrix.all": {"checks": [check]}},
        "tasks": [
            {"name": "Look", "potluck.matrix.probe_info": {}, "register": "found"},
            {"name": "Compare", "ansible.builtin.assert": {"that": "found.results[0].ok"}},
        ],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    done = subprocess.run(
        [Path(sys.executable).with_name("ansible-playbook"), "-i", "localhost,", "-c", "local", "play.yml"],
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(TOP / ".ansible/collections"),
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
