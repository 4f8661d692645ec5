# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether both databases hold the same: the rows of every table, and sums over its columns.

A number is summed in two halves, exactly and without an overflow; of text its bytes are counted. A row that is missing,
twice, or another one changes one of these, unless it is another in nothing but letters.
"""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._database import postgres, sqlite
from ansible_collections.potluck.matrix.plugins.module_utils._database.sqlite import quoted

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Tell

INTEGERS = ("smallint", "integer", "bigint")
TEXTS = ("text", "character varying", "character")
# Tables that are compared in another way than by their name.
SEARCH = "event_search"
# One row, which the porting script makes anew; the directory it belongs to is made anew as well.
MADE_ANEW = ("user_directory_stream_pos",)
HALF = 4294967295
# (table, column, type) of all that has rows of its own.
COLUMNS = (
    "SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c"
    " JOIN information_schema.tables t USING (table_schema, table_name)"
    " WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER'"
    " ORDER BY 1, c.ordinal_position"
)


def columns(_tell: Tell | None, args: dict, skipped: list[str]) -> dict[str, dict[str, str]]:
    """{table: {column: type as PostgreSQL names it}} of all tables that are to be compared."""
    with postgres.opened(args) as cursor:
        cursor.execute(COLUMNS)
        found: dict[str, dict[str, str]] = {}
        for table, column, kind in cursor.fetchall():
            if table not in (*skipped, *MADE_ANEW, *postgres.OURS, postgres.NOTES):
                found.setdefault(table, {})[column] = kind
        return found


def sums(kinds: dict[str, str], of_sqlite: bool, prefix: str = "") -> list[str]:
    """Expressions of SQL, two for each column, that have to give the same numbers in both databases."""
    found = []
    for column, kind in kinds.items():
        name = prefix + quoted(column)
        if kind in INTEGERS:
            wide = name if of_sqlite else f"{name}::bigint"
            pair = [f"sum({wide} & {HALF})", f"sum({wide} >> 32)"]
        elif kind == "boolean":
            pair = [f"count({name})", f"sum({name} <> 0)" if of_sqlite else f"sum({name}::int)"]
        elif kind in TEXTS:
            length = f"length(CAST({name} AS BLOB))" if of_sqlite else f"octet_length({name})"
            pair = [f"count({name})", f"sum({length})"]
        else:
            # Neither side writes these as the other one does.
            pair = [f"count({name})", "0"]
        found += [f"coalesce({expression}, 0)" for expression in pair]
    return found


def _of_search(kinds: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The columns of the text search that SQLite has in its table, and those that it takes from the events."""
    own = ("event_id", "room_id", "sender", "key")
    joined = ("origin_server_ts", "stream_ordering")
    return (
        {name: kind for name, kind in kinds.items() if name in own},
        {name: kind for name, kind in kinds.items() if name in joined},
    )


def statement(table: str, kinds: dict[str, str], of_sqlite: bool, without: list[str] | None = None) -> str:
    """The question for the rows of a table and the sums over its columns. without: columns in which SQLite's rows may
    not have a NUL, since PostgreSQL has no such text.
    """
    source, prefix = quoted(table), ""
    if table == SEARCH:
        own, joined = _of_search(kinds)
        if of_sqlite:
            # As synapse_port_db asks: what belongs to no event is not copied.
            source, prefix = f"{source} AS s JOIN events AS e USING (event_id, room_id)", "s."
        expressions = sums(own, of_sqlite, prefix) + sums(joined, of_sqlite, "e." if of_sqlite else "")
    else:
        expressions = sums(kinds, of_sqlite)
    where = " AND ".join(
        f"coalesce(instr(CAST({prefix}{quoted(name)} AS BLOB), x'00'), 0) = 0" for name in without or []
    )
    return f"SELECT {', '.join(['count(*)', *expressions])} FROM {source}" + (f" WHERE {where}" if where else "")


def without_nul(table: str, kinds: dict[str, str]) -> list[str]:
    """The columns whose text keeps a row out of PostgreSQL when there is a NUL in it."""
    return ["value"] if table == SEARCH else [name for name, kind in kinds.items() if kind in TEXTS]


def compare(tell: Tell, args: dict, path: str, skipped: list[str]) -> list[dict]:
    """One entry for each table that both have: C(table), C(sqlite) and C(postgresql) rows, C(dropped) rows that have a
    NUL in their text, and C(same).
    """
    found = []
    kinds = columns(None, args, skipped)
    with sqlite.opened(path) as connection, postgres.opened(args) as cursor:
        there = sqlite.tables_of(connection)
        for table in sorted(set(kinds) & set(there)):
            both = kinds[table]
            if table != SEARCH:
                both = {name: kind for name, kind in both.items() if name in there[table]}
            cursor.execute(statement(table, both, False))
            wanted = [int(value) for value in cursor.fetchone()]
            had = [int(value) for value in connection.execute(statement(table, both, True)).fetchone()]
            rows, dropped = had[0], 0
            if had != wanted:
                without = without_nul(table, both)
                had = [int(value) for value in connection.execute(statement(table, both, True, without)).fetchone()]
                dropped = rows - had[0]
            found.append(
                {
                    "table": table,
                    "sqlite": rows,
                    "postgresql": wanted[0],
                    "dropped": dropped,
                    "same": had == wanted,
                }
            )
            if had != wanted:
                tell({"text": f"{table} differs: {rows} rows in SQLite, {wanted[0]} in PostgreSQL"})
    return found
