# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Work that is done as another account: in a process of its own, which ends when the one that waits for it does.

A function for it takes C(tell) first, with which it reports on its way, and then its arguments. What it reports and
what it returns goes through a pipe as JSON, so that nothing else comes back from an account that is trusted less.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import sys
import threading
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

Tell = t.Callable[[t.Any], None]


def _silent(said: t.Any) -> None:
    """Nobody listens."""


class Account:
    """The account of a service; C(Sentence) for a name that the system does not know."""

    def __init__(self, name: str) -> None:
        try:
            self.user = pwd.getpwnam(name)
        except KeyError as error:
            raise Sentence(f"there is no user {name}, which Synapse's package makes", "synapse") from error
        # Process ids of those that work at the moment.
        self.children: set[int] = set()

    def run(self, work: t.Callable[..., t.Any], *arguments: t.Any, heard: Tell = _silent) -> t.Any:
        """What C(work(tell, *arguments)) returns; C(heard) gets what it tells. C(Sentence) for one that it raises, and
        for any other end of it.
        """
        with self.holding(work, *arguments, heard=heard) as value:
            return value

    @contextlib.contextmanager
    def holding(self, work: t.Callable[..., t.Any], *arguments: t.Any, heard: Tell = _silent) -> t.Iterator[t.Any]:
        """As run(), but the process stays, with all that it has opened and locked, until the context ends."""
        sys.stdout.flush()
        sys.stderr.flush()
        reading, writing = os.pipe()
        living, life = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(reading)
                os.close(life)
                self._work(work, arguments, writing, living)
            finally:
                os._exit(1)
        self.children.add(pid)
        os.close(writing)
        os.close(living)
        try:
            with os.fdopen(reading, encoding="utf-8") as stream:
                yield self._answer(stream, heard)
        finally:
            os.close(life)
            os.waitpid(pid, 0)
            self.children.discard(pid)

    @staticmethod
    def _answer(stream: t.TextIO, heard: Tell) -> t.Any:
        for line in stream:
            try:
                message = json.loads(line)
            except ValueError:
                # The beginning of a line, whose writer was killed.
                break
            if "value" in message:
                return message["value"]
            if "refused" in message:
                raise Sentence(message["refused"], message["part"])
            heard(message["told"])
        raise Sentence("the process that did the work was ended from outside; run again", "")

    def _become(self) -> None:
        os.setsid()
        os.umask(0o077)
        if os.geteuid() == 0 and self.user.pw_uid != 0:
            os.setgroups([self.user.pw_gid])
            os.setgid(self.user.pw_gid)
            os.setuid(self.user.pw_uid)
        # Programs look there for settings of their own, which are nobody's business here.
        os.environ["HOME"] = "/nonexistent"
        os.chdir("/")

    def _work(self, work: t.Callable[..., t.Any], arguments: tuple, writing: int, living: int) -> None:
        """All that the new process does."""

        def say(message: dict) -> None:
            os.write(writing, (json.dumps(message) + "\n").encode())

        try:
            self._become()
            threading.Thread(target=_end_with, args=(living,), daemon=True).start()
            say({"value": work(lambda said: say({"told": said}), *arguments)})
        except Sentence as refusal:
            say({"refused": str(refusal), "part": refusal.part})
        except Exception as error:
            # Whatever a library raises: the reader is told what it says, and nothing has been decided by it.
            say({"refused": f"{type(error).__name__}: {' '.join(str(error).split())}", "part": ""})
        while True:
            # Until _end_with() ends it.
            threading.Event().wait()


def _end_with(living: int) -> None:
    """End this process, and all that it has started, as soon as the other end of the pipe is closed."""
    os.read(living, 1)
    os.killpg(0, signal.SIGKILL)
