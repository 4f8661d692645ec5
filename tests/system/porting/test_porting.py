# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver goes from SQLite to PostgreSQL, and nobody misses anything."""

from __future__ import annotations

import contextlib
import sqlite3
import time

import pytest
from homeserver import ACCOUNT
from thorough import some


def on_postgresql(homeserver, module):
    homeserver.use({"name": "psycopg2", "args": {**module.postgresql, "cp_min": 1, "cp_max": 5}})


def test_a_client_goes_on_with_its_token(moving, cluster):
    homeserver, people, module = moving
    homeserver.start()
    predicted = module.fine("precopied", _ansible_check_mode=True)
    assert predicted["changed"] and module.marker() == {"phase": ""} and not module.directory.exists()
    first = module.fine("precopied")
    assert first["changed"] and first["phase"] == "precopied" and first["rows"]["left"] == 0 < first["rows"]["done"]
    assert not module.fine("precopied")["changed"]
    people.go_on()
    homeserver.stop()

    before = homeserver.sqlite.read_bytes()
    predicted = module.fine("ported", _ansible_check_mode=True)
    assert (
        predicted["changed"]
        and predicted["diff"]["after"].startswith("PostgreSQL")
        and predicted["phase"] == "precopied"
    )
    result = module.fine("ported")
    assert result["changed"] and result["phase"] == "ported" and "users" in result["anew"]
    assert homeserver.sqlite.read_bytes() == before
    rows = {entry["table"]: entry for entry in result["tables"]}
    assert len(rows) > 100 and all(entry["same"] and not entry["dropped"] for entry in rows.values())
    assert rows["events"]["postgresql"] == rows["events"]["sqlite"] > 40
    assert "device_inbox_sequence" in [entry["sequence"] for entry in result["sequences"]]
    again = module.fine("ported")
    assert not again["changed"] and again["tables"] == result["tables"]
    assert not module.fine("ported", _ansible_check_mode=True)["changed"]

    on_postgresql(homeserver, module)
    homeserver.start()
    people.miss_nothing(password="another secret")
    deadline = time.monotonic() + 60
    while cluster.ask("SELECT count(*) FROM background_updates", module.postgresql["dbname"]) != "0":
        assert time.monotonic() < deadline
        time.sleep(0.5)
    found = people.call("POST", "/user_directory/search", people.alice, json={"search_term": "bobby"})
    assert [entry["user_id"] for entry in found["results"]] == [people.bob["user_id"]]

    assert module.fine("switched", _ansible_check_mode=True)["changed"] and homeserver.sqlite.exists()
    assert module.fine("switched")["changed"]
    kept = homeserver.sqlite.with_name(homeserver.sqlite.name + ".before-postgresql")
    assert not homeserver.sqlite.exists() and kept.read_bytes() == before
    for state in ("precopied", "ported", "switched"):
        assert not module.fine(state)["changed"], state
    assert module.fine("switched", keep=False)["changed"] and not kept.exists()
    assert not module.fine("switched", keep=False)["changed"]


# (state, what ends the run there): before, during and after the copies of the file and of the rows, and at the switch.
MOMENTS = {
    "before": ("precopied", "_database.marker.Marker.save before"),
    "copying the file": ("precopied", "_database.progress.Progress.heard before"),
    "copying rows of a running one": ("precopied", "_database.progress.Progress.heard before 20"),
    "emptying": ("ported", "_database.filling.Filling.empty after"),
    "copying rows": ("ported", "_database.progress.Progress.heard before 30"),
    "comparing": ("ported", "_database.filling.Filling.prove before"),
    "sequences": ("ported", "_database.porter.program after 2"),
    "after the marker": ("ported", "_database.marker.Marker.save after 2"),
}


@pytest.mark.parametrize("name", some(MOMENTS, "copying rows of a running one", "after the marker"))
def test_a_run_that_is_killed_leaves_one_whole_database(name, moving):
    homeserver, _people, module = moving
    before = homeserver.sqlite.read_bytes()
    state, moment = MOMENTS[name]
    module.killed(state, moment)
    phase = module.marker()["phase"]
    assert (phase == "ported") == (name == "after the marker")
    assert homeserver.sqlite.read_bytes() == before and whole(homeserver.sqlite)
    result = module.fine("ported")
    assert result["changed"] == (name != "after the marker") and result["phase"] == "ported"
    assert len(result["tables"]) > 100 and all(entry["same"] for entry in result["tables"])
    assert homeserver.sqlite.read_bytes() == before and not (module.directory / "work/stopped.db").exists()


def test_killed_at_the_switch(moving):
    homeserver, people, module = moving
    module.fine("ported")
    on_postgresql(homeserver, module)
    homeserver.start()
    module.killed("switched", "_database.marker.Marker.save after")
    assert module.marker()["phase"] == "switched" and homeserver.sqlite.exists()
    assert not module.fine("ported")["changed"]
    assert module.fine("switched")["changed"] and not homeserver.sqlite.exists()
    people.miss_nothing()


def whole(path):
    """Whether SQLite finds nothing wrong."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.thorough
def test_what_is_in_the_way_is_refused(moving, cluster):
    homeserver, people, module = moving
    name = module.postgresql["dbname"]

    def refused(state, part, words, **more):
        result = module.run(state, **more)
        assert result.get("failed") and result["part"] == part and words in result["msg"], result
        assert not result.get("changed")

    refused("switched", "marker", "state=ported comes first")
    homeserver.start()
    refused("ported", "running", "stop Synapse")
    homeserver.stop()
    assert module.marker()["phase"] == ""
    refused("ported", "postgresql", "does not exist", postgresql={**module.postgresql, "dbname": "nothing"})
    cluster.database(f"{name}_latin", "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    refused("ported", "postgresql", "LATIN1", postgresql={**module.postgresql, "dbname": f"{name}_latin"})
    refused("ported", "sqlite", "no database of SQLite", sqlite=str(homeserver.sqlite) + ".other")
    cluster.ask("CREATE TABLE users (name text); INSERT INTO users VALUES ('@x:other.example')", name)
    for state in ("precopied", "ported"):
        refused(state, "foreign", "something else")
    cluster.ask(f"ALTER TABLE users OWNER TO {ACCOUNT}", name)
    for state in ("precopied", "ported"):
        refused(state, "foreign", "other.example")
    assert cluster.ask("SELECT name FROM users", name) == "@x:other.example" and module.marker()["phase"] == ""
    cluster.ask("DROP TABLE users", name)
    with contextlib.closing(sqlite3.connect(homeserver.sqlite)) as connection:
        connection.execute("INSERT INTO background_updates (update_name, progress_json) VALUES ('slow', '{}')")
        connection.commit()
    refused("ported", "updates", "slow")
    with contextlib.closing(sqlite3.connect(homeserver.sqlite)) as connection:
        connection.execute("DELETE FROM background_updates")
        connection.commit()

    # A way back to SQLite, which goes on, and is moved again.
    module.fine("ported")
    refused("switched", "postgresql", "not connected")
    homeserver.start()
    people.say(people.bob, "on SQLite again")
    homeserver.stop()
    refused("switched", "both", "has been written since")
    assert module.fine("ported", _ansible_check_mode=True)["changed"]
    assert module.fine("ported")["changed"]
    assert "on SQLite again" in cluster.ask("SELECT json FROM event_json", name)

    # A Synapse that has only been started has changed nothing that counts; one that was used has.
    on_postgresql(homeserver, module)
    homeserver.start()
    homeserver.stop()
    write_sqlite(homeserver)
    assert module.fine("ported")["changed"]
    homeserver.start()
    people.say(people.bob, "on PostgreSQL")
    homeserver.stop()
    assert not module.fine("ported")["changed"]
    write_sqlite(homeserver)
    refused("ported", "both", "has gone on with")
    assert "on PostgreSQL" in cluster.ask("SELECT json FROM event_json", name)


def write_sqlite(homeserver):
    """As a Synapse that was started with it again."""
    with contextlib.closing(sqlite3.connect(homeserver.sqlite)) as connection:
        connection.execute("UPDATE users SET creation_ts = creation_ts + 1")
        connection.commit()
