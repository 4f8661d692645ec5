# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which database a homeserver has, and what can be said of a PostgreSQL.

Every checker takes the value, returns its normal form and raises ValueError with the end of a sentence whose subject
is the value.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import external_database, names, storage

# The file beside the signing key that says which database holds the homeserver's data. Without it that is SQLite.
MARK = "database"
KINDS = ("sqlite", "postgresql")
# What the mark says, and roles among each other, of a PostgreSQL that is not the pot's own.
ELSEWHERE = "elsewhere"
# What Synapse requires (check_database() in synapse/storage/engines/postgres.py, 1.163), and the collection runs.
OLDEST = 14
# What the file of a SQLite that was moved into PostgreSQL has behind its name.
KEPT = ".before-postgresql"

# Settings of postgresql.conf that others than PostgreSQL go by, or without which data can be lost, and why.
_OWN = "the role's own files decide it"
_SOCKET = "only the unix socket is listened at, for the accounts of the pot that need it"
_LOG = "the log is rotated and shipped from where the role puts it"
RESERVED = {
    "data_directory": "the cluster lies on a dataset made for it",
    "config_file": _OWN,
    "hba_file": _OWN,
    "ident_file": _OWN,
    "include": _OWN,
    "include_dir": _OWN,
    "include_if_exists": _OWN,
    "external_pid_file": _OWN,
    "listen_addresses": _SOCKET,
    "port": _SOCKET,
    "unix_socket_directories": _SOCKET,
    "unix_socket_group": _SOCKET,
    "unix_socket_permissions": _SOCKET,
    "logging_collector": _LOG,
    "log_destination": _LOG,
    "log_directory": _LOG,
    "log_filename": _LOG,
    "log_file_mode": _LOG,
    "log_rotation_age": _LOG,
    "log_rotation_size": _LOG,
    "log_truncate_on_rotation": _LOG,
    "fsync": "without it a power cut destroys the database",
    "potluck.configuration": "by it the role knows which configuration the server has read",
}
# What the server calls its socket (src/include/libpq/pqcomm.h), and what the path of one may be long on FreeBSD
# (sun_path in sys/un.h, without the NUL).
SOCKET = ".s.PGSQL.5432"
SOCKET_LENGTH = 103
# How many there may be unless an administrator says so.
CONNECTIONS = 50
_NAME = re.compile(r"[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)?")


def no_way_back(mark: str, wanted: str) -> str:
    """Why a homeserver whose mark says one kind of database cannot have the wanted one; empty when it can, or when
    either is empty.
    """
    if mark in ("", "sqlite") or wanted in ("", mark):
        return ""
    here, there = ("in a PostgreSQL elsewhere", "the dictionary that names it")
    if mark != ELSEWHERE:
        here, there = ("in the pot's PostgreSQL" if wanted == ELSEWHERE else "in PostgreSQL", "postgresql")
    if wanted == "sqlite":
        return (
            f"the homeserver's data are {here}, and there is no way back to sqlite, which would start empty; "
            f"set matrix_database: {there}"
        )
    target = "one elsewhere" if wanted == ELSEWHERE else "the pot's"
    return (
        f"the homeserver's data are {here}, and nothing brings them to {target}, which would start empty; set "
        f"matrix_database: {there}, or stop Synapse and move them by hand with pg_dump and pg_restore "
        '("From one PostgreSQL to another" in docs/database.md)'
    )


def kind(value) -> str | dict[str, t.Any]:
    """Where Synapse keeps its data: one of KINDS, or what is to be known of a PostgreSQL elsewhere."""
    if isinstance(value, dict):
        return external_database.settings(value)
    if value not in KINDS:
        raise ValueError(f"is none of {', '.join(KINDS)}, nor a dictionary that names a PostgreSQL elsewhere")
    return str(value)


def socket_directory(value) -> str:
    """A directory in which PostgreSQL's socket can be."""
    given = storage.plain_path(value)
    if len(f"{given}/{SOCKET}") > SOCKET_LENGTH:
        raise ValueError(
            f"is longer than {SOCKET_LENGTH - len(SOCKET) - 1} characters, and the path of a socket has no room"
        )
    return given


def version(value) -> str:
    """A major version of PostgreSQL that the collection knows how to run and Synapse how to use."""
    given = str(value) if isinstance(value, int) and not isinstance(value, bool) else names.text(value)
    if not re.fullmatch(r"[1-9][0-9]", given) or int(given) < OLDEST:
        raise ValueError(f"is not a major version of PostgreSQL from {OLDEST} on")
    return given


def settings(value) -> dict[str, t.Any]:
    """Settings of postgresql.conf and their values: texts, numbers, true and false."""
    if not isinstance(value, dict):
        raise ValueError(f"is {names.kind(value)} where a dictionary is expected")
    for name, setting in value.items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f'has the key "{name}", which is not the name of a setting in lower case')
        if name in RESERVED:
            raise ValueError(f"sets {name}, which cannot be set here: {RESERVED[name]}")
        if not isinstance(setting, (str, int, float)):
            raise ValueError(f"gives {name} no single value")
        if re.search(r"[\x00-\x1f\x7f]", str(setting)):
            raise ValueError(f"gives {name} a value with a line break or a control character")
    _refuse_what_does_not_go_together(value)
    return dict(value)


def _refuse_what_does_not_go_together(given: dict) -> None:
    """What PostgreSQL looks at only when it starts, and says to nobody then (postmaster.c, PostmasterMain)."""

    def number(name: str, default: int) -> int:
        try:
            return int(given.get(name, default))
        except ValueError:
            # PostgreSQL itself will say what is wrong with it.
            return default

    reserved = number("superuser_reserved_connections", 3) + number("reserved_connections", 0)
    if reserved >= number("max_connections", CONNECTIONS):
        raise ValueError(
            "leaves none of max_connections for Synapse, by superuser_reserved_connections and reserved_connections"
        )
    if str(given.get("wal_level", "replica")).lower() == "minimal" and number("max_wal_senders", 10) > 0:
        raise ValueError("sets wal_level to minimal, which needs max_wal_senders: 0")
