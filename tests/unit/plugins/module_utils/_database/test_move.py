# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The marker, what the porting script says, what is compared: everything of the move that needs no PostgreSQL."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import pwd
import sqlite3
import stat
import time

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._database import (
    comparison,
    marker,
    porter,
    postgres,
    progress,
    room,
    sqlite,
    startup,
)
from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Account
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from hypothesis import given as given_any
from hypothesis import settings
from hypothesis import strategies as st


def given(*strategies, **more):
    """Hypothesis's, with a number of examples for a test of a second on a machine that is busy."""
    return lambda test: settings(max_examples=60, deadline=None)(given_any(*strategies, **more)(test))


ME = pwd.getpwuid(os.getuid()).pw_name
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=30)
NUMBERS = st.integers(0, 2**40)


# --- the marker ---


@given(
    phase=st.sampled_from(marker.PHASES),
    positions=st.dictionaries(NAMES, st.text()),
    tables=st.lists(st.fixed_dictionaries({"table": NAMES, "sqlite": NUMBERS})),
)
def test_a_marker_says_what_was_written_into_it(phase, positions, tables):
    state = marker.State(phase=phase, id=marker.new_id(), positions=positions, tables=tables, schema=[1, 0])
    assert marker.parse(json.dumps(vars(state))) == state


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.dictionaries(st.text(), x), max_leaves=3
    )
)
def test_anything_else_is_no_marker(found):
    with pytest.raises(ValueError):
        marker.parse(json.dumps(found))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"phase": "ported"}',
        '{"phase": "done", "id": "1"}',
        '{"phase": "ported", "id": "1", "tables": {}}',
    ],
)
def test_half_a_marker_is_refused(tmp_path, text):
    (tmp_path / marker.NAME).write_text(text)
    with pytest.raises(Sentence, match="snapshot"):
        marker.Marker(str(tmp_path)).load()


def test_a_marker_is_for_its_owner(tmp_path):
    place = marker.Marker(str(tmp_path))
    assert place.load() == marker.State() and not place.load().done
    place.save(marker.State(phase=marker.PORTED, id="1"))
    assert place.load().done and stat.S_IMODE(os.stat(place.path).st_mode) == 0o600
    os.chmod(place.path, 0o666)
    if os.geteuid() == 0:
        with pytest.raises(Sentence):
            place.load()


def test_a_link_is_no_marker(tmp_path):
    (tmp_path / "elsewhere").write_text('{"phase": "ported", "id": "1"}')
    (tmp_path / marker.NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Sentence):
        marker.Marker(str(tmp_path)).load()


# --- what the script says ---


@given(NAMES, NUMBERS, NUMBERS, st.integers(-100, 1000))
def test_rows_are_read(table, done, total, percent):
    assert porter.parse(f"{table}: {percent}% ({done}/{total})\n") == {"table": table, "rows": done}


@given(st.text())
def test_any_line_may_come(line):
    found = porter.parse(line)
    assert found is None or set(found) in ({"table", "rows"}, {"text"})


@pytest.mark.parametrize(
    "said, expected",
    [
        ("", "it said nothing"),
        (
            "2026-11-29 20:00:00,000 - synapse_port_db - 1 - INFO - fine\nPending background updates exist.\n",
            "Pending background updates exist.",
        ),
        ("Traceback (most recent call last):\n  File\nValueError: wrong\n", "ValueError: wrong"),
        ("2026-11-29 20:00:00,000 - synapse_port_db - 1 - ERROR - bad\n", "bad"),
    ],
)
def test_the_last_words_are_the_reason(said, expected):
    assert porter.reason(said) == expected


@given(st.text())
def test_there_is_always_a_reason(said):
    assert porter.reason(said)


def test_configuration_is_merged_as_synapse_does(tmp_path):
    (tmp_path / "a.yaml").write_text("server_name: a\ndatabase: {name: sqlite3}\nlisteners: [1]\ndatabases: {}\n")
    (tmp_path / "b.yaml").write_text("listeners: [2]\n")
    (tmp_path / "c.yml").write_text("server_name: c\n")
    wanted = tmp_path / "wanted"
    porter.configure(None, str(tmp_path), {"dbname": "synapse", "password": "p:w"}, str(wanted))
    import yaml

    found = yaml.safe_load(wanted.read_text())
    assert found["server_name"] == "a" and found["listeners"] == [2] and "databases" not in found
    assert found["database"]["name"] == "psycopg2" and found["database"]["args"]["password"] == "p:w"
    assert stat.S_IMODE(wanted.stat().st_mode) == 0o600


def test_no_configuration_is_said(tmp_path):
    with pytest.raises(Sentence, match="no configuration"):
        porter.configure(None, str(tmp_path), {}, str(tmp_path / "wanted"))


def test_a_program_that_says_nothing_is_no_answer(tmp_path):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\necho ModuleNotFoundError: synapse >&2\nexit 0\n")
    program.chmod(0o755)
    with pytest.raises(Sentence, match="ModuleNotFoundError"):
        porter.knowledge(str(program), pwd.getpwuid(os.getuid()))


def test_a_synapse_that_does_not_come_to_its_end_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(porter, "LIMIT", 0.2)
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    with pytest.raises(Sentence, match=r"\ASynapse's program did not end within 0.2 seconds\Z"):
        porter.knowledge(str(program), pwd.getpwuid(os.getuid()))


# --- SQLite ---


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "homeserver.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            CREATE TABLE schema_version (version INTEGER, upgraded BOOL);
            CREATE TABLE applied_schema_deltas (version INTEGER, file TEXT);
            CREATE TABLE background_updates (update_name TEXT);
            CREATE TABLE events (event_id TEXT, stream_ordering BIGINT, outlier BOOL, ts BIGINT);
            CREATE TABLE rooms (room_id TEXT);
            INSERT INTO schema_version VALUES (92, 1);
            INSERT INTO applied_schema_deltas VALUES (92, 'x.py');
            INSERT INTO rooms VALUES ('!a'), ('!b');
            """
        )
        connection.executemany(
            "INSERT INTO events VALUES (?, ?, ?, ?)", [(f"$ü{n}", n, n % 2, -n << 40) for n in range(500)]
        )
        connection.commit()
    return path


def heard():
    said = []
    return said, said.append


def test_sqlite_is_looked_at(database, tmp_path):
    assert sqlite.look(None, str(database)) == {"schema": [92, 1, 1, 92], "updates": [], "vacuum": False}
    assert sqlite.rows(None, str(database), ["schema_version"])["events"] == 500
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(Sentence, match="cannot be read"):
        sqlite.look(None, str(tmp_path / "text"))
    with contextlib.closing(sqlite3.connect(tmp_path / "empty")) as connection:
        connection.execute("CREATE TABLE other (x)")
    with pytest.raises(Sentence, match="not a database of Synapse"):
        sqlite.look(None, str(tmp_path / "empty"))


def test_a_copy_is_whole_while_somebody_writes(database, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "PAGES", 1)
    copy, numbers = tmp_path / "copy", iter(range(1000, 1003))
    said, tell = heard()

    def telling(what):
        """Write in the middle of the copy."""
        tell(what)
        number = next(numbers, None)
        if number:
            with contextlib.closing(sqlite3.connect(database)) as connection:
                connection.execute("INSERT INTO events VALUES (?, ?, 0, 0)", (f"${number}", number))
                connection.commit()

    sqlite.copy_running(telling, str(database), str(copy))
    assert sqlite.rows(None, str(copy), [])["events"] == 503 and len(said) > 3


def test_a_copy_that_never_ends_is_given_up(database, tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "PAGES", 1)
    monkeypatch.setattr(sqlite, "IN_ONE_GO", 1)

    def writing(_said):
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute("INSERT INTO rooms VALUES ('!c')")
            connection.commit()

    with pytest.raises(Sentence, match="too often"):
        sqlite.copy_running(writing, str(database), str(tmp_path / "copy"))


def test_nobody_writes_into_what_is_held(database, tmp_path):
    account, before = Account(ME), database.read_bytes()
    copy = tmp_path / "copy"
    with account.holding(sqlite.hold, str(database), str(copy)):
        with (
            contextlib.closing(sqlite3.connect(database, timeout=0)) as connection,
            pytest.raises(sqlite3.OperationalError),
        ):
            connection.execute("INSERT INTO rooms VALUES ('!c')")
        with pytest.raises(Sentence, match="stop Synapse"):
            account.run(sqlite.hold, str(database), str(tmp_path / "other"), 0)
    with contextlib.closing(sqlite3.connect(database, timeout=0)) as connection:
        connection.execute("INSERT INTO rooms VALUES ('!c')")
    assert database.read_bytes() == before and sqlite.rows(None, str(copy), [])["rooms"] == 2


@pytest.mark.parametrize(
    "statement, expected",
    [
        ("SELECT 1", []),
        ("INSERT INTO events VALUES ('$new', 900, 0, 0)", []),
        ("UPDATE events SET outlier = 0 WHERE stream_ordering = 7", ["events"]),
        ("UPDATE events SET ts = NULL WHERE stream_ordering = 7", ["events"]),
        ("DELETE FROM events WHERE stream_ordering = 499", ["events"]),
        ("ALTER TABLE rooms ADD COLUMN more TEXT", ["rooms"]),
        ("DROP TABLE rooms", ["rooms"]),
    ],
)
def test_changed_tables_are_found(database, tmp_path, statement, expected):
    former = tmp_path / "former"
    former.write_bytes(database.read_bytes())
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)
        connection.commit()
    assert sqlite.changed(lambda said: None, str(former), str(database), ["events", "rooms", "unknown"]) == expected


def test_a_number_that_is_used_again_is_another_row(database, tmp_path):
    former = tmp_path / "former"
    former.write_bytes(database.read_bytes())
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("DELETE FROM events WHERE stream_ordering = 499")
        connection.execute("INSERT INTO events VALUES ('$other', 600, 0, 0)")
        connection.commit()
    assert sqlite.changed(lambda said: None, str(former), str(database), ["events"]) == ["events"]


def test_a_fingerprint_is_of_the_content(database, tmp_path):
    first = sqlite.fingerprint(str(database))
    assert first == sqlite.fingerprint(str(database)) and first["size"] == database.stat().st_size
    with contextlib.closing(sqlite3.connect(database)) as connection:
        connection.execute("INSERT INTO rooms VALUES ('!c')")
        connection.commit()
    assert sqlite.fingerprint(str(database))["counter"] == first["counter"] + 1
    assert sqlite.fingerprint(str(tmp_path / "nothing")) == {}
    (tmp_path / "link").symlink_to(database)
    with pytest.raises(Sentence, match="links"):
        sqlite.fingerprint(str(tmp_path / "link"))


# --- the comparison ---

KINDS = {"event_id": "text", "stream_ordering": "bigint", "outlier": "boolean", "ts": "bigint", "vector": "tsvector"}


@given(
    st.lists(st.tuples(st.none() | st.text(), st.none() | st.integers(-(2**63), 2**63 - 1), st.none() | st.booleans()))
)
def test_sums_are_exact(rows):
    kinds = {"a": "text", "b": "bigint", "c": "boolean"}
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (a TEXT, b BIGINT, c BOOL)")
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", [row for row in rows if "\0" not in (row[0] or "")])
        kept = [row for row in rows if "\0" not in (row[0] or "")]
        found = connection.execute(comparison.statement("t", kinds, True)).fetchone()
    numbers = [row[1] for row in kept if row[1] is not None]
    texts = [row[0].encode() for row in kept if row[0] is not None]
    truths = [row[2] for row in kept if row[2] is not None]
    assert found[:3] == (len(kept), len(texts), sum(map(len, texts))) or not kept
    assert found[4] * 2**32 + found[3] == sum(numbers)
    assert found[5:] == (len(truths), sum(truths))


def test_rows_with_a_nul_can_be_left_out():
    kinds = {"a": "text", "b": "bigint"}
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (a TEXT, b BIGINT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [("x\0y", 1), ("xy", 2), (None, 3)])
        without = comparison.without_nul("t", kinds)
        assert connection.execute(comparison.statement("t", kinds, True)).fetchone()[0] == 3
        assert connection.execute(comparison.statement("t", kinds, True, without)).fetchone()[0] == 2


def test_both_sides_are_asked_for_as_much():
    for table in ("events", comparison.SEARCH):
        kinds = {**KINDS, "origin_server_ts": "bigint"}
        ours, theirs = (comparison.statement(table, kinds, side).count("coalesce(") for side in (True, False))
        assert ours == theirs > 4


# --- PostgreSQL without one ---


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef"))), st.sets(st.sampled_from("abcdef")))
def test_what_refers_to_an_emptied_table_is_emptied(edges, tables):
    found = postgres.followers(edges, tables)
    assert tables <= found
    assert all(child in found for child, parent in edges if parent in found)
    reasons = {child for child, _parent in edges}
    assert found <= tables | reasons


@given(NUMBERS, st.none() | NUMBERS, st.none() | NUMBERS)
def test_a_sequence_is_behind_what_is_further(last, in_table, in_positions):
    found = startup.behind(last, in_table, in_positions)
    highest = max(in_table or 0, in_positions or 0)
    assert found is None if highest <= last else found[0] == highest


# --- the work of another account ---


def test_work_is_done_elsewhere():
    account = Account(ME)
    said, tell = heard()

    def work(telling, number):
        telling({"text": "working"})
        return [number, os.getpid(), os.environ["HOME"]]

    number, pid, home = account.run(work, 7, heard=tell)
    assert number == 7 and pid != os.getpid() and home == "/nonexistent" and said == [{"text": "working"}]
    assert not account.children


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_becomes_the_account(tmp_path):
    tmp_path.chmod(0o700)
    nobody = pwd.getpwnam("nobody")

    def work(_tell):
        return [os.getuid(), os.getgid(), os.getgroups(), os.access(tmp_path, os.R_OK)]

    assert Account("nobody").run(work) == [nobody.pw_uid, nobody.pw_gid, [nobody.pw_gid], False]


def refuse(_tell):
    raise Sentence("no", "space")


def fail(_tell):
    raise RuntimeError("with\nlines")


def vanish(_tell):
    os._exit(0)


@pytest.mark.parametrize(
    "work, words, part",
    [(refuse, "no", "space"), (fail, "RuntimeError: with lines", ""), (vanish, "ended from outside", "")],
)
def test_bad_ends_are_told(work, words, part):
    with pytest.raises(Sentence, match=words) as refusal:
        Account(ME).run(work)
    assert refusal.value.part == part


def test_the_work_ends_with_who_waits_for_it(tmp_path):
    """Killed without a chance to say so."""
    file = tmp_path / "pid"

    def work(_tell):
        file.write_text(str(os.getpid()))
        time.sleep(600)

    waiting = os.fork()
    if waiting == 0:
        Account(ME).run(work)
        os._exit(0)
    deadline = time.monotonic() + 20
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.kill(waiting, 9)
    os.waitpid(waiting, 0)
    status = pathlib.Path("/proc", file.read_text())
    while status.exists() and status.joinpath("stat").read_text().rsplit(")", 1)[1].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_unknown_account_is_said():
    with pytest.raises(Sentence, match="there is no user nobody-knows"):
        Account("nobody-knows")


# --- room, and who is there ---


@given(st.sets(st.integers(1, 99999)))
def test_processes_are_read(pids):
    assert room.pids("".join(f" {pid:5d}" for pid in pids) + "\n") == pids


class Fuser(Runner):
    """fuser(1) that says something."""

    def __init__(self, said):
        self.said = said

    def run(self, argv, *arguments, **more):
        return 0, self.said, f"{argv[1]}:"


def test_who_has_a_file_open(database):
    mine = os.getpid()
    assert room.users(str(database), Fuser(f" {mine} 4711")) == {4711}
    assert room.users(str(database), Fuser(f" {mine}")) == set()
    for blind in ("", " 4711"):
        with pytest.raises(Sentence, match="nobody knows"):
            room.users(str(database), Fuser(blind))


def test_room_is_judged(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "free", lambda path: 100 << 20)
    room.require_room(str(tmp_path), 1 << 20, True)
    room.require_room(str(tmp_path), 15 << 20, False)
    with pytest.raises(Sentence, match="100 MiB are free"):
        room.require_room(str(tmp_path), 15 << 20, True)
    monkeypatch.undo()
    assert room.free(str(tmp_path / "not/there/yet")) > 0


# --- progress ---


def test_progress_is_written(tmp_path):
    path = tmp_path / progress.NAME
    log = progress.Progress(str(path))
    with log.step("port"):
        log.expect({"events": 100, "rooms": 10})
        log.heard({"table": "events", "rows": 30})
        log.heard({"text": "two\nlines"})
    with pytest.raises(ValueError), log.step("compare"):
        raise ValueError
    assert log.rows == {"done": 30, "left": 80} and set(log.seconds) == {"port", "compare"}
    text = path.read_text()
    assert "port: begins" in text and "two lines" in text and "compare: failed" in text
    monotonic = progress.Progress(None)
    monotonic.line("nothing is written in check mode")


def test_a_log_is_no_link(tmp_path):
    (tmp_path / progress.NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError):
        progress.Progress(str(tmp_path / progress.NAME)).line("text")
