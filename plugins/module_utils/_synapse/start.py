# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Stop and start Synapse, and tell what the new process said when it does not come up."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import stat
import time

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links, rc
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.client import Synapse

# Seconds between two questions to a process that starts.
POLL_INTERVAL = 0.5
# A process that daemonizes is not seen for a moment. So many looks in a row have to miss it.
MISSED = 4
# Finds the main process of Synapse by its command; matrix-revive has the same words without "-m" among its arguments.
# The blank keeps pgrep(1) from taking the pattern for an option.
PGREP = ("/bin/pgrep", "-f", r" -m synapse\.app\.homeserver( |$)")
# Bytes: far more than a start writes.
MOST = 1 << 20

_TRACEBACK = re.compile(r"^(\s*)Traceback \(most recent call last\):\s*$")
# How a process ends that was told to end is no reason, and rc(8) says only that it failed.
_NO_REASON = re.compile(
    r"^\s*(?:SystemExit|KeyboardInterrupt|GeneratorExit)\b|WARNING: failed to start|^Starting \S+\.$|^\s*$"
)
_BAD_RECORD = re.compile(r" - (?:ERROR|CRITICAL) - ")
_WARNING = re.compile(r" - WARNING - ")
_RECORD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def exceptions(lines: list[str]) -> list[str]:
    """The last lines of all tracebacks, each with what it says on the lines below it."""
    found = []
    indent = None
    for number, line in enumerate(lines):
        begin = _TRACEBACK.match(line)
        if begin:
            indent = begin.group(1)
        elif (
            indent is not None
            and line.startswith(indent)
            and line[len(indent) : len(indent) + 1] not in ("", " ", "\t")
        ):
            text = [line.strip()]
            for more in lines[number + 1 : number + 6]:
                if not more.strip() or _RECORD.match(more) or _TRACEBACK.match(more):
                    break
                text.append(more.strip())
            found.append(" ".join(text))
            indent = None
    return [text for text in found if not _NO_REASON.search(text)]


def most_telling(said: str, logged: str) -> str:
    """The reason for which a start failed, from what it printed and what it logged; empty when neither says any."""
    printed = [line for line in said.splitlines() if not _NO_REASON.search(line)]
    records = [line for line in logged.splitlines() if not _NO_REASON.search(line)]
    raised = exceptions(printed) or exceptions(logged.splitlines())
    if raised:
        return raised[-1]
    for number, line in enumerate(printed):
        if line.startswith("Error in configuration"):
            return " ".join(more.strip() for more in printed[number:])
    for candidates in (
        [line for line in records if _BAD_RECORD.search(line)],
        printed,
        [line for line in records if _WARNING.search(line)],
        records,
    ):
        if candidates:
            return candidates[-1].strip()
    return ""


class Log:
    """Synapse's log file from now on, across its rotation."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._inode, self._size = self._look(path)

    @staticmethod
    def _look(path: str) -> tuple[int | None, int]:
        try:
            found = os.lstat(path)
        except OSError:
            return None, 0
        return (found.st_ino, found.st_size) if stat.S_ISREG(found.st_mode) else (None, 0)

    @staticmethod
    def _tail(path: str, begin: int) -> str:
        """Text from a position on; of a lot only the end. The file is Synapse's, which is to move nobody by what
        it puts in its place."""
        try:
            with no_links.directory(os.path.dirname(path)) as here:
                handle = os.open(os.path.basename(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here)
        except OSError:
            return ""
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return ""
            stream.seek(max(begin, os.fstat(handle).st_size - MOST))
            return stream.read(MOST).decode("utf-8", "replace")

    def since(self) -> str:
        """What was written to it since."""
        inode, size = self._look(self.path)
        if inode == self._inode and size >= self._size:
            return self._tail(self.path, self._size)
        return (self._tail(self.path + ".1", self._size) if self._inode is not None else "") + self._tail(self.path, 0)


class Homeserver:
    """The rc service of Synapse, and the socket at which it answers."""

    def __init__(self, socket: str, log: str, timeout: int, name: str = "synapse") -> None:
        self._name = name
        self._service = rc.Service(name, timeout)
        self._synapse = Synapse(socket=socket, timeout=5)
        self._socket, self._log, self._timeout = socket, log, timeout

    def status(self) -> rc.Status:
        """Whether its process runs."""
        return self._service.status()

    def strays(self) -> list[int]:
        """Process ids of Synapses when none is told of: of one that only starts, or that has lost the file with its
        process id to another one, which could not have its port and took the file with it."""
        if self.status().running:
            return []
        return [int(word) for word in rc.run(list(PGREP))[1].split() if word.isdigit()]

    def answers(self) -> bool:
        """Whether Synapse says that it is healthy."""
        try:
            return self._synapse.request("GET", "/health")[0] == 200
        except Sentence:
            return False

    def await_answer(self, log: Log, said: str = "") -> None:
        """Wait until it answers; Sentence when its process has ended, or the time is over."""
        deadline = time.monotonic() + self._timeout
        missed = 0
        while not self.answers():
            missed = 0 if self.status().running or self.strays() else missed + 1
            over = time.monotonic() > deadline
            if over or missed >= MISSED:
                reason = most_telling(said, log.since())
                what = f"did not answer at {self._socket} within {self._timeout} seconds"
                if missed >= MISSED:
                    what = "ended at its start"
                raise Sentence(f"Synapse {what}" + (f": {reason}" if reason else ""), "start")
            time.sleep(POLL_INTERVAL)

    def stop(self) -> None:
        """Stop it if it runs, told of or not; Sentence when it does not end."""
        if self.status().running:
            self._service.stop()
        deadline = time.monotonic() + self._timeout
        told: set[int] = set()
        while strays := self.strays():
            over = time.monotonic() > deadline
            for pid in strays:
                # Once: another one would come in the middle of its end.
                if over or pid not in told:
                    told.add(pid)
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL if over else signal.SIGTERM)
            if time.monotonic() > deadline + 10:
                raise Sentence(f"a Synapse that no file tells of does not end: process {strays[0]}", "start")
            time.sleep(POLL_INTERVAL)

    def start(self) -> None:
        """Start it and wait until it answers; Sentence with the reason when it does not."""
        # After the end of the old process, whose last words explain nothing.
        log = Log(self._log)
        code, stdout, stderr = rc.run([rc.SERVICE, self._name, "onestart"])
        if code != 0 and not self.status().running:
            reason = most_telling(stderr + "\n" + stdout, log.since())
            raise Sentence(f"Synapse did not start: {reason or rc.said(stdout, stderr)}", "start")
        self.await_answer(log, stderr + "\n" + stdout)
