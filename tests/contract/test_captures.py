# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The double behaves as the recorded FreeBSD hosts did, line by line, each release as its own."""

from __future__ import annotations

import os
import shutil

import captures
import pytest
import replay
import report
from remote import Remote

# The least percentage of a release's recorded lines that are compared and found equal.
ENOUGH = 95
Replays = dict[tuple[str, str], replay.Results]


def covered() -> list[tuple[str, str, int]]:
    """All (release, file, line) that are declared to behave as recorded."""
    found = []
    for release in captures.releases():
        for name in captures.files(release):
            declared = captures.declarations(release, name)
            found += [(release, name, seq) for seq, declaration in declared.items() if seq in declaration.covered]
    return found


class Replayed:
    """The results of capture files. Each is replayed once, when its first line is asked for; conftest.py reports what
    came of it.
    """

    def __init__(self, results: Replays, machine: Remote | None):
        self.results = results
        self.machine = machine

    def file(self, release: str, name: str) -> replay.Results:
        """The results of a file. Skips the test for a release that the host is not."""
        if self.machine and release != self.machine.release:
            pytest.skip(f"{self.machine.address} is FreeBSD {self.machine.release}")
        if (release, name) not in self.results:
            self.results[release, name] = (
                replay.replay_remotely(self.machine, name) if self.machine else replay.replay(release, name)
            )
        return self.results[release, name]


@pytest.fixture(scope="session")
def replayed(pytestconfig: pytest.Config, machine: Remote | None) -> Replayed:
    """What the host, or a double of each release, does with the captures."""
    if not machine and (os.geteuid() != 0 or not shutil.which("ip")):
        pytest.skip("the double needs root and iproute2")
    return Replayed(pytestconfig.stash.setdefault(replay.REPLAYS, {}), machine)


@pytest.mark.parametrize(("release", "name", "seq"), covered())
def test_line(replayed: Replayed, release: str, name: str, seq: int) -> None:
    """Exit code, standard output and standard error are the recorded ones."""
    result = replayed.file(release, name)[seq]
    if result.skipped:
        pytest.skip(result.skipped)
    assert result.actual() == result.expected(), result.line.cmd


@pytest.mark.parametrize("release", captures.releases())
def test_enough_of_a_release_is_as_recorded(replayed: Replayed, release: str) -> None:
    """What is declared as missing, and what differs, is the exception."""
    if replayed.machine:
        pytest.skip("of a real host, the report at the end says how much is as recorded")
    total = report.Count()
    for name in captures.files(release):
        total += report.count(release, name, replayed.file(release, name))
    assert total.share >= ENOUGH, total


@pytest.mark.parametrize(
    ("release", "name"), [(release, name) for release in captures.releases() for name in captures.files(release)]
)
def test_every_line_is_accounted_for(release: str, name: str) -> None:
    """A line is either covered or missing for a reason that somebody wrote down."""
    declared = captures.declarations(release, name)
    silent = {
        seq: declaration.missing[seq]
        for seq, declaration in declared.items()
        if "not declared" in declaration.missing.get(seq, "")
    }
    assert not silent
