# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module decides from its marker, with a SQLite that is real and a PostgreSQL that is a dictionary."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import pwd
import re
import shutil
import sqlite3

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._database import (
    comparison,
    marker,
    porter,
    postgres,
    room,
)
from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Account
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import locks
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.modules import synapse_database

KNOWN = {"kept": ["events"], "ignored": ["schema_version"]}
PASSWORD = "a password that nobody sees"


class Killed(BaseException):
    """The run ends here, without a chance to say or do anything."""


class World:
    """SQLite's file, a PostgreSQL whose rows are a copy of it, and who has what open."""

    def __init__(self, top, capsys, monkeypatch):
        self.top, self.capsys, self.path = top, capsys, top / "homeserver.db"
        self.rows, self.id, self.others, self.positions, self.wrong = None, "", 0, 0, ""
        self.users, self.reason, self.kill = set(), "", ""
        self.write(
            "CREATE TABLE events (event_id)",
            "CREATE TABLE schema_version (version, upgraded)",
            "CREATE TABLE applied_schema_deltas (version, file)",
            "CREATE TABLE background_updates (update_name)",
            "INSERT INTO schema_version VALUES (92, 0)",
            "INSERT INTO events VALUES ('one')",
        )
        fakes = {
            (locks, "LOCK_DIR"): str(top),
            (Account, "run"): lambda account, work, *given, heard=None: self.step(work, given),
            (Account, "holding"): lambda account, work, *given, heard=None: self.holding(given),
            (postgres, "look"): self.look,
            (postgres, "empty"): self.empty,
            (postgres, "positions"): lambda tell, args: {"events_stream_seq": str(self.positions)},
            (postgres, "begin_tables_anew"): lambda tell, args, changed, kept: changed,
            (postgres, "settle"): lambda tell, args: 1,
            (postgres, "correct_columns"): lambda tell, args: [],
            (postgres, "finish"): self.finish,
            (porter, "knowledge"): lambda python, user: KNOWN,
            (porter, "configure"): lambda tell, config, args, path: None,
            (porter, "port"): self.port,
            (porter, "program"): self.program,
            (comparison, "compare"): self.compare,
            (room, "users"): lambda path, runner: set(self.users),
        }
        for (owner, name), fake in fakes.items():
            monkeypatch.setattr(owner, name, fake)
        save = marker.Marker.save

        def saving(place, state):
            if self.kill == f"before {state.phase}":
                raise Killed
            save(place, state)
            if self.kill == f"after {state.phase}":
                raise Killed

        monkeypatch.setattr(marker.Marker, "save", saving)

    def write(self, *statements):
        with contextlib.closing(sqlite3.connect(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def events(self, path=None):
        with contextlib.closing(sqlite3.connect(path or self.path)) as connection:
            return [row[0] for row in connection.execute("SELECT event_id FROM events ORDER BY 1")]

    def step(self, work, given):
        if self.kill == getattr(work, "__name__", ""):
            raise Killed
        return work(lambda said: None, *given)

    @contextlib.contextmanager
    def holding(self, given):
        shutil.copy(given[0], given[1])
        yield None

    def look(self, _tell, _args):
        return {
            "tables": [] if self.rows is None else ["events"],
            "id": self.id,
            "others": self.others,
            "owner": "" if self.id else "other.example",
            "updates": [],
            "wrong": self.wrong,
        }

    def empty(self, _tell, _args, former, new):
        if (self.rows is not None or self.id) and (not former or former != self.id):
            raise Sentence("holds tables of something else", "foreign")
        self.rows, self.id = None, new

    def port(self, tell, _python, path, _config, _log):
        tell({"table": "events", "rows": 1})
        self.rows = self.events(path)

    def finish(self, _tell, _args):
        return ["populate_user_directory_cleanup"]

    def compare(self, _tell, _args, path, _skipped):
        return [{"table": "events", "sqlite": 1, "postgresql": 1, "dropped": 0, "same": self.rows == self.events(path)}]

    def program(self, *_given):
        return {"reason": self.reason, "asked": 3, "corrected": [{"sequence": "device_inbox_sequence"}]}

    def run(self, state, check=False, **more):
        arguments = {
            "state": state,
            "sqlite": str(self.path),
            "postgresql": {"dbname": "synapse", "host": "/tmp", "password": PASSWORD},
            "directory": str(self.top / "move"),
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "_ansible_check_mode": check,
            "_ansible_diff": True,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
            **more,
        }
        basic._ANSIBLE_ARGS = None
        with patch_module_args(arguments), pytest.raises((SystemExit, Killed)) as end:
            synapse_database.main()
        out = self.capsys.readouterr().out
        assert PASSWORD not in out
        return None if end.type is Killed else json.loads(out)

    def phase(self):
        return marker.Marker(str(self.top / "move")).load().phase

    def look_around(self):
        return {
            str(path): path.read_bytes() for path in sorted(self.top.rglob("*")) if path.suffix not in ("", ".lock")
        }


@pytest.fixture
def world(tmp_path, capsys, monkeypatch):
    return World(tmp_path, capsys, monkeypatch)


def test_the_whole_way(world):
    for state, more in (("precopied", {}), ("ported", {}), ("switched", {}), ("switched", {"keep": False})):
        world.others = int(state == "switched")
        before = world.look_around()
        predicted = world.run(state, check=True, **more)
        assert world.look_around() == before
        done, again = world.run(state, **more), world.run(state, **more)
        assert predicted["changed"] and done["changed"] and not again["changed"]
        assert predicted["diff"] == done["diff"] and again["diff"]["before"] == again["diff"]["after"]
        assert not world.run(state, check=True, **more)["changed"]
        assert done["phase"] == state
    assert not world.path.exists() and not (world.top / "homeserver.db.before-postgresql").exists()
    assert world.rows == ["one"]


@pytest.mark.parametrize("host, kind", [("/tmp", "postgresql"), ("db.example.com", "elsewhere")])
def test_the_mark_tells_where_postgresql_is(world, host, kind):
    more = {"postgresql": {"dbname": "synapse", "host": host}, "mark": str(world.top / "database")}
    world.run("precopied", **more)
    assert not (world.top / "database").exists()
    world.run("ported", **more)
    assert (world.top / "database").read_text() == f"{kind}\n"


def names(world, *states):
    """The snapshots that several states name."""
    return [world.run(state)["snapshot"] for state in states]


def test_one_snapshot_is_named_for_a_move(world):
    before = world.look_around()
    assert world.run("begun", check=True)["changed"] and world.look_around() == before
    first = world.run("begun")
    assert first["changed"] and re.fullmatch("move-[0-9]{8}T[0-9]{6}Z", first["snapshot"])
    for kill in ("after precopying", "copy_running", "before precopied"):
        world.kill = kill
        assert world.run("precopied") is None
    world.kill = ""
    again = world.run("begun")
    assert not again["changed"] and again["snapshot"] == first["snapshot"]
    found = names(world, "precopied", "begun", "ported", "begun")
    assert set(found) == {first["snapshot"]}
    assert not world.run("begun")["changed"]


def test_another_move_has_another_snapshot(world):
    def aged(**changes):
        place = marker.Marker(str(world.top / "move"))
        place.save(dataclasses.replace(place.load(), **changes))

    world.run("begun")
    aged(snapshot="move-20200101T000000Z")
    (second,) = names(world, "begun")
    assert second != "move-20200101T000000Z"
    names(world, "precopied", "ported")
    # What Synapse writes from now on is in no snapshot.
    assert names(world, "abandoned") == [""] and world.run("begun")["changed"]


def test_what_is_full_after_a_way_back_is_not_thrown_away(world):
    world.run("begun")
    before = world.look_around()
    names(world, "precopied", "ported")
    for path, content in before.items():
        pathlib.Path(path).write_bytes(content)
    for state in ("begun", "precopied", "ported"):
        assert "dropdb -h /tmp -U postgres synapse" in refused(world, state, "foreign")
    world.rows, world.id = None, ""
    assert world.run("ported")["phase"] == "ported"


def test_the_result_tells_what_was_done(world):
    world.run("precopied")
    world.write("INSERT INTO events VALUES ('two')")
    result = world.run("ported")
    assert result["tables"][0]["table"] == "events" and result["anew"] == []
    assert result["sequences"] == [{"sequence": "device_inbox_sequence"}] and world.rows == ["one", "two"]
    assert result["background_updates"] == ["populate_user_directory_cleanup"]
    assert {"lock and copy", "changes", "port", "compare", "sequences", "statistics"} <= set(result["seconds"])
    assert not (world.top / "move/work").exists() and os.path.exists(result["log"])


def test_a_changed_row_is_copied_again(world):
    world.run("precopied")
    world.write("UPDATE events SET event_id = 'other'")
    assert world.run("ported")["anew"] == ["events"]


def test_a_newer_synapse_between_both_copies_begins_anew(world):
    world.run("precopied")
    world.write("UPDATE schema_version SET version = 93")
    assert "anew" not in world.run("ported") and world.phase() == "ported"


@pytest.mark.parametrize(
    "state, kill",
    [
        ("precopied", "before precopying"),
        ("precopied", "after precopying"),
        ("precopied", "copy_running"),
        ("precopied", "port"),
        ("precopied", "before precopied"),
        ("ported", "before porting"),
        ("ported", "after porting"),
        ("ported", "empty"),
        ("ported", "port"),
        ("ported", "compare"),
        ("ported", "finish"),
        ("ported", "before ported"),
        ("ported", "after ported"),
    ],
)
@pytest.mark.parametrize("first", [None, "precopied"])
def test_a_run_that_was_killed_is_followed_by_one_that_goes_on(world, first, state, kill):
    if first and state != first:
        world.run(first)
    before, world.kill = world.path.read_bytes(), kill
    killed = world.run(state)
    world.kill = ""
    # Nothing is emptied by a run that goes on.
    assert killed is None or kill == "empty"
    assert world.path.read_bytes() == before
    assert (world.phase() == "ported") == (kill == "after ported" or killed is not None)
    world.write("INSERT INTO events VALUES ('two')")
    assert world.run("ported")["phase"] == "ported" and world.rows == ["one", "two"]


@pytest.mark.parametrize("kill", ["before switched", "after switched"])
def test_killed_at_the_switch(world, kill):
    world.run("ported")
    world.others, world.kill = 1, kill
    assert world.run("switched") is None and world.path.exists()
    world.kill = ""
    assert not world.run("ported")["changed"]
    assert world.run("switched")["changed"] and not world.path.exists()
    assert world.phase() == "switched"


def refused(world, state, part, **more):
    rows, phase = world.rows, world.phase()
    result = world.run(state, **more)
    assert result["failed"] and result["part"] == part and not result.get("changed")
    assert (world.rows, world.phase()) == (rows, phase)
    return result["msg"]


def test_what_is_not_ours_is_left(world):
    world.rows = ["of somebody"]
    for check in (True, False):
        assert "other.example" in refused(world, "ported", "foreign", check=check)
    world.id = "another move"
    refused(world, "precopied", "foreign")


@pytest.mark.parametrize(
    "part, words, more",
    [
        ("running", "process 4711", {"users": {4711}}),
        ("running", "connected", {"others": 1}),
        ("postgresql", "LATIN1", {"wrong": "its encoding is LATIN1"}),
    ],
)
def test_what_is_in_the_way_is_said(world, part, words, more):
    vars(world).update(more)
    assert words in refused(world, "ported", part)


def test_updates_are_awaited(world):
    world.write("INSERT INTO background_updates VALUES ('slow')")
    for state in ("precopied", "ported"):
        assert "slow" in refused(world, state, "updates")


def test_a_full_dataset_is_said(world, monkeypatch):
    monkeypatch.setattr(room, "free", lambda path: 1)
    refused(world, "precopied", "space")


@pytest.mark.parametrize("reason", ["comparison", "start"])
def test_what_is_not_proven_is_not_done(world, reason, monkeypatch):
    if reason == "start":
        world.reason = "IncorrectDatabaseSetup: behind"
    else:
        monkeypatch.setattr(world, "rows", None)
        monkeypatch.setattr(comparison, "compare", lambda *given: [{"table": "events", "same": False}])
    result = world.run("ported")
    assert result["failed"] and result["part"] == reason and world.phase() == "porting"
    assert result["tables"] and not (world.top / "move/work").exists()


def test_sqlite_that_went_on_is_moved_again(world):
    world.run("ported")
    world.write("INSERT INTO events VALUES ('two')")
    world.others = 1
    assert "has been written since" in refused(world, "switched", "both")
    world.others = 0
    assert world.run("precopied")["changed"] and world.run("ported")["changed"] and world.rows == ["one", "two"]


def test_nothing_is_thrown_away_that_only_postgresql_has(world):
    world.run("ported")
    world.positions = 1
    assert not world.run("ported")["changed"]
    world.write("INSERT INTO events VALUES ('two')")
    for state in ("precopied", "ported"):
        assert "has gone on with" in refused(world, state, "both")


def test_switched_needs_a_synapse_on_postgresql(world):
    assert "comes first" in refused(world, "switched", "marker")
    world.run("ported")
    assert "not connected" in refused(world, "switched", "postgresql")
    world.others, world.users = 1, {4711}
    refused(world, "switched", "running")
    world.users, world.id = set(), "another"
    refused(world, "switched", "foreign")
    assert world.path.exists()


def test_another_database_after_the_switch_is_not_moved(world):
    world.run("ported")
    world.others = 1
    world.run("switched")
    world.write("CREATE TABLE events (event_id)")
    refused(world, "ported", "both")
    refused(world, "switched", "both")
