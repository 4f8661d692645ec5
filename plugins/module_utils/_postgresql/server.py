# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database and its owner in a running PostgreSQL, as Synapse wants them."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.arrival import Arrival

# Seconds for a statement.
LIMIT = 120
# What Synapse checks at its start (engines/postgres.py): other collations change with the system's library.
ENCODING, COLLATION = "UTF8", "C"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class Server:
    """A running server, asked through its socket as its administrator, whom pg_ident.conf lets root be."""

    def __init__(self, runner: Runner, socket_directory: str, psql: str) -> None:
        self.runner, self.socket_directory = runner, socket_directory
        self._command = [
            psql,
            *("--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--no-password", "--field-separator=\t"),
            *("--set=ON_ERROR_STOP=1", f"--host={socket_directory}", "--username=postgres"),
        ]

    def ask(self, statement: str, database: str = "postgres", limit: float = LIMIT) -> list[list[str]]:
        """The rows of an answer; C(Sentence) with the server's words."""
        argv = [*self._command, f"--dbname={database}", f"--command={statement}"]
        rc, out, err = self.runner.run(argv, limit)
        if rc != 0:
            words = err.strip().splitlines() or ["it said nothing"]
            raise Sentence(f"PostgreSQL does not do it: {words[0].strip()}", "server")
        return [line.split("\t") for line in out.splitlines()]


class Database:
    """A database with its owner; C(actions) are the statements that were run, or would be in check mode, and what else
    was done. C(arrival), if any, is the way for what was brought out of another cluster.
    """

    def __init__(
        self, server: Server, name: str, owner: str, check: bool, arrival: Arrival | None = None, keep: bool = True
    ) -> None:
        for text, option in ((name, "name"), (owner, "owner")):
            if not _NAME.fullmatch(text):
                raise Sentence(f"'{text}' is not a name of lower-case letters, digits and '_'", option)
        self.server, self.name, self.owner, self.check = server, name, owner, check
        self.arrival, self.keep = arrival, keep
        self.actions: list[str] = []

    def ensure(self) -> None:
        """Make what is missing; C(Sentence) for a database that Synapse would refuse, and unless all is right then."""
        self._ensure_owner()
        rows = self._look()
        if not rows:
            self._make()
            rows = [] if self.check else self._look()
        for row in rows:
            self._judge(*row)
        if not rows or rows[0][4] == "t":
            # Whoever else gets to log in has no business in it.
            self._act(f"REVOKE ALL ON DATABASE {self.name} FROM PUBLIC")
        if self.arrival and rows:
            self._tidy(self.arrival)

    def _tidy(self, arrival: Arrival) -> None:
        for path in arrival.unneeded(self.server, self.keep):
            self.actions.append(f"remove {path}")
            if not self.check:
                arrival.remove(path)

    def _make(self) -> None:
        """With what another cluster held, or empty."""
        create = f"TEMPLATE template0 ENCODING '{ENCODING}' LC_COLLATE '{COLLATION}' LC_CTYPE '{COLLATION}'"
        if not self.arrival or not self.arrival.waits(self.name):
            self._act(f"CREATE DATABASE {self.name} OWNER {self.owner} {create}")
            return
        self.actions.append(f"restore {self.name} from {self.arrival.luggage.path}")
        if not self.check:
            self.arrival.restore(self.server, self.name, self.owner, create)

    def _act(self, statement: str) -> None:
        self.actions.append(statement)
        if not self.check:
            self.server.ask(statement)

    def _ensure_owner(self) -> None:
        rows = self.server.ask(
            f"SELECT rolcanlogin, rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls "
            f"FROM pg_roles WHERE rolname = '{self.owner}'"
        )
        if not rows:
            self._act(f"CREATE ROLE {self.owner} LOGIN")
        elif rows[0] != ["t", "f"]:
            self._act(f"ALTER ROLE {self.owner} LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS")

    def _look(self) -> list[list[str]]:
        return self.server.ask(
            "SELECT pg_encoding_to_char(encoding), datcollate, datctype, pg_get_userbyid(datdba), "
            "has_database_privilege('public', oid, 'CONNECT') OR has_database_privilege('public', oid, 'TEMPORARY') "
            f"FROM pg_database WHERE datname = '{self.name}'"
        )

    def _judge(self, encoding: str, collation: str, kind: str, owner: str, _public: str) -> None:
        found = (encoding, collation, kind, owner)
        wanted = (ENCODING, COLLATION, COLLATION, self.owner)
        names = ("encoding", "collation", "character type", "owner")
        wrong = [f"{name} {one} in place of {other}" for name, one, other in zip(names, found, wanted) if one != other]
        if wrong:
            raise Sentence(f"the database {self.name} has the {', the '.join(wrong)}", "name")
