# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether nginx has read what was written for it, and a reload that is proven."""

from __future__ import annotations

import os
import re
import time

from ansible_collections.potluck.matrix.plugins.module_utils._certificate.changes import Changes
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.commands import last_line, run
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.files import Pair, read
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence


class Nginx:
    """settings: all of them; pair: what nginx reads beside its configuration, None without TLS."""

    def __init__(self, settings: dict, pair: Pair | None, changes: Changes) -> None:
        self.settings = settings
        self.pair = pair
        self.changes = changes
        self.pid, self.stamp, self.log = (settings[name] for name in ("nginx_pid", "stamp", "nginx_log"))

    def reload(self) -> None:
        """Reload nginx if it started, or was reloaded, before something it reads was written.

        Sentence when it goes on with what it had; the pair that it could read is back then.
        """
        if not os.path.exists(self.pid):
            return
        if self._unread():
            self.changes.note("reloaded nginx")
            if self.changes.check:
                return
            try:
                self._reload()
            except Sentence as problem:
                if self.pair and self.pair.put_back():
                    raise Sentence(f"{problem}; the former certificate is back in {self.pair.directory}") from None
                raise
        if self.pair and not self.changes.check:
            self.pair.settle()

    def _unread(self) -> bool:
        read_at = max(_times(self.pid, self.stamp), default=0)
        written = max(_times(self.settings["nginx_conf"], *(self.pair.paths if self.pair else ())), default=0)
        return written > read_at

    def _reload(self) -> None:
        now, workers = time.time_ns(), self._workers()
        before = os.path.getsize(self.log) if os.path.exists(self.log) else 0
        done = run(*self.settings["reload"])
        if done.returncode != 0:
            raise Sentence(
                "nginx was not reloaded and keeps its old configuration: " + emergency(done.stderr + done.stdout)
            )
        # That was a signal. What became of it shows in other workers, or in the log.
        deadline = time.monotonic() + self.settings["reload_timeout"]
        while workers and not self._workers() - workers:
            if time.monotonic() > deadline:
                said = emergency(read(self.log)[before:])
                raise Sentence("nginx did not reload and keeps its old configuration: " + said)
            time.sleep(0.2)
        with open(self.stamp, "a", encoding="utf-8"):
            os.utime(self.stamp, ns=(now, now))

    def _workers(self) -> set[str]:
        """Process ids of nginx's workers; empty when it does not run."""
        return set(run("pgrep", "-P", read(self.pid).strip()).stdout.split())


def emergency(text: str) -> str:
    """What nginx says about why it cannot go on, or else the last thing that is said."""
    found = re.findall(r"\[emerg\] (?:\d+#\d+: )?(.*)", text)
    return next(filter(None, (" ".join(words.split()) for words in found)), last_line(text))


def _times(*paths: str) -> list[int]:
    return [os.stat(path).st_mtime_ns for path in paths if os.path.exists(path)]
