# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver on SQLite that is given matrix_database: postgresql. In their order: what goes wrong comes first."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from .conftest import Conversation

DATA = "/mnt/matrixdata/matrix-synapse"
SQLITE = DATA + "/matrix_homeserver.db"
MARKER = DATA + "-move/marker.json"
POSTGRESQL = {"matrix_database": "postgresql"}


@pytest.fixture(scope="module")
def conversation(moving):
    """What is said before, between and after all of it."""
    found = Conversation(moving)
    found.say("in SQLite")
    return found


def files(moving):
    return moving.inside("ls", DATA, pot=moving.machine).stdout.split()


def synapse(moving):
    return moving.inside("cat", "/var/run/matrix-synapse/homeserver.pid", pot=moving.machine).stdout.strip()


def phase(moving):
    done = moving.inside("cat", MARKER, pot=moving.machine, check=False)
    return json.loads(done.stdout)["phase"] if done.returncode == 0 else ""


def test_a_synapse_that_does_not_come_up_goes_on_with_sqlite(moving, conversation):
    bridge = "/usr/local/etc/no-such-bridge.yaml"
    done = moving.play(**POSTGRESQL, synapse_settings={"app_service_config_files": [bridge]})
    assert bridge in done.words, done
    assert done.code != 0 and "Synapse runs on SQLite, as before." in done.words, done
    assert "database" not in files(moving) and phase(moving) == "porting", done
    moving.wait()
    conversation.say("in SQLite again")
    conversation.all_there()
    # The way back is open, and nothing of it is there but a PostgreSQL that nobody uses.
    moving.succeed()
    conversation.all_there()


def test_a_dry_run_leaves_all_as_it_is(moving, conversation):
    before = synapse(moving)
    done = moving.succeed("--check", **POSTGRESQL)
    assert done.changed > 0
    assert (synapse(moving), phase(moving)) == (before, "porting")
    conversation.all_there()


def test_a_killed_run_is_gone_on_with(moving, conversation):
    """Killed when all is copied, and nothing but the marker tells that PostgreSQL is the homeserver's database."""
    conversation.say("before the run that is killed")
    process, path = moving.begin(**POSTGRESQL)
    try:
        deadline = time.monotonic() + 300
        while phase(moving) != "ported":
            assert time.monotonic() < deadline and process.poll() is None, path.read_text(encoding="utf-8")
            time.sleep(0.05)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    moving.disconnect()
    moving.succeed(**POSTGRESQL)
    assert phase(moving) == "switched"
    moving.succeed(changed=0, **POSTGRESQL)
    conversation.all_there()


def test_it_is_all_in_postgresql(moving, conversation):
    conversation.say("in PostgreSQL")
    conversation.all_there()
    for event, _text in conversation.events:
        assert moving.query(f"SELECT count(*) FROM events WHERE event_id = '{event}'") == "1"
    there = files(moving)
    assert "matrix_homeserver.db" not in there and "matrix_homeserver.db.before-postgresql" in there
    assert moving.read(DATA + "/database") == "postgresql\n"
    marker = json.loads(moving.inside("cat", MARKER, pot=moving.machine).stdout)
    compared = {entry["table"]: entry for entry in marker["tables"]}
    assert all(entry["same"] for entry in compared.values())
    assert compared["events"]["sqlite"] == compared["events"]["postgresql"] >= 3
    moving.succeed(playbook="verify", **POSTGRESQL)


def test_the_kept_file_goes_when_it_is_told_to(moving, conversation):
    moving.succeed("--check", changed=1, **POSTGRESQL, matrix_sqlite_keep=False)
    assert "matrix_homeserver.db.before-postgresql" in files(moving)
    moving.succeed(changed=1, **POSTGRESQL, matrix_sqlite_keep=False)
    assert "matrix_homeserver.db.before-postgresql" not in files(moving)
    moving.succeed(changed=0, **POSTGRESQL, matrix_sqlite_keep=False)
    conversation.all_there()


def test_there_is_no_way_back(moving, conversation):
    before = synapse(moving)
    done = moving.play(matrix_database="sqlite")
    assert done.code != 0 and "matrix_database" in done.words and "no way back to sqlite" in done.words, done
    assert synapse(moving) == before
    conversation.all_there()
