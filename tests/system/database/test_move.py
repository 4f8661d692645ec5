# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver on SQLite that is given matrix_database: postgresql. In their order: what goes wrong comes first."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import time

import pytest

from .conftest import CLUSTER, Conversation, patiently, saved

DATA = "/mnt/matrixdata/matrix-synapse"
SQLITE = DATA + "/matrix_homeserver.db"
MARKER = DATA + "-move/marker.json"
WORK = DATA + "-move/work"
POSTGRESQL = {"matrix_database": "postgresql"}
# Seconds until something has come that is not what is judged here: a busy machine takes longer.
PATIENCE = 900
# The command of a module in the pot, and of what it has forked: its program comes by standard input.
MODULE = r"^/usr/local/bin/python3\.11$"
# What people miss when it is gone, of Synapse's tables, and what only grows.
TABLES = ["users", "access_tokens", "devices", "events", "event_json", "state_events", "room_memberships", "rooms"]
TABLES += ["e2e_device_keys_json", "e2e_one_time_keys_json", "local_media_repository", "server_signature_keys"]


@pytest.fixture(scope="module")
def conversation(moving):
    """What is said before, between and after all of it."""
    found = Conversation(moving)
    found.say("in SQLite")
    return found


class Keys:
    """Those of the server, and of the conversation's device with two that others use once; and a file."""

    def __init__(self, moving, conversation):
        self.moving, self.token = moving, conversation.token
        client = conversation.client
        device = client.call("GET", "/_matrix/client/v3/account/whoami").json()["device_id"]
        named = {f"{algorithm}:{device}": algorithm[0] * 43 for algorithm in ("curve25519", "ed25519")}
        self.mine = {
            "user_id": client.user_id,
            "device_id": device,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
            "keys": named,
            "signatures": {client.user_id: {f"ed25519:{device}": "s" * 86}},
        }
        once = {f"curve25519:{number}": "k" * 43 for number in range(2)}
        client.call("POST", "/_matrix/client/v3/keys/upload", json={"device_keys": self.mine, "one_time_keys": once})
        self.content = os.urandom(10000)
        self.file = client.upload(self.content)
        self.server = client.federation_key()

    def are_there(self):
        client = self.moving.client()
        user = patiently(client.use_token, self.token)
        found = client.call("POST", "/_matrix/client/v3/keys/query", json={"device_keys": {user: []}}).json()
        assert found["device_keys"][user][self.mine["device_id"]]["keys"] == self.mine["keys"]
        counts = client.call("POST", "/_matrix/client/v3/keys/upload", json={}).json()["one_time_key_counts"]
        assert counts["curve25519"] == 2
        assert client.download(self.file) == self.content
        assert client.federation_key() == self.server


@pytest.fixture(scope="module")
def keys(moving, conversation):
    return Keys(moving, conversation)


def files(moving):
    return moving.inside("ls", DATA, pot=moving.machine).stdout.split()


def synapse(moving):
    return moving.inside("cat", "/var/run/matrix-synapse/homeserver.pid", pot=moving.machine).stdout.strip()


def marked(moving, what):
    """What the marker says of something; empty without a marker."""
    done = moving.inside("cat", MARKER, pot=moving.machine, check=False)
    return json.loads(done.stdout)[what] if done.returncode == 0 else ""


def phase(moving):
    return marked(moving, "phase")


def snapshots(moving):
    """Names of those of the dataset, of all below it and of the pot."""
    found = moving.inside("zfs", "list", "-H", "-o", "name", "-t", "snapshot").stdout.split()
    names = [name.partition("@") for name in found if "@move-" in name]
    whose = {"zroot/matrixdata", "zroot/matrixdata/postgresql", f"zroot/pot/jails/{moving.machine}/m"}
    tags = sorted({tag for _dataset, _at, tag in names})
    assert all(whose <= {dataset for dataset, _at, other in names if other == tag} for tag in tags)
    return tags


def test_a_synapse_that_does_not_come_up_goes_on_with_sqlite(moving, conversation, keys):
    bridge = "/usr/local/etc/no-such-bridge.yaml"
    done = moving.play(**POSTGRESQL, synapse_settings={"app_service_config_files": [bridge]})
    assert bridge in done.words, done
    assert done.code != 0 and "Synapse runs on SQLite, as before" in done.words, done
    (snapshot,) = snapshots(moving)
    assert snapshot in done.words
    assert "database" not in files(moving) and phase(moving) == "porting", done
    moving.wait(PATIENCE)
    conversation.say("in SQLite again")
    conversation.all_there()
    # The way back is open, and nothing of it is there but a PostgreSQL that nobody uses.
    moving.succeed()
    conversation.all_there()


def test_a_dry_run_leaves_all_as_it_is(moving, conversation):
    before = synapse(moving)
    done = moving.succeed("--check", **POSTGRESQL)
    assert done.changed > 0
    assert (synapse(moving), phase(moving), len(snapshots(moving))) == (before, "porting", 1)
    conversation.all_there()


def running(moving):
    done = moving.inside("pgrep", "-f", "synapse.app.homeserver", pot=moving.machine, check=False)
    return done.returncode == 0


def exists(moving, path):
    return moving.inside("test", "-e", path, pot=moving.machine, check=False).returncode == 0


# Before, in and after copying, and at the switch: what there is when the run of site is killed, in their order.
MOMENTS = {
    "PostgreSQL runs": lambda moving: exists(moving, CLUSTER + "/postmaster.pid"),
    "a snapshot is named": lambda moving: marked(moving, "snapshot") != "",
    "the snapshot is taken": lambda moving: len(snapshots(moving)) > 1,
    "rows are copied while Synapse runs": lambda moving: exists(moving, WORK + "/running.db"),
    "rows were copied": lambda moving: phase(moving) == "precopied",
    "Synapse is stopped": lambda moving: exists(moving, WORK + "/stopped.db"),
    "the rest is copied": lambda moving: phase(moving) == "porting" and exists(moving, WORK + "/stopped.db"),
    "all is copied": lambda moving: phase(moving) == "ported",
    "Synapse is started": lambda moving: phase(moving) == "ported" and running(moving),
    "it is marked as done": lambda moving: phase(moving) == "switched",
}
KILLS = int(os.environ.get("KILLS") or 2)
# With "all is copied" nothing but the marker tells that PostgreSQL is the homeserver's database. In the last round of
# all a run goes on after another one that was killed a little earlier.
ROUNDS = [[moment] for moment in MOMENTS] + [list(MOMENTS)] if len(MOMENTS) <= KILLS else [["all is copied"]]


@pytest.fixture(scope="module")
def unmoved(moving, conversation, tmp_path_factory):
    """Takes the homeserver back to where the first round began; nothing is saved for a single one."""
    directory, said, used = tmp_path_factory.mktemp("unmoved") / "saved", len(conversation.events), False
    if len(ROUNDS) > 1:
        saved.save(moving, directory)
        moving.wait(PATIENCE)

    def back():
        nonlocal used
        if used:
            moving.disconnect()
            moving.restore(directory)
            moving.wait(PATIENCE)
            del conversation.events[said:]
        used = True

    yield back
    shutil.rmtree(directory, ignore_errors=True)


def kill(moving, moment, how):
    """Run the site, and kill that at a moment: "power", with the host; "all", with what it has running in the pot; or
    "run", and what that has running goes on to its end. False if the run came to its end, since what an earlier one had
    left running had gone past that moment.
    """
    process, path = moving.begin(**POSTGRESQL)
    try:
        deadline = time.monotonic() + PATIENCE
        while not MOMENTS[moment](moving):
            if how == "run" and process.poll() == 0:
                return False
            assert time.monotonic() < deadline and process.poll() is None, path.read_text(encoding="utf-8")
            time.sleep(0.1)
        if how == "power":
            moving.power("crash")
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if how == "all":
        moving.inside("pkill", "-KILL", "-f", MODULE, pot=moving.machine, check=False)
    print(f"\nkilled when {moment} ({how}): {phase(moving) or 'no phase'}, Synapse runs: {running(moving)}")
    moving.disconnect()
    deadline = time.monotonic() + PATIENCE
    while moving.inside("pgrep", "-f", MODULE, pot=moving.machine, check=False).returncode == 0:
        assert time.monotonic() < deadline, moving.inside("ps", "-axww", pot=moving.machine).stdout
        time.sleep(0.2)
    if how == "power":
        # What starts by itself is what people write to.
        moving.wait(PATIENCE)
    return True


def rows(moving, path):
    """Rows of each table that matters in a file of SQLite, which has no fault."""
    program = "import json, sqlite3, sys; c = sqlite3.connect('file:%s?mode=ro' % sys.argv[1], uri=True); "
    program += "assert c.execute('PRAGMA integrity_check').fetchall() == [('ok',)]; "
    program += "print(json.dumps({t: c.execute('SELECT count(*) FROM ' + t).fetchone()[0] for t in sys.argv[2:]}))"
    return json.loads(
        moving.inside("/usr/local/bin/python3.11", "-c", program, path, *TABLES, pot=moving.machine).stdout
    )


def is_there(moving, conversation):
    """What a run that was killed has left is whole without another one: the database that the marker names."""
    if phase(moving) in ("ported", "switched"):
        for event, _text in conversation.events:
            assert moving.query(f"SELECT count(*) FROM events WHERE event_id = '{event}'") == "1"
    else:
        assert "database" not in files(moving)
        assert rows(moving, SQLITE)["events"] >= len(conversation.events)
    # One that was only about to start may end with the run.
    deadline = time.monotonic() + PATIENCE
    while running(moving):
        with contextlib.suppress(AssertionError, OSError):
            conversation.say("after a run was killed")
            break
        assert time.monotonic() < deadline, "Synapse runs, and takes no message"
        time.sleep(0.2)
    if running(moving):
        conversation.all_there()


@pytest.mark.parametrize("moments", ROUNDS, ids=", then ".join)
def test_a_run_is_killed(moving, conversation, keys, unmoved, moments):
    """The next one completes the move, and nobody misses anything."""
    unmoved()
    before = snapshots(moving)
    killed = 0
    for moment in moments:
        if not kill(moving, moment, "run" if len(moments) > 1 else ("all", "power")[list(MOMENTS).index(moment) % 2]):
            break
        killed += 1
        is_there(moving, conversation)
    assert killed >= min(5, len(moments))
    moving.succeed(**POSTGRESQL)
    assert phase(moving) == "switched"
    conversation.all_there()
    keys.are_there()
    kept = rows(moving, SQLITE + ".before-postgresql")
    arrived = {table: int(moving.query(f"SELECT count(*) FROM {table}")) for table in TABLES}
    assert {table: (count, arrived[table]) for table, count in kept.items() if count > arrived[table]} == {}
    assert all(entry["same"] for entry in marked(moving, "tables"))
    assert not exists(moving, WORK) and not exists(moving, SQLITE)
    # One of this move, however often it was killed, beside that of the one that was given up.
    assert len(snapshots(moving)) == len(before) + 1
    moving.succeed(changed=0, **POSTGRESQL)


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


def test_its_snapshot_leads_back(moving, conversation):
    """With the pot, and without what came after it."""
    last = snapshots(moving)[-1]
    moving.succeed("-e", f"matrix_snapshot={last}", playbook="rollback", matrix_database="sqlite")
    there = files(moving)
    assert "matrix_homeserver.db" in there and "database" not in there
    later = conversation.events[-1][0]
    del conversation.events[2:]
    conversation.all_there()
    with pytest.raises(AssertionError, match="404"):
        conversation.client.read(conversation.room, later)
