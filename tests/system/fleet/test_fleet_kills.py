# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two homeservers on one host, one with each kind of database, and runs over both that are killed, alone or together
with the host, or lose it: the next run ends in the wanted state, and neither has lost anything. KILLS says how many of
these runs there are (1; "tests/run kills" has ten, and "make test" none).
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import typing as t

import pytest
from deployment import DOUBLE, output
from kills import kill, wait_for_task
from matrix_client import Failure

from .conftest import NEW, NEWER, Servers

# As long as the rest of the directory.
pytestmark = pytest.mark.thorough
KILLS = int(os.environ.get("KILLS") or 1)
# Where pots move to, as they do to a newer one after their host. It has freebsd-update, which not all have.
OTHER = "14.3-RELEASE"


class Moment(t.NamedTuple):
    """When a run is killed: some seconds after the task of that name began for the server of that number. host: the
    host loses its power at the same time; alone: it does, and nobody kills the run.
    """

    playbook: str
    task: str
    server: int
    seconds: float
    host: bool = False
    alone: bool = False
    # The playbook that is run next, of which "site" has to go on with everything, too.
    then: str = ""
    move: bool = False


# The first ten are two of each playbook.
MOMENTS = [
    Moment("upgrade", "Upgrade the packages", 1, 0.5, host=True, alone=True),
    Moment("patch", "Put the pot aside", 1, 0.6, host=True, move=True),
    Moment("site", "Ensure the pot", 1, 1),
    Moment("site", "Install the packages of all parts", 2, 2, host=True),
    Moment("upgrade", "Take the snapshot of the dataset and of the pot", 1, 0.3, then="site"),
    Moment("rollback", "Stop the pot", 1, 0.5, then="site"),
    Moment("rollback", "Bring the dataset and the pot back to the snapshot", 2, 0.1, host=True),
    Moment("patch", "Restart the pot, so that everything in it is what was upgraded", 1, 1),
    Moment("remove", "Destroy the pot, and what is left of it on the host", 1, 0.3),
    Moment("remove", "Destroy the pot, and what is left of it on the host", 1, 0.5, host=True, then="site"),
    Moment("upgrade", "Upgrade the packages", 2, 1.5, host=True),
    Moment("patch", "Destroy the former pot", 2, 0.4, host=True, move=True),
    Moment("upgrade", "Note on the snapshots that the upgrade is done", 1, 0.3),
    Moment("patch", "Put the pot aside", 2, 0.6, move=True, then="site"),
]


class Pair(Servers):
    """Both servers on one host, and what people have on them."""

    def __init__(self, place):
        super().__init__(place, 2, hosts=1)
        self.special["s2"]["matrix_database"] = "postgresql"
        # By server: room, message and file in it, and what is in that.
        self.kept = {}
        self.saved = self.place / "saved"

    @property
    def host(self):
        return self.machines[0]

    def remember(self):
        """Let people have something on both servers."""
        for name in self.names:
            client = self.log_in(name)
            room = client.create_room()
            content = os.urandom(50000)
            self.kept[name] = (room, client.send(room, f"kept on {name}"), client.upload(content), content)

    def all_goes_on(self):
        for name in self.names:
            client = self.goes_on(name)
            room, event, file, content = self.kept[name]
            assert client.read(room, event) == f"kept on {name}"
            assert client.download(file) == content
            # And what is written now is kept, too.
            assert client.read(room, client.send(room, "written now")) == "written now"
            fresh = self.client(name)
            fresh.login("admin", self.host.remembered("admin"))

    def succeed(self, playbook, *arguments, **variables):
        outcome, report = self.play(playbook, *arguments, **variables)
        if outcome.code:
            pytest.fail(f"{playbook} ended with {outcome.code}\n{outcome}")
        return outcome, report

    def pots(self):
        return set(self.host.inside("jls", "name").stdout.split())

    def save(self):
        output(DOUBLE, "save", self.host.machine, self.saved, "--leave-down")
        self.disconnect()

    def restore(self):
        """Bring both back to what was saved, and let people have something on them."""
        output(DOUBLE, "stop", self.host.machine)
        self.disconnect()
        output(DOUBLE, "clone", self.saved, self.host.machine, "--address", self.host.machine_address)
        for special in self.special.values():
            for variable in ("matrix_snapshot", *NEWER):
                special.pop(variable, None)
        self.wait()
        self.remember()

    def wait(self, seconds=120):
        """Until both answer, after a boot of their host."""
        deadline = time.monotonic() + seconds
        for name in self.names:
            while True:
                try:
                    self.client(name).versions()
                    break
                except (AssertionError, OSError):
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.5)

    def userland(self, name):
        return self.host.inside("freebsd-version", "-u", pot=name).stdout.strip()

    def killed(self, moment, arguments, variables):
        """Begin a playbook, and kill it at the moment."""
        process = self.begin(moment.playbook, *arguments, **variables)
        # Not the summary of a role, which is told of as well.
        log, task = self.log, f" : {moment.task}]"
        assert wait_for_task(log, moment.server - 1, process, name=task), log.read_text(encoding="utf-8")
        wait_for_task(log, moment.server, process, moment.seconds, name=task)
        command = [DOUBLE, "crash", self.host.machine] if moment.host else ["true"]
        power = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        code = process.wait() if moment.alone else kill(process)
        assert power.wait() == 0 and code == (4 if moment.alone else -signal.SIGKILL), log.read_text(encoding="utf-8")
        self.disconnect()


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    pair = Pair(tmp_path_factory.mktemp("pair"))
    # What a session that was killed left.
    pair.stop()
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()


def test_one_run_sets_up_two_servers_with_different_databases_on_a_bare_host(pair):
    outcome, report = pair.succeed("site")
    assert {name: each["state"] for name, each in report.items()} == {"s1": "healthy", "s2": "healthy"}
    assert pair.host.inside("/bin/sh", "-c", "zfs list -H -o name | grep postgres").stdout.split() == [
        "zroot/s2/postgresql"
    ]
    outcome, _report = pair.succeed("site")
    assert outcome.changed == 0, outcome.changes
    pair.save()


@pytest.mark.parametrize("moment", MOMENTS[:KILLS], ids=lambda moment: f"{moment.playbook}: {moment.task}")
def test_the_next_run_completes(pair, moment):
    {"site": rolled_out, "upgrade": upgraded, "rollback": rolled_back, "patch": patched, "remove": removed}[
        moment.playbook
    ](pair, moment)
    outcome, _report = pair.succeed("site")
    assert outcome.changed == 0, outcome.changes
    assert pair.pots() == set(pair.host.inside("ls", "/opt/pot/jails").stdout.split()) == {"s1", "s2"}
    pair.all_goes_on()


def rolled_out(pair, moment):
    """One after the other, as if their host had lost its pots."""
    pair.restore()
    pair.host.inside("/bin/sh", "-c", "pot destroy -Fp s1; pot destroy -Fp s2")
    pair.killed(moment, (), {"matrix_canary": ["s1"], "matrix_serial": 1})
    _outcome, report = pair.succeed("site", matrix_canary=["s1"], matrix_serial=1)
    assert {each["state"] for each in report.values()} == {"healthy"}


def upgraded(pair, moment):
    pair.restore()
    for special in pair.special.values():
        special.update(NEWER)
    pair.killed(moment, (), {})
    if moment.alone:
        told = {each["server"]: each for each in json.loads(pair.report.read_text(encoding="utf-8"))["servers"]}
        assert [each["state"] for each in told.values()] == ["unreachable", "untouched"]
        assert told["s1"]["failed_at"].startswith("upgrade: ")
        assert "potluck.matrix.upgrade --limit s1 goes on with it; or choose what to go back to" in told["s1"]["next"]
    if moment.then:
        pair.succeed(moment.then)
        pair.all_goes_on()
    _outcome, report = pair.succeed("upgrade")
    # Of what was done already nothing is proven again.
    assert {each["state"] for each in report.values()} <= {"healthy", "unproven"}
    assert pair.versions() == {"s1": NEW, "s2": NEW}


def rolled_back(pair, moment):
    """Both, to snapshots as an upgrade takes them."""
    pair.restore()
    lost = {}
    for name in pair.names:
        tag = f"@upgrade-of-{name}"
        snapshots = f"zfs snapshot -r zroot/{name}{tag} zroot/pot/jails/{name}{tag}"
        pair.host.inside("/bin/sh", "-c", f"(pot stop {name}; {snapshots}; pot start {name}) >/dev/null 2>&1")
        pair.special[name]["matrix_snapshot"] = tag[1:]
    pair.wait()
    for name in pair.names:
        client, room = pair.goes_on(name), pair.kept[name][0]
        lost[name] = client.send(room, "lost")
        assert client.read(room, lost[name]) == "lost"
    pair.killed(moment, (), {})
    if moment.then:
        pair.succeed(moment.then)
        pair.all_goes_on()
    _outcome, report = pair.succeed("rollback")
    assert {each["state"] for each in report.values()} == {"healthy"}
    for name in pair.names:
        with pytest.raises(Failure, match="answered 404"):
            pair.goes_on(name).read(pair.kept[name][0], lost[name])


def patched(pair, moment):
    pair.restore()
    release = OTHER if moment.move else pair.userland("s1")
    variables = {"matrix_pot_release": release.partition("-")[0]} if moment.move else {}
    files = f"{release}-p3\n/bin/freebsd-version\n/usr/lib/libfetch.so.6\n"
    place = "/.double/run/patches"
    offer = ("/bin/sh", "-c", f"mkdir -p {place} && cat >{place}/{release}")
    pair.host.inside(*offer, input=files)
    pair.killed(moment, (), variables)
    # The mirror that a double stands for goes with its power.
    pair.host.inside(*offer, input=files)
    if moment.then:
        pair.succeed(moment.then, **variables)
        pair.all_goes_on()
    _outcome, report = pair.succeed("patch", **variables)
    assert {each["state"] for each in report.values()} <= {"healthy", "unproven"}
    assert {pair.userland(name) for name in pair.names} == {release + "-p3"}


def removed(pair, moment):
    """Of s2, which comes back from its dataset."""
    pair.restore()
    pair.killed(moment, ("--limit", "s2"), {"matrix_remove": "s2"})
    if not moment.then:
        pair.succeed("remove", "--limit", "s2", matrix_remove="s2")
        assert pair.pots() == {"s1"}
        pair.goes_on("s1")
    pair.succeed("site")
