# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""PostgreSQL's side, as Synapse's account. Every function is work for account.Account.

C(args) are what psycopg2.connect() takes. Whatever a function changes, it changes in one transaction.
"""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._database.sqlite import quoted
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Tell

# The table that holds the id of the move whose rows are in the database.
TAG = "potluck_move"
# The table that says whose a database elsewhere is.
CLAIM = "potluck_homeserver"
# Neither is Synapse's.
OURS = (TAG, CLAIM)
# Where synapse_port_db notes how far it has come.
NOTES = "port_from_sqlite3"
# Sequences that go on without a client that does anything, so that they tell nothing about new messages.
RESTLESS = ("presence_stream_sequence", "cache_invalidation_stream_seq")
# Seconds.
CONNECT = 10
# What Synapse's administration interface calls "regenerate_directory": (name, what it waits for), in
# synapse/rest/admin/background_updates.py. The porting script copies nothing of the directory of users, and leaves a
# position with which Synapse would never fill it.
DIRECTORY = (
    ("populate_user_directory_createtables", ""),
    ("populate_user_directory_process_rooms", "populate_user_directory_createtables"),
    ("populate_user_directory_process_users", "populate_user_directory_process_rooms"),
    ("populate_user_directory_cleanup", "populate_user_directory_process_users"),
)


@contextlib.contextmanager
def opened(args: dict) -> t.Iterator[t.Any]:
    """A cursor in one transaction, which is committed at the end; C(Sentence) for what PostgreSQL says."""
    try:
        import psycopg2
    except ImportError as error:
        raise Sentence(
            "there is no psycopg2, which Synapse needs for PostgreSQL, for this Python", "postgresql"
        ) from error

    try:
        with (
            contextlib.closing(psycopg2.connect(connect_timeout=CONNECT, **args)) as connection,
            connection.cursor() as cursor,
        ):
            yield cursor
            connection.commit()
    except psycopg2.Error as error:
        raise Sentence(
            f"the database {args['dbname']} of PostgreSQL: {' '.join(str(error).split())}", "postgresql"
        ) from error


def _column(cursor: t.Any, statement: str, *values: t.Any) -> list:
    cursor.execute(statement, values)
    return [row[0] for row in cursor.fetchall()]


def tables(cursor: t.Any) -> list[str]:
    """The names of all tables that are found without the name of a schema, partitioned ones included."""
    return _column(
        cursor,
        "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')"
        " ORDER BY 1",
    )


def look(_tell: Tell | None, args: dict) -> dict:
    """What there is: C(tables), without those of OURS; C(id) in it, or empty; C(others), how many connections the same
    user has; C(owner), the name of the homeserver whose users are there, or empty; C(updates), background updates that
    have not ended; C(wrong), why Synapse would refuse the database, or empty.
    """
    with opened(args) as cursor:
        there = tables(cursor)
        # Somebody else's may be closed to us.
        readable = {
            name for name in there if _column(cursor, "SELECT has_table_privilege(%s, 'SELECT')", quoted(name))[0]
        }
        tag = (_column(cursor, f"SELECT id FROM {TAG}") or [""])[0] if TAG in readable else ""
        others = _column(
            cursor,
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user"
            " AND pid <> pg_backend_pid()",
        )[0]
        owner, updates = [], []
        if "users" in readable:
            owner = _column(cursor, "SELECT split_part(name, ':', 2) FROM users LIMIT 1")
        if "background_updates" in readable:
            updates = _column(cursor, "SELECT update_name FROM background_updates ORDER BY 1")
        cursor.execute(
            "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database"
            " WHERE datname = current_database()"
        )
        encoding, collate, ctype = cursor.fetchone()
    wrong = ""
    if encoding != "UTF8":
        wrong = f"its encoding is {encoding} instead of UTF8"
    elif (collate, ctype) != ("C", "C"):
        wrong = f"its collation and character type are {collate} and {ctype} instead of C"
    return {
        "tables": [name for name in there if name not in OURS],
        "id": tag,
        "others": others,
        "owner": owner[0] if owner else "",
        "updates": updates,
        "wrong": wrong,
    }


def empty(_tell: Tell | None, args: dict, former: str, new: str) -> None:
    """Drop everything of a move that is ours, C(former) being its id, and begin one whose id is C(new). C(Sentence) for
    a database with anything else in it.
    """
    with opened(args) as cursor:
        there = [name for name in tables(cursor) if name != CLAIM]
        tag = (_column(cursor, f"SELECT id FROM {TAG}") or [""])[0] if TAG in there else ""
        if there and (not former or tag != former):
            raise Sentence(f"the database {args['dbname']} holds tables of something else", "foreign")
        for table in there:
            cursor.execute(f"DROP TABLE IF EXISTS {quoted(table)} CASCADE")
        for sequence in _column(
            cursor,
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S'",
        ):
            cursor.execute(f"DROP SEQUENCE IF EXISTS {quoted(sequence)} CASCADE")
        for function in _column(
            cursor,
            "SELECT p.oid::regprocedure::text FROM pg_proc p WHERE pronamespace = current_schema()::regnamespace"
            " AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')",
        ):
            cursor.execute(f"DROP ROUTINE IF EXISTS {function} CASCADE")
        cursor.execute(f"CREATE TABLE {TAG} (id text NOT NULL)")
        cursor.execute(f"INSERT INTO {TAG} VALUES (%s)", (new,))


def followers(edges: t.Iterable[tuple[str, str]], tables: t.Iterable[str]) -> set[str]:
    """The tables, and all that refer to one of them by a foreign key, directly or not: what TRUNCATE CASCADE empties.

    edges: (table that refers, table it refers to).
    """
    found, todo = set(), set(tables)
    edges = list(edges)
    while todo:
        table = todo.pop()
        found.add(table)
        todo |= {child for child, parent in edges if parent == table} - found
    return found


def begin_tables_anew(_tell: Tell | None, args: dict, changed: list[str], kept: list[str]) -> list[str]:
    """Empty the changed tables, and all others that would lose rows without synapse_port_db knowing it. Returns those
    of C(kept) that are copied from their beginning.

    kept: tables that synapse_port_db goes on with. It empties all others, and with them what refers to those.
    """
    with opened(args) as cursor:
        there = set(tables(cursor)) - {*OURS, NOTES}
        cursor.execute(
            "SELECT c.conrelid::regclass::text, c.confrelid::regclass::text FROM pg_constraint c WHERE c.contype = 'f'"
            " AND c.connamespace = current_schema()::regnamespace"
        )
        emptied = followers(cursor.fetchall(), (set(changed) | there - set(kept)) & there)
        anew = sorted(emptied & set(kept))
        if anew:
            cursor.execute(f"TRUNCATE {', '.join(quoted(name) for name in anew)} CASCADE")
            cursor.execute(f"DELETE FROM {NOTES} WHERE table_name = ANY(%s)", (anew,))
        return anew


def positions(_tell: Tell | None, args: dict) -> dict[str, str]:
    """What every sequence that tells of a client's doing has given out last, as text; empty for nothing yet."""
    with opened(args) as cursor:
        cursor.execute(
            "SELECT sequencename, coalesce(last_value::text, '') FROM pg_sequences WHERE schemaname = current_schema()"
        )
        return {name: value for name, value in cursor.fetchall() if name not in RESTLESS}


def settle(_tell: Tell | None, args: dict) -> int:
    """Let every sequence have given out the last position that there is, instead of being about to give out the next
    one. Returns how many were not like that.

    The porting script leaves the latter. What is given out next is the same, but Synapse reads the sequence's value
    alone (_load_current_ids() in synapse/storage/util/id_generators.py) and takes the position that nobody has for one
    that is there: a client that asks before the first event has come is told that it has seen it, and never gets it.
    """
    with opened(args) as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'S'"
        )
        settled = 0
        for (sequence,) in cursor.fetchall():
            cursor.execute(
                "SELECT setval(%s::regclass, last_value - 1)"
                f" FROM {quoted(sequence)} WHERE NOT is_called AND last_value > 1",
                (quoted(sequence),),
            )
            settled += cursor.rowcount
        return settled


def correct_columns(_tell: Tell | None, args: dict) -> list[dict]:
    """Let every sequence that a column belongs to go on behind the last of the column's values. Returns those that were
    behind: C(sequence), C(before), C(after), C(because).
    """
    found = []
    with opened(args) as cursor:
        cursor.execute(
            "SELECT s.relname, t.relname, a.attname FROM pg_depend d"
            " JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'"
            " JOIN pg_class t ON t.oid = d.refobjid"
            " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid"
            " WHERE d.deptype IN ('a', 'i') AND s.relnamespace = current_schema()::regnamespace ORDER BY 1"
        )
        for sequence, table, column in cursor.fetchall():
            cursor.execute(f"SELECT last_value, is_called FROM {quoted(sequence)}")
            value, called = cursor.fetchone()
            last = value if called else value - 1
            highest = _column(cursor, f"SELECT max({quoted(column)}) FROM {quoted(table)}")[0]
            if highest is not None and highest > last:
                cursor.execute("SELECT setval(%s::regclass, %s)", (quoted(sequence), highest))
                found.append({"sequence": sequence, "before": last, "after": highest, "because": f"{table}.{column}"})
    return found


def finish(_tell: Tell | None, args: dict) -> list[str]:
    """What is left to do before Synapse is started: statistics for the planner, and the directory of users anew.
    Returns the background updates that Synapse will run.
    """
    with opened(args) as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {NOTES}")
        for name, awaited in DIRECTORY:
            cursor.execute(
                "INSERT INTO background_updates (update_name, progress_json, depends_on) VALUES (%s, '{}', %s)"
                " ON CONFLICT DO NOTHING",
                (name, awaited or None),
            )
        cursor.execute("ANALYZE")
        return _column(cursor, "SELECT update_name FROM background_updates ORDER BY 1")
