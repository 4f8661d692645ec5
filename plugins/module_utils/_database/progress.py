# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How far a move is: a log that grows on the dataset, and what the module returns."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links

NAME = "progress.log"
# Seconds between two lines about the same step.
INTERVAL = 1.0


class Progress:
    """Rows done and left, and the seconds of each step. C(path) of the log is None in check mode."""

    def __init__(self, path: str | None) -> None:
        self.path = path
        self.seconds: dict[str, float] = {}
        self.total = 0
        self._tables: dict[str, int] = {}
        self._written = 0.0

    @property
    def rows(self) -> dict[str, int]:
        """C(done) and C(left), as far as is known."""
        done = sum(self._tables.values())
        return {"done": done, "left": max(0, self.total - done)}

    def line(self, text: str) -> None:
        """Write one line of the log, with the time (UTC)."""
        self._written = time.monotonic()
        if self.path is None:
            return
        parent, name = os.path.split(self.path)
        with no_links.directory(parent) as here:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
            with os.fdopen(os.open(name, flags, 0o640, dir_fd=here), "a", encoding="utf-8") as stream:
                stream.write(time.strftime("%Y-%m-%dT%H:%M:%SZ ", time.gmtime()) + " ".join(text.split()) + "\n")

    @contextlib.contextmanager
    def step(self, name: str) -> t.Iterator[None]:
        """One step, whose beginning and end are written and whose time is taken."""
        self.line(f"{name}: begins")
        begun = time.monotonic()
        try:
            yield
        except BaseException:
            self.line(f"{name}: failed")
            raise
        finally:
            self.seconds[name] = round(time.monotonic() - begun, 2)
        self.line(f"{name}: done in {self.seconds[name]} seconds")

    def expect(self, rows: dict[str, int]) -> None:
        """So many rows of each table are to be copied."""
        self.total = sum(rows.values())
        self._tables = {}

    def heard(self, said: t.Any) -> None:
        """What a step has told: C({"table": NAME, "rows": NUMBER}) or C({"text": TEXT})."""
        if "table" in said:
            self._tables[str(said["table"])] = int(said["rows"])
            if time.monotonic() - self._written >= INTERVAL:
                self.line("copying: {done} rows done, {left} left".format(**self.rows))
        else:
            self.line(str(said["text"]))
