# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way of a database from the cluster of one major version into that of another."""

from __future__ import annotations

import json
import os
import pathlib
import pwd

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._database import room
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql import beside, major
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.arrival import Arrival
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.departure import Departure
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.server import Database, Server
from hypothesis import given
from hypothesis import strategies as st

ME = pwd.getpwuid(os.getuid()).pw_name


class Machine:
    """A repository, the programs of one major version, and the clusters in a directory: {version: its rows}."""

    def __init__(self, home, programs):
        self.home, self.programs = home, programs
        self.driver, self.servers, self.version = "15", {"15", "18"}, "15"
        self.rows, self.databases, self.connected, self.fails, self.lost = "(5,3)", {"synapse"}, 0, "", False
        self.serving, self.public, self.unpacked, self.used = "", "f", [], set()
        self.cluster("15")
        self.start("15")

    def cluster(self, version):
        (self.home / f"data{version}/global").mkdir(parents=True)
        (self.home / f"data{version}/PG_VERSION").write_text(version + "\n")
        (self.home / f"data{version}/global/pg_control").write_text("made")

    def start(self, version):
        (self.home / f"data{version}/postmaster.pid").write_text("1")
        (self.home / f"data{version}/global/pg_control").write_text("in production")
        self.serving = version

    def stop(self, version):
        (self.home / f"data{version}/postmaster.pid").unlink()
        (self.home / f"data{version}/global/pg_control").write_text("shut down")
        self.serving = ""

    def upgraded(self):
        """The packages of 18 are here, and its cluster runs and is empty."""
        self.driver = self.version = "18"
        self.cluster("18")
        self.start("18")
        self.databases = set()

    def run(self, argv, timeout=0, user=None, **_more):
        name = os.path.basename(argv[0])
        if name == "tar":
            self.unpacked.append(os.path.basename(argv[3]))
            return 0, "", ""
        if name == self.fails:
            return 1, "", f"{name}: error: no space left\n"
        if name == "postgres":
            return 0, f"postgres (PostgreSQL) {self.version}.6\n", ""
        if name == "pg_ctl":
            version = argv[argv.index("-D") + 1][-2:]
            (self.start if argv[1] == "start" else self.stop)(version)
            self.used.add(os.path.dirname(argv[0]))
        elif name == "pg_dump":
            assert user.pw_name == ME and self.serving == "15"
            pathlib.Path(next(word for word in argv if word.startswith("--file="))[7:]).write_text("the rows")
        elif name == "pg_restore":
            assert pathlib.Path(argv[-1]).read_text() == "the rows" and "--role=synapse" in argv
        elif name == "psql":
            return 0, self.answer(argv), ""
        return 0, "", ""

    def answer(self, argv):
        statement = next(word for word in argv if word.startswith("--command=")).partition("=")[2]
        words = statement.split()
        if "information_schema" in statement:
            return "events\tstream_ordering\tbigint\n"
        if "pg_sequences" in statement:
            return "events_stream_seq\t5\n"
        if "found::text" in statement:
            return "events\t" + ("(4,3)" if self.lost and self.serving == "18" else self.rows) + "\n"
        if "pg_stat_activity" in statement:
            return f"{self.connected}\n"
        if "FROM pg_roles" in statement:
            return "t\tf\n"
        if statement == "SHOW data_directory":
            return f"{self.home}/data{self.serving}\n"
        if "FROM pg_database WHERE datname = " in statement:
            return f"UTF8\tC\tC\tsynapse\t{self.public}\n" if "synapse" in self.databases else ""
        if words[0] == "REVOKE":
            self.public = "f"
        elif words[:2] == ["CREATE", "DATABASE"]:
            self.public = "t"
            self.databases.add(words[2])
        elif words[:2] == ["DROP", "DATABASE"]:
            self.databases.discard(words[4])
        elif words[:2] == ["ALTER", "DATABASE"]:
            self.databases.remove(words[2])
            self.databases.add(words[5])
        return ""

    # --- as the module pkg asks ---

    def pkg_run(self, verb, *arguments):
        if verb == "fetch":
            place = pathlib.Path(arguments[arguments.index("-o") + 1], "All/Hashed")
            place.mkdir(parents=True)
            for name in arguments[-2:]:
                if name[len("postgresql") :].split("-")[0] in self.servers:
                    (place / f"{name}-1~0123456789.pkg").touch()
                    (place.parent / f"{name}-1.pkg").symlink_to(place / f"{name}-1~0123456789.pkg")
            return 0, "", "pkg: no packages available"
        return 0, f"python311\npostgresql{self.driver}-client\n", ""

    def versions(self, _query, names):
        return {name: "1" for name in names if name[len("postgresql") :].split("-")[0] in self.servers}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "free", lambda path: 1 << 40)
    monkeypatch.setattr(beside, "PLACE", str(tmp_path / "beside"))
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "postgres").touch()
    return Machine(tmp_path / "postgres", programs)


def departure(machine, version=""):
    class Pkg:
        run, versions = staticmethod(machine.pkg_run), staticmethod(machine.versions)

    params = {
        "home": str(machine.home),
        "owner": ME,
        "driver": "py311-psycopg2",
        "version": version,
        "log": "/dev/null",
        "programs": str(machine.programs),
        "name": "synapse",
        "account": "synapse",
        "socket_directory": "/socket",
    }
    return Departure(params, Server(machine, "/socket", "psql"), Pkg, machine)


def arrive(machine, check=False, keep=True):
    arrival = Arrival(machine, str(machine.home), machine.version, ME, str(machine.programs))
    database = Database(Server(machine, "/socket", "psql"), "synapse", "synapse", check, arrival, keep)
    database.ensure()
    return database.actions


def test_nothing_is_done_while_the_repository_stays(machine):
    one = departure(machine)
    assert (one.former, one.target, one.needed, one.dump()) == ("15", "15", False, False)
    assert machine.serving == "15" and not (machine.home / "upgrade").exists()


def test_the_whole_way(machine):
    machine.driver = "18"
    one = departure(machine)
    assert one.needed and not one.dumped and one.dump() and one.dumped
    assert machine.serving == "" and not departure(machine).dump()
    machine.upgraded()
    before = (machine.home / "data15/global/pg_control").read_text()
    predicted = arrive(machine, check=True)
    assert predicted[0].startswith("restore synapse from ") and not machine.databases
    actions = arrive(machine)
    assert machine.databases == {"synapse"} and actions == [*predicted, f"remove {machine.home}/upgrade"]
    assert sorted(path.name for path in machine.home.iterdir()) == ["data15", "data18"]
    assert (machine.home / "data15/global/pg_control").read_text() == before
    assert arrive(machine) == [] and departure(machine).former == "18"
    assert arrive(machine, check=True, keep=False) == [f"remove {machine.home}/data15"]
    assert (machine.home / "data15").exists()
    assert arrive(machine, keep=False) == [f"remove {machine.home}/data15"] and arrive(machine, keep=False) == []
    assert [path.name for path in machine.home.iterdir()] == ["data18"]


def test_a_server_that_does_not_run_is_started_for_it(machine):
    machine.stop("15")
    machine.driver = "18"
    assert departure(machine).dump() and machine.serving == ""


def test_programs_that_are_gone_are_fetched_and_unpacked_beside_the_others(machine):
    machine.driver = machine.version = "18"
    assert departure(machine).dump() and machine.serving == ""
    assert machine.unpacked == ["postgresql15-client-1~0123456789.pkg", "postgresql15-server-1~0123456789.pkg"]
    assert machine.used == {beside.PLACE + "15/usr/local/bin"} and not os.path.exists(beside.PLACE + "15")
    machine.upgraded()
    arrive(machine)
    assert machine.databases == {"synapse"}


def test_what_the_old_cluster_has_gone_on_from_counts_no_longer(machine):
    machine.driver = "18"
    departure(machine).dump()
    machine.start("15")
    assert not departure(machine).dumped
    machine.driver = "15"
    assert arrive(machine) == [f"remove {machine.home}/upgrade"]


def test_what_is_not_the_same_gets_no_name(machine):
    machine.driver = "18"
    departure(machine).dump()
    machine.upgraded()
    machine.lost = True
    with pytest.raises(Sentence, match="does not hold the same as 15 in events") as refusal:
        arrive(machine)
    assert refusal.value.part == "upgrade" and machine.databases == {"synapse_upgrade"}
    machine.lost = False
    arrive(machine)
    assert machine.databases == {"synapse"}


@pytest.mark.parametrize("program", ["pg_dump", "pg_ctl", "pg_restore"])
def test_a_program_that_fails_has_the_word(machine, program):
    machine.driver, machine.fails = "18", program
    if program == "pg_restore":
        departure(machine).dump()
        machine.upgraded()
    with pytest.raises(Sentence, match=f"{program} of PostgreSQL .* fails: {program}: error: no space left"):
        arrive(machine) if program == "pg_restore" else departure(machine).dump()
    assert "synapse" not in machine.databases or machine.serving == "15"


@pytest.mark.parametrize(
    "part, words, changes, version",
    [
        ("version", "it says 15", {}, "15"),
        ("repository", "which is older", {"driver": "14"}, ""),
        ("repository", "it has no postgresql18-server", {"servers": {"15"}}, ""),
        ("running", "has to be stopped", {"connected": 10}, ""),
        ("repository", "does not give its programs", {"version": "18", "servers": {"18"}}, ""),
    ],
)
def test_what_is_in_the_way_is_said(machine, part, words, changes, version):
    vars(machine).update({"driver": "18", **changes})
    with pytest.raises(Sentence, match=words) as refusal:
        departure(machine, version).dump()
    assert refusal.value.part == part and machine.serving == "15" and not (machine.home / "upgrade").exists()


def test_a_full_dataset_is_said_before_anything_is_stopped(machine, monkeypatch):
    machine.driver = "18"
    monkeypatch.setattr(room, "free", lambda path: major.RESERVE)
    with pytest.raises(Sentence, match="are needed to bring a cluster") as refusal:
        departure(machine).judge()
    assert refusal.value.part == "space" and machine.serving == "15"


def test_nothing_is_removed_beside_a_server_of_another_cluster(machine):
    machine.cluster("18")
    machine.version = "18"
    with pytest.raises(Sentence, match="so nothing is removed"):
        arrive(machine, keep=False)
    assert (machine.home / "data15").exists()


def judged(machine, version):
    """What the module postgresql_cluster asks."""
    try:
        major.require_successor(major.Luggage(str(machine.home), ME), version)
    except Sentence as refusal:
        return f"{refusal.part}: {refusal}"
    return ""


def test_no_cluster_is_made_beside_one_whose_data_have_not_left(machine):
    assert judged(machine, "15") == ""
    assert judged(machine, "18").startswith("former: ")
    machine.driver = "18"
    departure(machine).dump()
    assert judged(machine, "18") == ""
    machine.upgraded()
    assert judged(machine, "18") == "" == judged(machine, "15")
    arrive(machine)
    assert judged(machine, "18") == ""
    assert judged(machine, "15").startswith("version: ") and "cannot read them" in judged(machine, "15")


@given(
    st.builds(
        major.Manifest,
        st.integers(1, 99).map(str),
        st.text(min_size=1),
        st.text(min_size=1),
        st.dictionaries(st.text(), st.text()),
    )
)
def test_a_manifest_is_read_as_it_was_written(manifest):
    assert major.parse(json.dumps(vars(manifest))) == manifest


KEYS = st.sampled_from(["former", "database", "control", "sums"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
)


@given(VALUES.map(json.dumps) | st.text())
def test_anything_else_is_no_manifest(text):
    try:
        found = major.parse(text)
    except ValueError:
        return
    assert found.former.isdigit() and isinstance(found.sums, dict)
