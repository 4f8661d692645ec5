# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replays the captures recorded on a real FreeBSD in a fresh double and compares what they print.

A capture file (captures/NAME.jsonl) is one sequence on one machine: every line is run, also the ones that are not compared,
because the lines after it build on what it did. What is compared is declared per group in coverage/NAME-GROUP.yml:

    covered: all          # or a list of sequence numbers and "from-to" ranges
    missing:              # a line that is not compared, and why
      109: the double has no such thing
    rules:                # further normalisation rules (see RULES) for single lines, each with a reason as a comment
      131: [password-hash]

coverage/NAME.setup is a sh script run in the double beforehand: what the recorded machine had before the first line.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

HERE = Path(__file__).resolve().parent
DOUBLE = HERE.parent / "double" / "double"
CAPTURES = HERE / "captures"
COVERAGE = HERE / "coverage"
PATH = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
TIMEOUT = 120

MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"


@dataclass
class Line:
    """One recorded command."""

    file: str
    seq: int
    group: str
    cmd: str
    rc: int
    stdout: str
    stderr: str


@dataclass
class Result:
    """What the double did with it."""

    line: Line
    rc: int
    stdout: str
    stderr: str
    address: str
    rules: list[str] = field(default_factory=list)

    def expected(self) -> tuple[int, str, str]:
        """The recorded result, normalised."""
        return (
            self.line.rc,
            normalise(self.line.stdout, "stdout", self.rules, RECORDED_ADDRESSES),
            normalise(self.line.stderr, "stderr", self.rules, RECORDED_ADDRESSES),
        )

    def actual(self) -> tuple[int, str, str]:
        """The double's result, normalised."""
        addresses = {self.address: "ADDRESS", self.address.rpartition(".")[0] + ".1": "GATEWAY"}
        return (self.rc, normalise(self.stdout, "stdout", self.rules, addresses), normalise(self.stderr, "stderr", self.rules, addresses))

    def same(self) -> bool:
        """Whether exit code, standard output and standard error agree."""
        return self.expected() == self.actual()


# --- normalisation: what differs from run to run ----------------------------------------------------------------------


def _lines(text: str, keep: Callable[[str], bool]) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if keep(line.rstrip("\n")))


def waiting(text: str, stream: str) -> str:
    """Whether rc.subr still finds the process when it first looks is a matter of milliseconds."""
    return _lines(text, lambda line: not re.fullmatch(r"Waiting for PIDS: [\d ,]+\.", line))


def pids(text: str, stream: str) -> str:
    """Process ids."""
    return re.sub(r"(\bpid[ =]|PIDS: |(?<=[a-z])\[)\d+", r"\1PID", text)


def dates(text: str, stream: str) -> str:
    """Points in time as date(1), ls(1), syslog and zfs print them."""
    text = re.sub(rf"{DAY} {MONTH} [ \d]\d +\d?\d:\d\d:\d\d (?:UTC )?\d{{4}}(?: UTC)?", "DATE", text)
    text = re.sub(rf"{DAY} {MONTH} [ \d]\d +\d?\d:\d\d \d{{4}}", "DATE", text)
    text = re.sub(rf"{MONTH} [ \d]\d \d\d:\d\d:\d\d", "DATE", text)
    return re.sub(rf"{MONTH} [ \d]\d (?:\d\d:\d\d| \d{{4}})", "DATE", text)


def ls_long(text: str, stream: str) -> str:
    """Link counts and sizes in ls -l, and with them the widths of its columns: another file system."""
    text = re.sub(r"^total \d+$", "total N", text, flags=re.M)
    return re.sub(
        r"^([-dlbcps][-rwxsStT]{9})\s+\d+\s+(\S+)\s+(\S+)\s+\S+\s+DATE ", r"\1 LINKS \2 \3 SIZE DATE ", text, flags=re.M
    )


def zfs_ls(text: str, stream: str) -> str:
    """ls -l complained about ZFS files on the recorded machine only (captures/README.md)."""
    return _lines(text, lambda line: not re.fullmatch(r"ls: .*: Invalid argument", line)) if stream == "stderr" else text


def mktemp(text: str, stream: str) -> str:
    """The random part of mktemp's names."""
    return re.sub(r"(/tmp/\w+\.)[A-Za-z0-9]{6,10}$", r"\1RANDOM", text, flags=re.M)


def password_hash(text: str, stream: str) -> str:
    """Salted hashes."""
    return re.sub(r"\$6\$[^:\s]+", "$6$HASH", text)


def file_size(text: str, stream: str) -> str:
    """The size of a file whose comment lines nobody promised."""
    return re.sub(r" \d+$", " SIZE", text, flags=re.M)


def epoch(text: str, stream: str) -> str:
    """Seconds since 1970, as dates and in the names of pot's snapshots."""
    return re.sub(r"\b1[78]\d{8}\b", "EPOCH", text)


def numbers(text: str, stream: str) -> str:
    """Sizes, counters and times that have nothing in common with the recorded machine's, and the blanks before them."""
    return re.sub(r" *\b\d+(?:\.\d+)?[KMGTB]?%?(?!\w)", " N", text)


def mac(text: str, stream: str) -> str:
    """Hardware addresses."""
    return re.sub(r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b", "MAC", text)


def sorted_lines(text: str, stream: str) -> str:
    """Lines whose order is chance."""
    return "".join(sorted(text.splitlines(keepends=True)))


def first_word(text: str, stream: str) -> str:
    """Only the first word of every line."""
    return "".join(line.split()[0] + "\n" for line in text.splitlines() if line.split())


def blanks(text: str, stream: str) -> str:
    """Widths of columns that follow from volatile contents."""
    return re.sub(r"[ \t]+", " ", text)


ALWAYS: list[Callable[[str, str], str]] = [waiting, pids, dates, ls_long, zfs_ls, mktemp, password_hash]
RULES: dict[str, Callable[[str, str], str]] = {
    "file-size": file_size,
    "epoch": epoch,
    "numbers": numbers,
    "mac": mac,
    "sorted-lines": sorted_lines,
    "first-word": first_word,
    "blanks": blanks,
}
RECORDED_ADDRESSES = {"10.0.2.15": "ADDRESS", "10.0.2.2": "GATEWAY", "10.0.2.3": "GATEWAY"}


def normalise(text: str, stream: str, rules: list[str], addresses: dict[str, str]) -> str:
    """Apply the rules that always hold, the line's own, and names for the machine's addresses."""
    for address, name in addresses.items():
        text = re.sub(rf"(?<![\d.]){re.escape(address)}(?!\d)", name, text)
    for rule in [*ALWAYS, *(RULES[name] for name in rules)]:
        text = rule(text, stream)
    return text


# --- captures and what is declared about them -------------------------------------------------------------------------


# Where a pytest run keeps {file: {seq: Result}}.
REPLAYS = pytest.StashKey[dict]()


def files() -> list[str]:
    """The names of all capture files."""
    return sorted(path.stem for path in CAPTURES.glob("*.jsonl"))


def load(name: str) -> list[Line]:
    """A capture file's lines in order."""
    text = (CAPTURES / f"{name}.jsonl").read_text(encoding="utf-8")
    return [Line(file=name, **json.loads(line)) for line in text.splitlines()]


def slug(group: str) -> str:
    """'rc.conf.d' -> 'rc-conf-d'."""
    return re.sub(r"[^a-z0-9]+", "-", group.lower()).strip("-")


class Declaration:
    """What coverage/NAME-GROUP.yml says; without the file, nothing of the group is covered."""

    def __init__(self, name: str, group: str, seqs: list[int]):
        path = COVERAGE / f"{name}-{slug(group)}.yml"
        data = yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
        unknown = set(data) - {"covered", "missing", "rules"}
        if unknown:
            raise ValueError(f"{path}: unknown keys {sorted(unknown)}")
        self.missing: dict[int, str] = data.get("missing") or {}
        self.rules: dict[int, list[str]] = data.get("rules") or {}
        covered = data.get("covered") or []
        self.covered = {seq for seq in seqs if seq not in self.missing} if covered == "all" else set(self._expand(covered))
        for seq in [*self.covered, *self.missing, *self.rules]:
            if seq not in seqs:
                raise ValueError(f"{path}: {seq} is no line of {name}/{group}")
        if self.covered & set(self.missing):
            raise ValueError(f"{path}: both covered and missing: {sorted(self.covered & set(self.missing))}")
        if not path.exists():
            self.missing = dict.fromkeys(seqs, "the group is not declared")
        else:
            for seq in seqs:
                if seq not in self.covered:
                    self.missing.setdefault(seq, "not declared")

    @staticmethod
    def _expand(items: list[int | str]) -> Iterator[int]:
        for item in items:
            first, _separator, last = str(item).partition("-")
            yield from range(int(first), int(last or first) + 1)


def declarations(name: str) -> dict[int, Declaration]:
    """The declaration responsible for each line of a capture file."""
    groups: dict[str, list[int]] = {}
    for line in load(name):
        groups.setdefault(line.group, []).append(line.seq)
    found: dict[int, Declaration] = {}
    for group, seqs in groups.items():
        declaration = Declaration(name, group, seqs)
        found.update(dict.fromkeys(seqs, declaration))
    return found


# --- running ----------------------------------------------------------------------------------------------------------


class Machine:
    """A double named and set up like the recorded machine."""

    def __init__(self, name: str):
        self.name = f"contract-{name}-{uuid.uuid4().hex[:6]}"
        self.setup = COVERAGE / f"{name}.setup"

    def __enter__(self) -> Machine:
        command = [str(DOUBLE), "start", self.name, "--hostname", "fbsd1.example.test", "--disk", "20G"]
        self.address = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        if self.setup.exists():
            result = self.run(self.setup.read_text(encoding="utf-8"))
            if result.returncode:
                self.__exit__()
                raise RuntimeError(f"{self.setup}: {result.stdout}{result.stderr}")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run([str(DOUBLE), "stop", self.name], check=False)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """A command as the captures were made: sh -c as root, no standard input, that PATH."""
        return subprocess.run(
            [str(DOUBLE), "exec", self.name, "--", "/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=TIMEOUT,
            check=False,
            env={**os.environ, "TERM": "su"},
        )


def replay(name: str) -> dict[int, Result]:
    """Run a whole capture file in a fresh double; results by sequence number."""
    declared = declarations(name)
    results = {}
    with Machine(name) as machine:
        for line in load(name):
            try:
                done = machine.run(line.cmd)
                rc, stdout, stderr = done.returncode, done.stdout, done.stderr
            except subprocess.TimeoutExpired:
                rc, stdout, stderr = -1, "", f"no end within {TIMEOUT} s"
            rules = declared[line.seq].rules.get(line.seq, [])
            results[line.seq] = Result(line, rc, stdout, stderr, machine.address, rules)
    return results
