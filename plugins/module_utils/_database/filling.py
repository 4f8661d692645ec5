# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The work of a move: copies of SQLite's file, the rows in PostgreSQL, and the proof that they are the same.

Nothing here knows the marker: when any of this is done, and what follows from it, is decided elsewhere.
"""

from __future__ import annotations

import inspect
import os
import shutil
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._database import (
    comparison,
    porter,
    postgres,
    sqlite,
    startup,
)
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Account
    from ansible_collections.potluck.matrix.plugins.module_utils._database.progress import Progress


class Filling:
    """Fills one database of PostgreSQL from one file of SQLite; C(tables) and C(sequences) are the results of the
    proof.
    """

    def __init__(self, params: dict, args: dict, account: Account, progress: Progress) -> None:
        self._path, self._directory = os.path.normpath(params["sqlite"]), os.path.normpath(params["directory"])
        self._python, self._source = params["python"], params["config"]
        self._args, self._account, self._progress = args, account, progress
        self._work = os.path.join(self._directory, "work")
        # Copies of SQLite's file, made while Synapse ran and when it had stopped.
        self._running, self._stopped = (os.path.join(self._work, name) for name in ("running.db", "stopped.db"))
        self._config, self._said = (os.path.join(self._work, name) for name in ("homeserver.yaml", "port.log"))
        self.tables: list[dict] = []
        self.sequences: list[dict] = []

    def prepare(self) -> None:
        """The directories: of root, and of Synapse's account for what that writes."""
        no_links.make_directory(self._directory, 0 if os.geteuid() == 0 else -1, -1, 0o755)
        user = self._account.user
        no_links.make_directory(self._work, user.pw_uid, user.pw_gid, 0o700)

    def clean(self) -> None:
        """Leave no copy behind, nor the configuration with its secrets."""
        shutil.rmtree(self._work, ignore_errors=True)

    def empty(self, former: str, new: str) -> None:
        """Begin with nothing; see postgres.empty()."""
        with self._progress.step("empty"):
            self._account.run(postgres.empty, self._args, former, new)

    def copy_running(self) -> t.Any:
        """Copy the file that Synapse uses; returns what says whether a later one has the same tables."""
        with self._progress.step("copy"):
            self._account.run(sqlite.copy_running, self._path, self._running, heard=self._progress.heard)
        # Of the copy: a new Synapse may have begun to change the tables since.
        return self._account.run(sqlite.look, self._running)["schema"]

    def holding(self) -> t.ContextManager[t.Any]:
        """Lock the file that nobody uses, and copy it."""
        return self._account.holding(sqlite.hold, self._path, self._stopped, heard=self._progress.heard)

    def goes_on_from(self, schema: t.Any) -> bool:
        """Whether the rows of the earlier copy are of use."""
        now = self._account.run(sqlite.look, self._stopped)["schema"]
        return now == schema and os.path.isfile(self._running)

    def knowledge(self) -> dict[str, list[str]]:
        """See porter.knowledge()."""
        return porter.knowledge(self._python, self._account.user)

    def go_on(self, known: dict) -> list[str]:
        """Empty the tables with which the porting script must not go on; returns them."""
        with self._progress.step("changes"):
            changed = self._account.run(
                sqlite.changed, self._running, self._stopped, known["kept"], heard=self._progress.heard
            )
            return self._account.run(postgres.begin_tables_anew, self._args, changed, known["kept"])

    def port(self, running: bool, known: dict) -> None:
        """Copy the rows of one of the two copies."""
        copy = self._running if running else self._stopped
        with self._progress.step("port"):
            self._progress.expect(self._account.run(sqlite.rows, copy, known["ignored"]))
            self._account.run(porter.configure, self._source, self._args, self._config)
            self._account.run(porter.port, self._python, copy, self._config, self._said, heard=self._progress.heard)

    def prove(self, known: dict) -> list[str]:
        """C(Sentence) unless PostgreSQL holds what SQLite does, and Synapse would start with it. Returns background
        updates that Synapse is to run.
        """
        with self._progress.step("compare"):
            self.tables = self._account.run(
                comparison.compare, self._args, self._stopped, known["ignored"], heard=self._progress.heard
            )
        differing = [entry["table"] for entry in self.tables if not entry["same"]]
        if differing:
            raise Sentence(f"PostgreSQL does not hold the same as SQLite in {', '.join(differing)}", "comparison")
        with self._progress.step("sequences"):
            self._sequences()
        with self._progress.step("statistics"):
            return self._account.run(postgres.finish, self._args)

    def _sequences(self) -> None:
        """Correct what Synapse would refuse or misread, and what would fail with the first new row."""
        self._account.run(postgres.settle, self._args)
        self.sequences = self._account.run(postgres.correct_columns, self._args)
        # Its own source, wherever Ansible has packed it.
        found = porter.program(self._python, self._account.user, inspect.getsource(startup), self._config)
        self.sequences += found["corrected"]
        if found["reason"]:
            raise Sentence(f"Synapse would not start with PostgreSQL: {found['reason']}", "start")
        if not found["asked"]:
            raise Sentence("Synapse asks for no sequence at its start, so that none is proven", "start")
