# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database of installed packages, /var/db/pkg/local.sqlite, and pkg's lock on it."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import time

DIRECTORY = os.environ.get("PKG_DBDIR", "/var/db/pkg")
PATH = DIRECTORY + "/local.sqlite"
# pkg's LOCK_WAIT and LOCK_RETRIES.
_WAIT_SECONDS = 1
_RETRIES = 5


class Locked(Exception):
    """Another pkg holds the database."""


def exists() -> bool:
    """Whether anything was ever installed here."""
    return os.path.isfile(PATH)


class Database:
    """Installed packages by name; each a record of the catalogue plus what the installation added.

    Added keys: files (path -> checksum or ""), links, directories, time (epoch seconds), automatic and locked (bool),
    repository, annotations (str -> str).
    """

    def __init__(self, write: bool) -> None:
        self._lock = None
        self._connection = None
        self.packages: dict[str, dict] = {}
        if not write and not exists():
            return
        os.makedirs(DIRECTORY, exist_ok=True)
        self._lock = os.fdopen(os.open(PATH, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644), "a+b")
        self._acquire(fcntl.LOCK_EX if write else fcntl.LOCK_SH)
        self._connection = sqlite3.connect(PATH, isolation_level=None)
        if write:
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS packages (name TEXT PRIMARY KEY, record TEXT NOT NULL)"
            )
        try:
            rows = self._connection.execute("SELECT name, record FROM packages ORDER BY name").fetchall()
        except sqlite3.OperationalError:
            rows = []
        self.packages = {name: json.loads(record) for name, record in rows}

    def _acquire(self, how: int) -> None:
        for attempt in range(_RETRIES + 1):
            try:
                fcntl.flock(self._lock, how | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if attempt < _RETRIES:
                    time.sleep(_WAIT_SECONDS)
        raise Locked("Cannot get an advisory lock on a database, it is locked by another process")

    def put(self, record: dict) -> None:
        """Add or replace a package."""
        self.packages[record["name"]] = record
        self.packages = dict(sorted(self.packages.items()))
        self._connection.execute(
            "INSERT OR REPLACE INTO packages (name, record) VALUES (?, ?)", (record["name"], json.dumps(record))
        )

    def drop(self, name: str) -> None:
        """Forget a package."""
        del self.packages[name]
        self._connection.execute("DELETE FROM packages WHERE name = ?", (name,))

    def required_by(self, name: str) -> list[str]:
        """Names of installed packages that depend on this one directly."""
        return [other for other, record in self.packages.items() if name in record.get("depends", [])]
