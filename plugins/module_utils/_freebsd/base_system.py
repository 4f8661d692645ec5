# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Security patches of FreeBSD itself, by freebsd-update(8), or by pkg(8) where the base system is made of packages.

No exit code of freebsd-update is believed: with nothing to install it has been 0, 1 and 2, and a mirror that has
nothing for a release ends it like one that cannot be reached. What it says of its own work, and what
freebsd-version(1) says afterwards, counts.
"""

from __future__ import annotations

import os
import re

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.pkg import LIMIT, Answer, Failed, Outcome, Pkg
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner

# The repository of the base system's packages, since FreeBSD 15.
REPOSITORY = "FreeBSD-base"
PROGRAM = "/usr/sbin/freebsd-update"
_PENDING = re.compile(r"^The following files will be (?:updated|removed|added) as part of updating to\s+(\S+?):$", re.M)
_NOTHING = re.compile(r"^No updates needed to update system to (\S+?)\.$", re.M)
_READY = "No updates are available to install."
_VERSION = re.compile(r"\d+\.\d+-[A-Z0-9.]+(?:-p\d+)?")
# By which the userland says what it is; it is patched with everything else.
_VERSION_FILE = "/bin/freebsd-version"


def packaged(pkg: Pkg) -> bool:
    """Whether the base system is made of packages: then uname(1), which pkg needs, belongs to one."""
    answer = pkg.run("which", "-q", "/usr/bin/uname")
    return answer[0] == 0 and bool(answer[1].strip())


class BaseSystem:
    """The base system of the root that this runs in."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner

    def version(self) -> str:
        """What the userland calls itself, as 14.2-RELEASE-p3."""
        _rc, out, err = self.runner.run(["freebsd-version", "-u"])
        if not _VERSION.fullmatch(out.strip()):
            raise Sentence(f"freebsd-version does not say which FreeBSD this is: {(out + err).strip()[:200]}")
        return out.strip()

    def pending(self) -> tuple[str, list[str]]:
        """Fetch the patches that there are: (the version that they lead to, the files that they change).

        They lie in freebsd-update's own directory then, and nothing else has changed. C(Failed) when that could not be
        found out, C(Sentence) when nothing can install them here.
        """
        # As in a system that was built WITHOUT_FREEBSD_UPDATE, like the 13.2 that pot was recorded on.
        if not os.path.exists(PROGRAM):
            raise Sentence(
                f"FreeBSD's patches cannot be installed here: {self.version()} has no freebsd-update, and is not made "
                "of packages. Patch the base that pots are made from, and make the pot anew; or move the pot to a "
                "release that can be patched (matrix_pot_release)"
            )
        answer = self._run("fetch")
        found = _PENDING.search(answer[1])
        if found:
            # Before that stand files that were modified here, and are left alone.
            return found.group(1), re.findall(r"^(/\S+)$", answer[1][found.end() :], re.M)
        nothing = _NOTHING.search(answer[1])
        if not nothing:
            raise Failed(f"FreeBSD's patches cannot be fetched: {_last_words(answer)}", answer)
        return nothing.group(1), []

    def install(self, target: str, files: list[str]) -> None:
        """Install what was fetched; C(Failed) when it is not there in the end."""
        answer = self._run("install")
        left = self._run("updatesready")
        if _READY not in left[1]:
            raise Failed(f"FreeBSD's patches are not installed: {_last_words(answer)}", answer)
        version = self.version()
        if _VERSION_FILE in files and version != target:
            raise Failed(f"FreeBSD's patches are not installed: it is still {version}, and not {target}", answer)

    def _run(self, command: str) -> Answer:
        # Without a terminal it would take itself for a job of cron's, and less(1) would wait for a key.
        environment = self.runner.inherited(PAGER="cat")
        argv = ["freebsd-update", "--not-running-from-cron", command]
        return self.runner.run(argv, timeout=LIMIT, environment=environment)


def patch(base: BaseSystem, check: bool, fetch_only: bool = False) -> Outcome:
    """Bring the base system to the newest patches of its release; in check mode, or to fetch only, they are fetched, of
    which the system itself sees nothing.
    """
    before = base.version()
    target, files = base.pending()
    if not files or fetch_only:
        return Outcome(False, {}, "", "")
    after = target
    if not check:
        base.install(target, files)
        after = base.version()
    # A patch need not change what the userland calls itself.
    shown = after if after != before else f"{before} with {len(files)} other files"
    return Outcome(True, {"FreeBSD": shown}, f"FreeBSD-{before}\n", f"FreeBSD-{shown}\n")


def _last_words(answer: Answer) -> str:
    """The paragraph's first line with which freebsd-update gives up, as far as it says one."""
    lines = [line.strip() for line in (answer[1] + answer[2]).splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"failed|giving up|cannot|error|not |invalid", line, re.IGNORECASE)]
    return " ".join((told or lines)[-2:])[:400] or f"freebsd-update ended with {answer[0]} and said nothing"
