# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was recorded on real FreeBSD hosts, and what is declared about it.

captures/RELEASE/NAME.jsonl is one sequence of commands on one host. Files of the same name hold the same commands for
every release, so what is declared about them is written once, per group, in coverage/NAME-GROUP.yml:

    covered: all          # or a list of sequence numbers and "from-to" ranges
    missing:              # a line that is not compared, and why
      109: the double has no such thing
    rules:                # further normalisation rules (normalise.RULES) for single lines, each with a reason as a
    comment
      131: [password-hash]
    releases:             # what is different for one release: more lines that are not compared, more rules
      "15.0":
        missing:
          110: recorded without it
        rules:
          131: [numbers]

coverage/NAME.setup is a sh script run beforehand, with the release in $RELEASE: what the recorded host had before
the first line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
CAPTURES = HERE / "captures"
COVERAGE = HERE / "coverage"
NOT_RECORDED = "not recorded"


@dataclass
class Line:
    """One command; rc is None where no host has answered it yet, or none in time."""

    file: str
    seq: int
    group: str
    cmd: str
    rc: int | None = None
    stdout: str = ""
    stderr: str = ""


def releases() -> list[str]:
    """The releases of FreeBSD that something was recorded on, oldest first."""
    return sorted(
        (path.name for path in CAPTURES.iterdir() if path.is_dir()),
        key=lambda name: [int(part) for part in name.split(".")],
    )


def files(release: str) -> list[str]:
    """The names of a release's capture files."""
    return sorted(path.stem for path in (CAPTURES / release).glob("*.jsonl"))


def read(path: Path) -> list[Line]:
    """The lines of a capture file in order."""
    return [Line(file=path.stem, **json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def load(release: str, name: str) -> list[Line]:
    """A release's capture file."""
    return read(CAPTURES / release / f"{name}.jsonl")


def write(path: Path, lines: list[Line]) -> None:
    """Write a capture file."""
    keys = ("seq", "group", "cmd", "rc", "stdout", "stderr")
    path.write_text(
        "".join(json.dumps({key: getattr(line, key) for key in keys}) + "\n" for line in lines), encoding="utf-8"
    )


def slug(group: str) -> str:
    """'rc.conf.d' -> 'rc-conf-d'."""
    return re.sub(r"[^a-z0-9]+", "-", group.lower()).strip("-")


def expand(items: list[int | str]) -> Iterator[int]:
    """[1, "3-5"] -> 1 3 4 5."""
    for item in items:
        first, _separator, last = str(item).partition("-")
        yield from range(int(first), int(last or first) + 1)


class Declaration:
    """What coverage/NAME-GROUP.yml says about a release; without the file, nothing of the group is covered.

    covered: the compared lines; missing: {line: reason} of all others; rules: {line: names of normalise.RULES}.
    ValueError where the file names a line that the capture does not have, or says two things about one line.
    """

    def __init__(self, release: str, name: str, group: str, lines: list[Line]):
        path = COVERAGE / f"{name}-{slug(group)}.yml"
        data = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        different = (data.get("releases") or {}).get(release) or {}
        unknown = (set(data) - {"covered", "missing", "rules", "releases"}) | (set(different) - {"missing", "rules"})
        unknown |= set(data.get("releases") or {}) - set(releases())
        if unknown:
            raise ValueError(f"{path}: unknown keys {sorted(unknown)}")
        seqs = [line.seq for line in lines]
        self.missing: dict[int, str] = {**(data.get("missing") or {}), **(different.get("missing") or {})}
        self.missing.update({line.seq: NOT_RECORDED for line in lines if line.rc is None})
        self.rules: dict[int, list[str]] = {seq: list(rules) for seq, rules in (data.get("rules") or {}).items()}
        for seq, rules in (different.get("rules") or {}).items():
            self.rules[seq] = [*self.rules.get(seq, []), *rules]
        covered = data.get("covered") or []
        listed = seqs if covered == "all" else list(expand(covered))
        for seq in [*listed, *self.missing, *self.rules]:
            if seq not in seqs:
                raise ValueError(f"{path}: {seq} is no line of {name}/{group}")
        twice = set(listed) & set(data.get("missing") or {})
        if covered != "all" and twice:
            raise ValueError(f"{path}: both covered and missing: {sorted(twice)}")
        self.covered = set(listed) - set(self.missing)
        for seq in seqs:
            if seq not in self.covered:
                self.missing.setdefault(seq, "not declared" if path.exists() else "the group is not declared")


def declarations(release: str, name: str) -> dict[int, Declaration]:
    """The declaration responsible for each line of a capture file."""
    groups: dict[str, list[Line]] = {}
    for line in load(release, name):
        groups.setdefault(line.group, []).append(line)
    found: dict[int, Declaration] = {}
    for group, lines in groups.items():
        found.update(dict.fromkeys([line.seq for line in lines], Declaration(release, name, group, lines)))
    return found
