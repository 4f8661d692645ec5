# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs what was recorded on a real FreeBSD in a fresh double of that release, or on another host, and compares what
they print.

Every line of a file is run, also the ones that are not compared, because the lines after it build on what it did.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from captures import CAPTURES, HERE, Line, declarations, load, read, write
from machines import DOUBLE, PATH, TIMEOUT, Machine
from normalise import normalise, renamed
from remote import Remote
from running import DEPLOYMENTS

__all__ = [
    "CAPTURES",
    "DOUBLE",
    "HERE",
    "PATH",
    "REPLAYS",
    "Machine",
    "Result",
    "Results",
    "record",
    "replay",
    "replay_on",
    "replay_remotely",
]


@dataclass
class Result:
    """What a host did with a line, told in the recorded host's names and addresses.

    skipped: why it was not run; empty when it was.
    """

    line: Line
    rc: int | None
    stdout: str
    stderr: str
    rules: list[str] = field(default_factory=list)
    skipped: str = ""

    def expected(self) -> tuple[int | None, str, str]:
        """The recorded result, normalised."""
        return self._normal(self.line.rc, self.line.stdout, self.line.stderr)

    def actual(self) -> tuple[int | None, str, str]:
        """The host's result, normalised."""
        return self._normal(self.rc, self.stdout, self.stderr)

    def _normal(self, rc: int | None, stdout: str, stderr: str) -> tuple[int | None, str, str]:
        return rc, normalise(stdout, "stdout", self.rules), normalise(stderr, "stderr", self.rules)

    def same(self) -> bool:
        """Whether exit code, standard output and standard error agree."""
        return self.expected() == self.actual()


Results = dict[int, Result]
# Where deployments keep their keys and inventories.
PLACE = HERE.parents[1] / ".cache/contract"
# Where a pytest run keeps {(release, file): Results}.
REPLAYS = pytest.StashKey[dict[tuple[str, str], Results]]()


def run(machine: Machine | Remote, line: Line) -> tuple[int | None, str, str]:
    """Run one line; (exit code, standard output, standard error), named as recorded."""
    try:
        done = machine.run(renamed(line.cmd, machine.here))
    except subprocess.TimeoutExpired:
        return None, "", f"no end within {TIMEOUT} s"
    return done.returncode, renamed(done.stdout, machine.back), renamed(done.stderr, machine.back)


def replay_on(machine: Machine, release: str, name: str) -> Results:
    """Run a whole capture file on a double that runs; results by sequence number."""
    declared = declarations(release, name)
    return {
        line.seq: Result(line, *run(machine, line), declared[line.seq].rules.get(line.seq, []))
        for line in load(release, name)
    }


def replay(release: str, name: str) -> Results:
    """Run a whole capture file in a fresh double, on which a homeserver is deployed where the recorded host had one."""
    with DEPLOYMENTS[name](PLACE / name) if name in DEPLOYMENTS else Machine(name, release) as machine:
        return replay_on(machine, release, name)


def run_remotely(machine: Remote, name: str, lines: list[Line], rules: dict[int, list[str]]) -> Results:
    """Run the lines of a capture file on a host, but those that are not for it (remote.Effects); afterwards it has
    what it had.
    """
    results = {}
    machine.prepare(name)
    try:
        for line in lines:
            reason = machine.effects.not_run(line.seq, machine.disposable)
            answer = (None, "", "") if reason else run(machine, line)
            more = machine.effects.rules.get(line.seq, [])
            results[line.seq] = Result(line, *answer, [*rules.get(line.seq, []), *more], reason or "")
    finally:
        machine.remove()
    return results


def replay_remotely(machine: Remote, name: str) -> Results:
    """Compare a host with what was recorded on its release. Refusal where nothing was."""
    machine.require_recorded()
    declared = declarations(machine.release, name)
    return run_remotely(
        machine, name, load(machine.release, name), {seq: each.rules.get(seq, []) for seq, each in declared.items()}
    )


def record(machine: Remote, source: Path, target: Path) -> Results:
    """Run the lines of a capture file, which may hold nothing but commands, and write what the host answers as a
    capture file.

    A line that is not run is written without an answer.
    """
    lines = read(source)
    results = run_remotely(machine, source.stem, lines, {})
    write(
        target,
        [
            replace(line, rc=each.rc, stdout=each.stdout, stderr=each.stderr)
            for line, each in zip(lines, results.values(), strict=True)
        ],
    )
    return results
