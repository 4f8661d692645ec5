# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What going back to a moment would lose is counted, and nothing that came before or that proofs have written."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import sqlite3

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._database import written
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.modules import synapse_written_info
from hypothesis import given
from hypothesis import strategies as st

SINCE = 1_800_000_000
BEFORE, AFTER = SINCE * 1000 - 5, SINCE * 1000 + 5
PROOF = "@potluck-proof-1:example.org"
TABLES = """
CREATE TABLE events (stream_ordering INTEGER, received_ts BIGINT, sender TEXT);
CREATE TABLE local_media_repository (media_id TEXT, user_id TEXT, created_ts BIGINT, url_cache TEXT);
CREATE TABLE schema_compat_version (compat_version INTEGER);
INSERT INTO schema_compat_version VALUES (84);
"""


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "matrix_homeserver.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES)
        connection.executemany(
            "INSERT INTO events VALUES (?, ?, ?)",
            [
                (1, BEFORE, "@a:example.org"),
                (2, AFTER, "@a:example.org"),
                (3, AFTER, PROOF),
                (4, AFTER + 1, "@a:other.org"),
                # Fetched from another homeserver's history.
                (-7, AFTER, "@a:other.org"),
            ],
        )
        connection.executemany(
            "INSERT INTO local_media_repository VALUES (?, ?, ?, ?)",
            [
                ("aabbold", "@a:example.org", BEFORE, None),
                ("aabbnew", "@a:example.org", AFTER, None),
                ("ccddproof", PROOF, AFTER, None),
                ("2027-01-15_page", None, AFTER, "https://example.org"),
            ],
        )
        connection.commit()
    for name, moment in (("aa/bb/old", BEFORE), ("aa/bb/new", AFTER), ("cc/dd/proof", AFTER)):
        file = tmp_path / "media/local_content" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
        os.utime(file, ns=(moment * 10**6, moment * 10**6))
    return path


@pytest.fixture
def count(database, capsys, monkeypatch):
    monkeypatch.setattr(written, "known", lambda: (94, 84))

    def run(**more):
        given = {"since": SINCE, "sqlite": str(database), "media": str(database.parent / "media"), **more}
        internal = {"_ansible_remote_tmp": "/tmp", "_ansible_keep_remote_files": False}
        arguments = {name: value for name, value in {**given, **internal}.items() if value is not None}
        with patch_module_args({"user": getpass.getuser(), **arguments}), pytest.raises(SystemExit):
            synapse_written_info.main()
        return json.loads(capsys.readouterr().out)

    return run


def test_what_came_later_is_counted(count):
    found = count()
    assert {name: found[name] for name in ("changed", "events", "media", "files", "schema", "problem")} == {
        "changed": False,
        "events": 2,
        "media": 1,
        "files": 1,
        "schema": {"synapse": 94, "compatible": 84, "database": 84},
        "problem": "",
    }
    later = count(since=SINCE + 1)
    assert (later["events"], later["media"], later["files"]) == (0, 0, 0)
    kept = count(database_stays=True)
    assert (kept["events"], kept["media"], kept["files"], kept["schema"]["database"]) == (0, 0, 1, 84)
    # Everything, when nothing was there before.
    assert count(since=1)["events"] == 3


def test_what_cannot_be_counted_is_not_nothing(count, tmp_path):
    found = count(sqlite=str(tmp_path / "none.db"))
    assert found["events"] is None and found["media"] is None and found["schema"]["database"] is None
    assert found["files"] == 2 and "none.db cannot be read" in found["problem"]
    gone = {"dbname": "synapse", "host": str(tmp_path), "user": "synapse"}
    assert count(sqlite=None, postgresql=gone)["problem"]


def test_an_account_that_there_is_not(count):
    assert "there is no user no-such-user" in count(user="no-such-user")["msg"]


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_the_versions_of_tables(version, compatible):
    text = f'SCHEMA_VERSION = {version}  # note\n"""Text."""\nOTHER = 3\n'
    text += f"SCHEMA_COMPAT_VERSION = (\n    # why\n    {compatible}\n)\n"
    assert written.schema_of(text) == (version, compatible)


@pytest.mark.parametrize(
    "text", ["", "SCHEMA_VERSION = 3", "SCHEMA_VERSION = f()\nSCHEMA_COMPAT_VERSION = True", "a b"]
)
def test_no_versions_of_tables(text):
    with pytest.raises(Sentence, match="does not say which version"):
        written.schema_of(text)


def test_a_python_without_synapse(monkeypatch):
    monkeypatch.setattr(written.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Sentence, match="has no Synapse"):
        written.known()
