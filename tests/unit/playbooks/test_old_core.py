# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook, started alone, refuses an ansible-core that is too old before it contacts anybody."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
PLAYBOOKS = sorted(path.stem for path in (TOP / "playbooks").glob("*.yml"))
REFUSAL = (
    "potluck.matrix needs ansible-core 2.19.1 or newer, but this is 2.18.6; install it as in pip install "
    "'ansible-core>=2.19.1'."
)
# Notes that somebody wanted to contact a host.
RECORDER = """
from ansible.plugins.connection import ConnectionBase
class Connection(ConnectionBase):
    transport = "recorder"
    def _connect(self): open(%r, "a").write("contact")
    def exec_command(self, *arguments, **options): self._connect(); return 1, b"", b""
    def put_file(self, *arguments): self._connect()
    def fetch_file(self, *arguments): self._connect()
    def close(self): pass
"""


@pytest.fixture
def play(tmp_path):
    """Run a playbook under a version of ansible-core; (exit code, output, whether a host was contacted)."""
    record = tmp_path / "record"
    (tmp_path / "connection").mkdir()
    (tmp_path / "connection/recorder.py").write_text(RECORDER % str(record))
    host = {"ansible_connection": "recorder", "matrix_domain": "example.com", "matrix_ip": "10.0.0.5"}
    (tmp_path / "inventory.yml").write_text(json.dumps({"matrix": {"hosts": {"matrix1": host}}}))
    (tmp_path / "environment.sh").write_text("export DOMAIN=example.com\n")

    def runner(name, version=None):
        if version:
            (tmp_path / "sitecustomize.py").write_text(
                f"import ansible.release\nansible.release.__version__ = {version!r}\n"
            )
        done = subprocess.run(
            [
                Path(sys.executable).with_name("ansible-playbook"),
                *("-i", "inventory.yml", "-e", "import_env_host=matrix1", "-e", "import_env_source=environment.sh"),
                f"potluck.matrix.{name}",
            ],
            cwd=tmp_path,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": str(TOP / ".ansible/collections"),
                "ANSIBLE_CONNECTION_PLUGINS": str(tmp_path / "connection"),
                "ANSIBLE_NOCOLOR": "1",
                "PWD": str(tmp_path),
                "PYTHONPATH": str(tmp_path),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr, record.exists() or (tmp_path / "host_vars").exists()

    return runner


@pytest.mark.parametrize("name", PLAYBOOKS)
def test_every_playbook_refuses_before_any_contact(play, name):
    code, said, contacted = play(name, "2.18.6")
    assert code != 0 and not contacted
    assert REFUSAL in said and "Traceback" not in said, said


@pytest.mark.parametrize("name", ["bootstrap", "verify", "import_env"])
def test_what_would_be_contacted_otherwise(play, name):
    """The same playbooks under this ansible-core go on: the test above fails without the refusal."""
    _code, said, contacted = play(name)
    assert contacted and "ansible-core" not in said, said
