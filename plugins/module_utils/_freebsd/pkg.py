# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module pkg: packages installed or upgraded by pkg(8), whose exit codes and texts are not believed."""

from __future__ import annotations

import re
import shutil
import time
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner

# A repository cannot be asked and a package database cannot be opened while another pkg writes it.
LOCKED = re.compile(r"locked by another process|advisory lock|database is locked", re.IGNORECASE)
# Of a repository whose catalogue lists more than it serves, as mirrors do while they are filled.
MISSING = re.compile(r"has a missing dependency: ")
PARTIAL = re.compile(
    rf"{MISSING.pattern}|/All/.*: Not Found$|size mismatch, cannot continue$|failed checksum from repository$"
)
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")
# Seconds: a whole system may have to be fetched over a slow line.
LIMIT = 6 * 3600

# (exit code, standard output, standard error).
Answer = tuple[t.Optional[int], str, str]


class Failed(Sentence):
    """What pkg could not do, with its last answer, and the packages that are missing for it."""

    def __init__(self, sentence: str, answer: Answer, missing: t.Sequence[str] = ()) -> None:
        super().__init__(sentence)
        self.answer, self.missing = answer, list(missing)


class Outcome(t.NamedTuple):
    """What came of it: whether anything changed, C({name: version}) of what was asked for, and what diff mode shows."""

    changed: bool
    packages: dict[str, str]
    before: str
    after: str


class Pkg:
    """pkg(8), run with arguments in a list and without a terminal."""

    def __init__(self, runner: Runner, lock_timeout: float, repository: str = "") -> None:
        """repository: the only one from which anything is upgraded; empty for all."""
        self.runner = runner
        self.only = ["-r", repository] if repository else []
        # Before it has made itself at home there is only the one that does that.
        self.program = shutil.which("pkg", path="/usr/local/sbin:/usr/sbin") or "pkg"
        self.deadline = time.time() + lock_timeout

    def run(self, *arguments: str) -> Answer:
        """The answer, after waiting for another pkg where there is one."""
        environment = self.runner.inherited(BATCH="yes")
        if arguments[0] in ("install", "update", "upgrade"):
            # Without it a pkg that is not there yet asks whether to install itself, and fails for want of a terminal.
            environment["ASSUME_ALWAYS_YES"] = "yes"
        while True:
            answer = self.runner.run([self.program, *arguments], timeout=LIMIT, environment=environment)
            if answer[0] == 0 or not LOCKED.search(answer[1] + answer[2]) or time.time() > self.deadline:
                return answer
            time.sleep(3)

    def versions(self, query: str, names: t.Iterable[str]) -> dict[str, str]:
        """C({name: version}) of those of the packages that C(pkg query) or C(pkg rquery) knows."""
        found = {}
        for name in names:
            # pkg ends with 1 for a package it does not know, and for several names when one of them is unknown.
            # rquery would update the catalogue, and ask whoever is not there about a newer release of the system.
            rc, out, _err = self.run(query, *(["-U"] if query == "rquery" else []), "%v", name)
            if rc == 0 and out.strip():
                found[name] = out.split()[0]
        return found

    def installed(self) -> dict[str, str]:
        """C({name: version}) of all packages."""
        answer = self.run("query", "-a", "%n %v")
        if answer[0] != 0:
            raise Failed(f"The installed packages cannot be listed: {last_words(answer)}", answer)
        return dict(line.split(" ", 1) for line in answer[1].splitlines())

    def pending(self) -> tuple[Answer, list[str] | None]:
        """(answer of pkg, what it would upgrade, a line each); for the second C(None) when it could not say.

        The exit code of a dry run says nothing: with updates it is 1 before pkg 2.4, and 0 since.
        """
        answer = self.run("upgrade", "-n", *self.only)
        if MISSING.search(answer[2]):
            # Left out of the upgrade, which ends well without it.
            raise Failed(f"The packages cannot be upgraded: {last_words(answer)}", answer)
        if "Your packages are up to date" in answer[1]:
            return answer, []
        found = re.findall(r"^\t(\S.*)$", answer[1], re.MULTILINE)
        return answer, found or None


def dependencies(pkg: Pkg, name: str) -> tuple[bool, list[str]]:
    """(whether a package is installed, names of what it depends on directly), else as the repository has it; C(Failed)
    when that does not have it either.
    """
    answer = pkg.run("query", "%n %dn", name)
    installed = answer[0] == 0 and bool(answer[1].strip())
    if not installed:
        answer = pkg.run("rquery", "-U", "%n %dn", name)
        if answer[0] != 0 or not answer[1].strip():
            # There may be no catalogue yet.
            pkg.run("update", "-q")
            answer = pkg.run("rquery", "-U", "%n %dn", name)
    lines = [line.split() for line in answer[1].splitlines() if line.strip()]
    if answer[0] != 0 or not lines:
        raise Failed(f"The repository has no package {name}: {last_words(answer)}", answer)
    return installed, [words[1] for words in lines if len(words) > 1]


def last_words(answer: Answer) -> str:
    """The line with which pkg explains itself: the last one, unless one before tells what the repository lacks."""
    lines = [line.strip() for line in (answer[2].strip() or answer[1].strip()).splitlines() if line.strip()]
    partial = next(filter(PARTIAL.search, lines), "")
    if partial:
        return f"{partial} (run again when the repository is whole, or use another one)"
    return lines[-1] if lines else "pkg said nothing"


def listed(packages: t.Mapping[str, str]) -> str:
    """Packages for diff mode, a line each."""
    return "".join(f"{name}-{version}\n" for name, version in sorted(packages.items()))


def upgrade_all(pkg: Pkg, check: bool) -> Outcome:
    """Upgrade everything; C(Failed) when something is left."""
    installed = pkg.installed()
    answer, lines = pkg.pending()
    if not check and lines:
        # When there is a new pkg, it alone is upgraded first.
        for _round in range(3):
            answer = pkg.run("upgrade", "-y", *pkg.only)
            left = pkg.pending()[1]
            if answer[0] != 0 or left == []:
                break
        else:
            what = "; ".join(left) if left else "pkg does not say what is left"
            raise Failed(f"The packages are not upgraded: {what}", answer)
    if lines is None or (answer[0] != 0 and not check):
        raise Failed(f"The packages cannot be upgraded: {last_words(answer)}", answer)
    after = pkg.installed()
    changed = {name: version for name, version in after.items() if installed.get(name) != version}
    removed = {name: version for name, version in installed.items() if after.get(name) != version}
    if check:
        return Outcome(bool(lines), changed, listed(removed), "".join(line + "\n" for line in lines))
    return Outcome(bool(changed or removed), changed, listed(removed), listed(changed))


def fetch_all(pkg: Pkg, check: bool) -> Outcome:
    """Fetch what an upgrade would install, and install nothing; C(Failed) when not all of it can be had.

    When there is a new pkg, that is it alone.
    """
    answer, lines = pkg.pending()
    if lines and not check:
        answer = pkg.run("upgrade", "-F", "-y", *pkg.only)
    if lines is None or (answer[0] != 0 and not check and lines):
        raise Failed(f"The packages cannot be fetched: {last_words(answer)}", answer)
    return Outcome(bool(lines) and "to be downloaded" in answer[1], {}, "", "")


def install(pkg: Pkg, names: list[str], latest: bool, check: bool) -> Outcome:
    """Install what is missing, with C(latest) also what is older than in the repository; C(Failed) when one of the
    packages is not there in the end.
    """
    before = pkg.versions("query", names)
    wanted = {name: "(the repository's version)" for name in names if name not in before}
    if latest and before:
        answer = pkg.run("update", "-q")
        if answer[0] != 0:
            raise Failed(f"The package catalogue cannot be fetched: {last_words(answer)}", answer)
        available = pkg.versions("rquery", before)
        wanted.update({name: version for name, version in available.items() if version != before[name]})
    after = dict(before)
    if wanted and check:
        after.update(wanted)
    elif wanted:
        answer = pkg.run("install", "-y", *sorted(wanted))
        after = pkg.versions("query", names)
        missing = [name for name in names if name not in after]
        if answer[0] != 0 or missing:
            what = ", ".join(missing or sorted(wanted))
            raise Failed(f"{what} cannot be installed: {last_words(answer)}", answer, missing)
    return Outcome(before != after, after, listed(before), listed(after))


def of_part(outcome: Outcome, names: t.Iterable[str]) -> Outcome:
    """What of an installation is about some of its packages."""
    after = {name: outcome.packages[name] for name in map(str, names)}
    # No version holds a hyphen.
    earlier = dict(line.rsplit("-", 1) for line in outcome.before.splitlines())
    before = {name: earlier[name] for name in after if name in earlier}
    return Outcome(before != after, after, listed(before), listed(after))
