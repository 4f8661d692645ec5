# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that starts what has died, and nothing that somebody has stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TEMPLATE = Path(__file__).resolve().parents[3] / "roles/synapse/templates/revive.sh.j2"
RESTARTED = ["prepared start", "served restart"]
# (what runs: this very process, none, or one whose words are others; whether the service is enabled; what is started)
CASES = {
    "it runs": (str(os.getpid()), "python", True, []),
    "it was stopped": (None, "python", True, []),
    "it is about to write its number": ("", "python", True, []),
    "it has died": ("4194304", "python", True, ["prepared start", "served start"]),
    "its number is another process's": (str(os.getpid()), "no-such-words", True, ["prepared start", "served start"]),
    "it is not enabled": ("4194304", "python", False, []),
    "what it needs started before it": (str(os.getpid()), "python", True, []),
    "what it needs started after it": (str(os.getpid()), "python", True, RESTARTED),
    "what it needs started after it and is stopping": (str(os.getpid()), "python", True, []),
    "what it needs started after one that was stopped": (None, "python", True, []),
    "what it needs started after one that is not enabled": (str(os.getpid()), "python", False, []),
}


@pytest.fixture
def commands(tmp_path):
    """Stand-ins for FreeBSD's commands, which note what is asked of them."""
    directory = tmp_path / "bin"
    directory.mkdir()
    for name, text in {
        "service": f'test "$2" != enabled || exit "$ENABLED"; echo "$@" >>{tmp_path}/started',
        "lockf": f'echo "$@" >>{tmp_path}/locked; shift 5; exec "$@"',
        "logger": f'echo "$@" >>{tmp_path}/logged',
    }.items():
        (directory / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (directory / name).chmod(0o755)
    return directory


@pytest.mark.parametrize("case", CASES)
def test_what_has_died_is_started(case, commands, tmp_path):
    number, words, enabled, started = CASES[case]
    assert words != "python" or "python" in " ".join([sys.executable, *sys.argv])
    if number is not None:
        # As PostgreSQL writes it, with more lines below.
        (tmp_path / "pid").write_text(number and f"{number}\n/var/db/postgres/data15\n", encoding="utf-8")
    needed = []
    if case.startswith("what it needs"):
        needed = [tmp_path / "needed"]
        # The first and the last of its lines.
        needed[0].write_text("1\nstopping\n" if "stopping" in case else "1\nready   \n", encoding="utf-8")
        when = 1_000_000_000 if "before" in case else 4_000_000_000
        os.utime(needed[0], (when, when))
    done = subprocess.run(
        ["/bin/sh", "-c", TEMPLATE.read_text(encoding="utf-8"), "revive"]
        + ["served", tmp_path / "pid", words, "prepared", *needed],
        env={"PATH": f"{commands}:/usr/bin:/bin", "ENABLED": "0" if enabled else "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done
    found = tmp_path / "started"
    assert (found.read_text(encoding="utf-8").splitlines() if found.exists() else []) == started
    assert (tmp_path / "logged").exists() == bool(started)
    if started:
        assert (tmp_path / "locked").read_text(encoding="utf-8").split()[4] == "/var/run/potluck-rc-served.lock"
