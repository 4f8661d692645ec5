# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One homeserver whose data are in a PostgreSQL in its pot, deployed once for all tests of this directory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/tools"))

import saved
from deployment import NEIGHBOURS, output
from outcome import Outcome

from ..site.conftest import Site

SOCKET = "/var/run/postgresql"
HOME = "/var/db/postgres"
CLUSTER = HOME + "/data15"
# Where the PostgreSQL is that somebody else looks after.
EXTERNAL = "10.199.0.15"


class Asked(Site):
    """A deployment with what tests ask about its database."""

    def as_account(self, account, *argv):
        """A command that an account of the pot runs, whatever its shell."""
        program = "import os, pwd, sys; a = pwd.getpwnam(sys.argv[1]); os.setgroups([]); os.setgid(a.pw_gid); "
        program += "os.setuid(a.pw_uid); os.execv(sys.argv[2], sys.argv[2:])"
        return self.inside("/usr/local/bin/python3.11", "-c", program, account, *argv, pot=self.machine, check=False)

    def query(self, statement, account="root", role="postgres", database="synapse"):
        """The one value that a statement gives; what psql says instead when it is refused."""
        done = self.as_account(
            account, "/usr/local/bin/psql", "-XAtq", "-h", SOCKET, "-U", role, "-d", database, "-c", statement
        )
        return done.stdout.strip() if done.returncode == 0 else done.stderr.strip()

    def postmaster(self):
        """The process id of PostgreSQL, as it notes it itself."""
        return self.read(CLUSTER + "/postmaster.pid").splitlines()[0]

    def revive(self):
        """What cron does once a minute."""
        self.inside("/bin/sh", "-c", "grep -ho '/[^ ]*matrix-revive .*' /etc/cron.d/* | sh", pot=self.machine)

    def synapse(self):
        """The process id of Synapse."""
        return self.pid("matrix-synapse/homeserver.pid")

    def follow(self, former):
        """Wait for another Synapse than that process, older than PostgreSQL; cron may be restarting it already."""
        self.revive()

        def another():
            assert self.synapse() not in ("", former), self.synapse()

        patiently(another)

    def roles(self, *roles, **variables):
        """Run some roles of the site only."""
        return self.play("--tags", ",".join(roles), **variables)


class Database(Asked):
    """One whose data are in PostgreSQL from the beginning."""

    def __init__(self, place):
        super().__init__(place, "database1", "10.199.0.81", "10.199.0.13", "database.test", "10.199.0.181")

    def introduce(self):
        super().introduce()
        self.usual["matrix_database"] = "postgresql"
        # For clients that write all the time.
        unlimited = {"per_second": 1000, "burst_count": 1000}
        self.usual["synapse_rate_limits"] = {
            "rc_message": unlimited,
            "rc_login": {"address": unlimited, "account": unlimited},
        }
        self.describe(**self.usual)


def _started(place):
    """From the saved deployment; the first one who asks makes it."""
    deployment = Database(place)
    # What a session that was killed left.
    deployment.stop()

    def deploy():
        deployment.start()
        deployment.deploy()

    try:
        saved.start("database", deployment, deploy, deployment.introduce)
        yield deployment
    finally:
        deployment.stop()


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    yield from _started(tmp_path_factory.mktemp("database"))


@pytest.fixture(scope="module")
def again(tmp_path_factory):
    """One whose PostgreSQL goes to another major version."""
    yield from _started(tmp_path_factory.mktemp("again"))


@pytest.fixture
def once_more(again, tmp_path_factory):
    """As it was at first."""
    again.stop()
    yield from _started(tmp_path_factory.mktemp("once-more"))


def patiently(function, *arguments, seconds=120):
    """What a function returns in the end. After PostgreSQL was restarted each of Synapse's connections fails once, and
    matrix-revive restarts Synapse within a minute; clients ask again.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            return function(*arguments)
        except (AssertionError, OSError, ValueError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.fixture(scope="module")
def moving(tmp_path_factory):
    """A homeserver whose data are in SQLite: the one of tests/system/site."""
    deployment = Asked(tmp_path_factory.mktemp("moving"))
    deployment.stop()

    def deploy():
        deployment.start()
        deployment.deploy()

    try:
        saved.start("site", deployment, deploy, deployment.introduce)
        yield deployment
    finally:
        deployment.stop()


class External(Asked):
    """A homeserver, and a PostgreSQL that somebody else looks after."""

    def __init__(self, place):
        super().__init__(place, "site1", "10.199.0.80", "10.199.0.12", "site.test", "10.199.0.180")

    def database(self, verb, *arguments):
        return output(NEIGHBOURS / "postgresql", verb, "--name", self.machine, *arguments)

    def query(self, statement, database="synapse"):
        return self.database("sql", statement, "--database", database).strip()

    def elsewhere(self, **more):
        """matrix_database."""
        where = json.loads(self.database("status"))
        return {"host": where["address"], "password": where["password"], "sslrootcert": where["ca"], **more}

    def by_itself(self, name, **variables):
        """Run a playbook of this directory, which has to end well; what came of it."""
        given = self.place / "given.json"
        given.write_text(json.dumps(variables), encoding="utf-8")
        self.describe(**self.usual)
        command = [*self.command("")[:3], str(Path(__file__).with_name(name)), "-e", f"@{given}"]
        done = subprocess.run(command, env=self.environment(), cwd=TOP, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and self.elsewhere()["password"] not in done.stdout, done.stdout + done.stderr
        return Outcome(done.returncode, done.stdout)

    def ask(self, ways):
        """What the role says of databases, by the names of the ways: (sentence, process id of Synapse then)."""
        answers = self.place / "answers.json"
        self.by_itself("questions.yml", ways=ways, answers=str(answers))
        return {each["name"]: (each["msg"], each["pid"]) for each in json.loads(answers.read_text(encoding="utf-8"))}


@pytest.fixture(scope="module")
def external(tmp_path_factory):
    deployment = External(tmp_path_factory.mktemp("external"))
    deployment.stop()

    def deploy():
        deployment.start()
        deployment.deploy()

    try:
        saved.start("site", deployment, deploy, deployment.introduce)
        deployment.database("start", "--address", EXTERNAL)
        yield deployment
    finally:
        deployment.stop()
        deployment.database("stop")


class Conversation:
    """A user who is logged in, and a room."""

    def __init__(self, database):
        self.database = database
        self.client = database.client()
        self.token = patiently(self.client.login, "admin", database.remembered("admin"))
        self.room = patiently(self.client.create_room)
        self.events = []

    def say(self, text):
        """Send a message, and remember it once it is acknowledged."""
        self.events.append((self.client.send(self.room, text), text))

    def all_there(self):
        """Read all that was acknowledged, by another client with the token."""
        client = self.database.client()
        patiently(client.use_token, self.token)
        for event, text in self.events:
            assert patiently(client.read, self.room, event) == text, text


@pytest.fixture
def conversation(database):
    return Conversation(database)
