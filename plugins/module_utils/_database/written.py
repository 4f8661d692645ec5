# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a homeserver has written since a moment, and which versions of its tables it and its database are for. Every
function but schema_of() and known() is work for account.Account.
"""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import os
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._database import postgres, sqlite
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.accounts import PROOF_ACCOUNTS

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Account, Tell

# All three read an index from its end, and stop where the moment is. What was fetched from other homeservers' history
# has numbers below 0, and can be fetched again.
_LAST = (
    "SELECT stream_ordering FROM events WHERE received_ts <= {since} AND stream_ordering > 0"
    " ORDER BY stream_ordering DESC LIMIT 1"
)
_EVENTS = f"SELECT count(*) FROM events WHERE stream_ordering > {{last}} AND sender NOT LIKE '@{PROOF_ACCOUNTS}%'"
# Previews of addresses are no files of anybody.
_MEDIA = (
    "SELECT media_id, user_id FROM local_media_repository WHERE created_ts > {since} AND url_cache IS NULL"
    " ORDER BY media_id"
)
_COMPAT = "SELECT compat_version FROM schema_compat_version"


class _Cursor(t.Protocol):
    def execute(self, statement: str, /) -> t.Any:
        """Run a statement."""

    def fetchall(self) -> list:
        """The rows that it gives."""


def _rows(cursor: _Cursor, statement: str, **numbers: int) -> list:
    # Numbers alone, so that both databases read the same statement; a percent sign is one as long as there is no
    # parameter.
    cursor.execute(statement.format(**numbers))
    return cursor.fetchall()


def _ask(cursor: _Cursor, since: int) -> dict:
    last = (_rows(cursor, _LAST, since=since) or [(0,)])[0][0]
    media = _rows(cursor, _MEDIA, since=since)
    strangers = [name for name, user in media if not (user or "").startswith("@" + PROOF_ACCOUNTS)]
    return {
        "events": _rows(cursor, _EVENTS, last=last)[0][0],
        "media": len(strangers),
        "ignored": [name for name, _user in media if name not in strangers],
        "compat": (_rows(cursor, _COMPAT) or [(0,)])[0][0],
    }


def in_sqlite(_tell: Tell | None, path: str, since: int) -> dict:
    """C(events) and C(media) that came after a moment (milliseconds since 1970), without those of proofs, whose media
    are C(ignored); C(compat): the oldest version of tables that a Synapse on this database may be for.
    """
    # What a crash has left has to be followed before anything can be read, as every reader does that may.
    with sqlite.opened(path, "rw" if os.path.exists(path + "-journal") else "ro") as connection:
        return _ask(connection.cursor(), since)


def in_postgresql(_tell: Tell | None, args: dict, since: int) -> dict:
    """The same of PostgreSQL; C(args) are what psycopg2.connect() takes."""
    with postgres.opened(args) as cursor:
        return _ask(cursor, since)


def in_directory(_tell: Tell | None, media: str, since: int, ignored: list[str]) -> int:
    """How many files of the homeserver's own users were written in the directory of media after a moment
    (milliseconds), without those of these names.
    """
    top = os.path.join(media, "local_content")
    # As Synapse lays them out: two letters, two letters, the rest of the name.
    unwanted = {os.path.join(top, name[:2], name[2:4], name[4:]) for name in ignored}
    found = 0
    for parent, _directories, files in os.walk(top):
        for path in (os.path.join(parent, name) for name in files):
            # Somebody may remove one meanwhile.
            with contextlib.suppress(FileNotFoundError):
                found += os.lstat(path).st_mtime * 1000 > since and path not in unwanted
    return found


def schema_of(text: str) -> tuple[int, int]:
    """(version of the tables that a Synapse is for, the oldest one that its own can be used with), from the text of its
    C(synapse/storage/schema/__init__.py); C(Sentence) when it names none.
    """
    wanted = {"SCHEMA_VERSION": 0, "SCHEMA_COMPAT_VERSION": 0}
    with contextlib.suppress(SyntaxError, ValueError):
        for node in ast.parse(text).body:
            value = node.value.value if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) else None
            # True is a number for Python.
            if isinstance(node, ast.Assign) and isinstance(value, int) and not isinstance(value, bool):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id in wanted:
                        wanted[target.id] = value
    if not all(wanted.values()):
        raise Sentence("the installed Synapse does not say which version of its tables it is for", "synapse")
    return wanted["SCHEMA_VERSION"], wanted["SCHEMA_COMPAT_VERSION"]


def known() -> tuple[int, int]:
    """schema_of() the Synapse of this Python."""
    # Not imported, as nothing of it has to run for this.
    found = importlib.util.find_spec("synapse")
    for place in (found and found.submodule_search_locations) or []:
        with (
            contextlib.suppress(OSError),
            open(os.path.join(place, "storage/schema/__init__.py"), encoding="utf-8") as stream,
        ):
            return schema_of(stream.read())
    raise Sentence("this Python has no Synapse", "synapse")


def count(account: Account, params: dict) -> dict:
    """What the module synapse_written_info returns for its options."""
    since, problems = params["since"] * 1000, []
    found: dict = {"events": None, "media": None, "ignored": [], "compat": None}
    versions: tuple[int | None, int | None] = (None, None)
    try:
        if params["postgresql"]:
            args = {name: value for name, value in params["postgresql"].items() if value not in (None, "")}
            found = account.run(in_postgresql, args, since)
        else:
            found = account.run(in_sqlite, params["sqlite"], since)
    except Sentence as error:
        problems.append(str(error))
    try:
        versions = known()
    except Sentence as error:
        problems.append(str(error))
    if params["database_stays"]:
        found.update(events=0, media=0)
    return {
        "events": found["events"],
        "media": found["media"],
        "files": account.run(in_directory, params["media"], since, found["ignored"]),
        "schema": {"synapse": versions[0], "compatible": versions[1], "database": found["compat"]},
        "problem": "; ".join(problems),
    }
