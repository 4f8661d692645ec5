# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""SQLite's side, as Synapse's account. Every function is work for account.Account, but for fingerprint()."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t
import urllib.parse

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

if t.TYPE_CHECKING:
    import sqlite3

    from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Tell

# Pages that are copied at once while Synapse runs, which waits as long to write.
PAGES = 2000
# So often a copy may begin anew because Synapse has written meanwhile.
RESTARTS = 5
# Bytes that are copied in one go after that. Synapse's SQLite waits five seconds for a lock.
IN_ONE_GO = 512 * 1024 * 1024
# Seconds that Synapse may keep the file locked meanwhile.
PATIENCE = 60
# What a step of a copy ends with when it was not kept from it (SQLite's result codes).
OK, DONE = 0, 101
# Bytes of the header: where the counter of changes is (SQLite's file format, 1.3.7).
COUNTER = slice(24, 28)
# Every suffix of a file that SQLite has beside its database.
BESIDE = ("-journal", "-wal", "-shm")


def fingerprint(path: str) -> dict:
    """C(size) in bytes, C(counter) of changes and C(time) of the last one in nanoseconds; empty when there is no
    file.
    """
    try:
        found = no_links.read(path, 100)
        if not found:
            return {}
        with no_links.directory(os.path.dirname(path)) as here:
            status = os.stat(os.path.basename(path), dir_fd=here, follow_symlinks=False)
    except OSError as error:
        raise Sentence(f"{path} cannot be read: {error.strerror}; links are not followed", "sqlite") from error
    return {
        "size": status.st_size,
        "counter": int.from_bytes(found[0][COUNTER], "big"),
        "time": status.st_mtime_ns,
    }


def quoted(name: str) -> str:
    """An identifier in SQL, for SQLite and PostgreSQL."""
    return '"' + name.replace('"', '""') + '"'


@contextlib.contextmanager
def opened(path: str, mode: str = "ro", wait: float = 30) -> t.Iterator[sqlite3.Connection]:
    """A connection without transactions of its own making; C(Sentence) for what SQLite says."""
    # A package of its own on FreeBSD, which is there when there is such a database.
    import sqlite3

    try:
        with contextlib.closing(
            sqlite3.connect(
                f"file:{urllib.parse.quote(path)}?mode={mode}", uri=True, timeout=wait, isolation_level=None
            )
        ) as connection:
            yield connection
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise Sentence(
                f"{path} is being written by another process; stop Synapse before its database is moved", "running"
            ) from error
        raise Sentence(f"the database {path} cannot be read: {error}", "sqlite") from error


def tables_of(connection: sqlite3.Connection, schema: str = "main") -> dict[str, list[str]]:
    """{table: its columns} of all tables but SQLite's own."""
    names = [
        row[0]
        for row in connection.execute(
            f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        )
    ]
    return {
        name: [row[1] for row in connection.execute(f"PRAGMA {schema}.table_info({quoted(name)})")] for name in names
    }


def look(_tell: Tell | None, path: str) -> dict:
    """What there is to move: C(schema), the version of Synapse's tables and what was applied to them; C(updates), names
    of background updates that have not ended; C(vacuum), whether row numbers may change by themselves.
    """
    # What a crash has left has to be followed before anything can be read, as every reader does that may.
    with opened(path, "rw" if os.path.exists(path + "-journal") else "ro") as connection:
        tables = tables_of(connection)
        if "schema_version" not in tables or "events" not in tables:
            raise Sentence(f"{path} is not a database of Synapse", "sqlite")
        version = connection.execute("SELECT version, upgraded FROM schema_version").fetchone()
        deltas = connection.execute("SELECT count(*), max(version) FROM applied_schema_deltas").fetchone()
        updates = []
        if "background_updates" in tables:
            updates = [row[0] for row in connection.execute("SELECT update_name FROM background_updates ORDER BY 1")]
        vacuum = connection.execute("PRAGMA auto_vacuum").fetchone()[0] != 0
    return {"schema": [*version, *deltas], "updates": updates, "vacuum": vacuum}


def rows(_tell: Tell | None, path: str, skipped: list[str]) -> dict[str, int]:
    """{table: its rows} of all tables but those to be skipped, and those in which SQLite keeps the text search."""
    with opened(path) as connection:
        return {
            name: connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0]
            for name in tables_of(connection)
            if name not in skipped and not name.startswith("event_search_")
        }


def copy_running(tell: Tell, path: str, copy: str) -> None:
    """Copy a database that is in use, as it is at one moment. C(Sentence) when there is no quiet moment for it."""
    restarts, former, moved = 0, 0, time.monotonic()

    def progress(status: int, remaining: int, total: int) -> None:
        nonlocal restarts, former, moved
        if status not in (OK, DONE):
            if time.monotonic() - moved > PATIENCE:
                raise Sentence(f"Synapse keeps {path} locked for more than {PATIENCE} seconds", "busy")
            return
        moved = time.monotonic()
        if former and remaining >= former:
            restarts += 1
            if restarts > RESTARTS:
                raise TimeoutError
        former = remaining
        tell({"text": f"copying the file: {total - remaining} pages of {total}"})

    for pages in (PAGES, -1):
        _away(copy)
        with opened(path) as source, opened(copy, "rwc") as target:
            try:
                source.backup(target, pages=pages, progress=progress, sleep=0.01)
                return
            except TimeoutError as error:
                if os.stat(path).st_size > IN_ONE_GO:
                    raise Sentence(
                        f"{path} is written too often to be copied while Synapse runs; all of it can be moved while "
                        "Synapse is stopped",
                        "busy",
                    ) from error


def hold(tell: Tell, path: str, copy: str, wait: float = 10) -> None:
    """Lock a database so that no other process can write or read it, as long as this one lives, and copy it.

    Nothing is changed in it but what SQLite itself does after a crash: its journal is followed.
    """
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(opened(path, "rw", wait))
        source.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # A lock that outlives the transaction, during which SQLite would copy nothing.
        source.execute("PRAGMA locking_mode = EXCLUSIVE")
        source.execute("BEGIN EXCLUSIVE")
        source.execute("COMMIT")
        _away(copy)
        with opened(copy, "rwc") as target:
            source.backup(target, pages=-1, progress=_refuse_to_wait)
        # Not closed: the lock stays until the end of the process.
        _HELD.append(stack.pop_all())
    tell({"text": "copying the file: done"})


def _refuse_to_wait(status: int, _remaining: int, _total: int) -> None:
    """For a copy for which there is nothing to wait: SQLite would go on trying for ever."""
    if status not in (OK, DONE):
        raise Sentence(f"SQLite does not let its file be copied (code {status})", "sqlite")


_HELD: list[contextlib.ExitStack] = []


def _away(copy: str) -> None:
    for name in (copy, *(copy + suffix for suffix in BESIDE)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def changed(tell: Tell, former: str, path: str, tables: list[str]) -> list[str]:
    """Those of the tables in which a row of a former copy is another one, or none, by now. Rows that have been added
    do not count.
    """
    found, heard = [], time.monotonic()
    with opened(path) as connection:
        connection.execute("ATTACH DATABASE ? AS former", (f"file:{urllib.parse.quote(former)}?mode=ro",))
        there, before = tables_of(connection), tables_of(connection, "former")
        for table in sorted(set(tables) & set(before)):
            if there.get(table) != before[table]:
                found.append(table)
                continue
            differs = " OR ".join(f"n.{quoted(name)} IS NOT f.{quoted(name)}" for name in there[table])
            if connection.execute(
                f"SELECT EXISTS (SELECT 1 FROM former.{quoted(table)} AS f LEFT JOIN main.{quoted(table)} AS n"
                f" ON n.rowid = f.rowid WHERE n.rowid IS NULL OR {differs})"
            ).fetchone()[0]:
                found.append(table)
            if time.monotonic() - heard > 1:
                heard = time.monotonic()
                tell({"text": f"looking for changed rows: {table}"})
    return found
