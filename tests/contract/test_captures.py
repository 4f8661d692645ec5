# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double behaves as the recorded FreeBSD did, line by line."""

from __future__ import annotations

import os
import shutil

import pytest
import replay

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="the double needs root and iproute2")


def covered() -> list[tuple[str, int]]:
    """All (file, line) that are declared to behave as recorded."""
    found = []
    for name in replay.files():
        declared = replay.declarations(name)
        found += [(name, line.seq) for line in replay.load(name) if line.seq in declared[line.seq].covered]
    return found


@pytest.fixture(scope="session")
def replays(pytestconfig: pytest.Config) -> dict[str, dict[int, replay.Result]]:
    """Each file is replayed once, when its first line is asked for; conftest.py reports what came of it."""
    return pytestconfig.stash.setdefault(replay.REPLAYS, {})


@pytest.mark.parametrize(("name", "seq"), covered())
def test_line(replays: dict[str, dict[int, replay.Result]], name: str, seq: int) -> None:
    """Exit code, standard output and standard error are the recorded ones."""
    if name not in replays:
        replays[name] = replay.replay(name)
    result = replays[name][seq]
    assert result.actual() == result.expected(), result.line.cmd


@pytest.mark.parametrize("name", replay.files())
def test_every_line_is_accounted_for(name: str) -> None:
    """A line is either covered or missing for a reason that somebody wrote down."""
    declared = replay.declarations(name)
    silent = {seq: declaration.missing[seq] for seq, declaration in declared.items() if "not declared" in declaration.missing.get(seq, "")}
    assert not silent
