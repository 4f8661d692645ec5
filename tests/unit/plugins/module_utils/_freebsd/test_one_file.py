# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of several sources that run where nothing of the collection is."""

from __future__ import annotations

import subprocess
import sys
import types

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import one_file

SOURCES = {
    "potluck_below": "GREETING = 'hello'\n",
    "potluck_entry": (
        "from potluck_below import GREETING\n\n\ndef main(words):\n    print(GREETING, *words)\n    return 3\n"
    ),
}


@pytest.fixture(name="parts")
def fixture_parts(monkeypatch):
    monkeypatch.setattr(one_file.inspect, "getsource", lambda part: SOURCES[part.__name__])
    return {name: types.ModuleType(name) for name in SOURCES}


@pytest.mark.parametrize("beginning", ["", f"#!{sys.executable} -I\n"])
def test_it_runs_by_itself(tmp_path, parts, beginning):
    program = tmp_path / "program"
    program.write_bytes(one_file.content(parts["potluck_entry"], parts.values(), beginning))
    program.chmod(0o755)
    words = [str(program)] if beginning else [sys.executable, "-I", str(program)]
    done = subprocess.run([*words, "you"], capture_output=True, text=True, check=False, env={})
    assert (done.returncode, done.stdout, done.stderr) == (3, "hello you\n", "")


def test_the_same_sources_are_the_same_bytes_in_any_order(parts, monkeypatch):
    entry, every = parts["potluck_entry"], list(parts.values())
    found = one_file.content(entry, every)
    assert found == one_file.content(entry, reversed(every))
    monkeypatch.setitem(SOURCES, "potluck_below", "GREETING = 'good morning'\n")
    assert found != one_file.content(entry, every)
