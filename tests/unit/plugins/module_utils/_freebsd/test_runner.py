# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands get a known environment, and end in any case."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import CommandTimeout, Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import PATH, Runner


def test_runner_gives_commands_a_clean_environment(monkeypatch):
    monkeypatch.setenv("LEAK", "x")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.org")
    runner = Runner()
    assert runner.run(["/usr/bin/env"])[1].split() == ["PATH=" + PATH, "HOME=/root"]
    assert "HTTP_PROXY=http://proxy.example.org" in runner.run(["/usr/bin/env"], download=True)[1]


def test_runner_does_not_wait_for_daemons():
    rc, out, _err = Runner().run(["/bin/sh", "-c", "sleep 20 & echo $!; exit 3"], timeout=5)
    assert rc == 3
    subprocess.run(["kill", out.strip()], check=True)


def test_runner_ends_what_takes_too_long():
    with pytest.raises(CommandTimeout, match="'/bin/sleep 30' did not end within 0 seconds"):
        Runner().run(["/bin/sleep", "30"], timeout=0.2)
    with pytest.raises(Sentence, match="Cannot run /nonexistent: No such file"):
        Runner().run(["/nonexistent"])


def test_runner_leaves_a_foreground_command_alone(tmp_path):
    mark = tmp_path / "mark"
    rc, _out, _err = Runner().run(["/bin/sh", "-c", f"echo $$ > {mark}; exec sleep 20"], timeout=10, until=mark.exists)
    assert rc is None
    subprocess.run(["kill", mark.read_text().strip()], check=True)
