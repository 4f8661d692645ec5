# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver on SQLite that is given a PostgreSQL elsewhere. In their order: what goes wrong comes first."""

from __future__ import annotations

import base64
import contextlib
import re
import socket
import subprocess
import threading

import pytest
from deployment import NEIGHBOURS, run

from ..site.conftest import LATEST, Writer, snapshots
from .conftest import EXTERNAL, Conversation, patiently

DATA = "/mnt/matrixdata/matrix-synapse"
CONFIG = "/usr/local/etc/matrix-synapse"
DUMP = DATA + "-dump/before-upgrade.dump"
DRIVER = "/usr/local/lib/python3.11/site-packages/psycopg2"
# What a PostgreSQL says to a client that it lets in without a password, up to the first question.
OLD = (
    b"R\0\0\0\x08\0\0\0\0"
    + b"".join(
        b"S" + (len(name) + len(value) + 6).to_bytes(4, "big") + name + b"\0" + value + b"\0"
        for name, value in (
            (b"server_version", b"13.11"),
            (b"client_encoding", b"UTF8"),
            (b"DateStyle", b"ISO, MDY"),
            (b"standard_conforming_strings", b"on"),
        )
    )
    + b"K\0\0\0\x0c\0\0\0\x01\0\0\0\x01"
    + b"Z\0\0\0\x05I"
)


@pytest.fixture(scope="module")
def conversation(external):
    """What is said before, between and after all of it."""
    found = Conversation(external)
    found.say("in SQLite")
    return found


@contextlib.contextmanager
def an_old_server():
    """Says that it is PostgreSQL 13, at the port it answers with."""

    def serve(listener):
        with contextlib.suppress(OSError):
            while True:
                client = listener.accept()[0]
                with client:
                    client.recv(4096)
                    client.sendall(OLD)
                    client.recv(4096)

    with socket.create_server((EXTERNAL, 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1]


def test_what_synapse_must_not_have_is_refused_and_it_runs_on(external, conversation):
    for statement in (
        "CREATE DATABASE latin OWNER synapse TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'",
        "CREATE DATABASE sorted OWNER synapse TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'",
        "CREATE DATABASE theirs",
        "CREATE DATABASE others OWNER synapse",
        "CREATE DATABASE used OWNER synapse",
        "CREATE DATABASE closed",
        "REVOKE ALL ON DATABASE closed FROM PUBLIC",
    ):
        external.query(statement, "postgres")
    external.query("CREATE TABLE users (name text); ALTER TABLE users OWNER TO synapse", "others")
    external.query("INSERT INTO users VALUES ('@alice:other.test')", "others")
    run(NEIGHBOURS / "ca", "make", external.place / "foreign")
    good = external.elsewhere()
    psql = ["/usr/bin/env", f"PGPASSWORD={good['password']}", "PGAPPNAME=", "psql", "-qAt"]
    psql += [f"postgresql://synapse@{EXTERNAL}/used?sslmode=require", "-c", "SELECT 1", "-c", "SELECT pg_sleep(600)"]
    with an_old_server() as port, subprocess.Popen(psql, stdout=subprocess.PIPE, text=True) as second:
        try:
            assert second.stdout.readline() == "1\n"
            ways = {
                "down": ({"port": 5433}, "host: PostgreSQL at 10.199.0.15, port 5433, does not answer the pot"),
                "password": ({"password": "wrong"}, "password: PostgreSQL at 10.199.0.15, port 5432, refuses the"),
                "name": ({"name": "nothing"}, "name: PostgreSQL at 10.199.0.15, port 5432, has no database nothing"),
                "closed": ({"name": "closed"}, "user: PostgreSQL at 10.199.0.15, port 5432, does not let synapse"),
                "encoding": ({"name": "latin"}, "name: the database latin has the encoding SQL_ASCII"),
                "collation": ({"name": "sorted"}, "name: the database sorted has the collation and the character type"),
                "old": (
                    {"port": port, "sslmode": "disable", "sslrootcert": ""},
                    "host: PostgreSQL there is 13.11, and Synapse needs 14 or newer",
                ),
                "rights": ({"name": "theirs"}, "user: synapse has no right to make tables in the database theirs"),
                "another's": ({"name": "others"}, "name: the database others is the one of the homeserver other.test"),
                "authority": (
                    {"sslrootcert": str(external.place / "foreign/ca.crt")},
                    "sslrootcert: PostgreSQL at 10.199.0.15, port 5432, has a certificate that comes from none of",
                ),
                "no TLS": (
                    {"sslmode": "disable", "sslrootcert": ""},
                    "sslmode: PostgreSQL at 10.199.0.15, port 5432, lets nobody in without TLS",
                ),
                "second": ({"name": "used"}, "name: another client than this pot's Synapse is connected"),
                "driver": ({}, "matrix_database: this Python has no psycopg2"),
            }
            asked = [{"name": name, "database": {**good, **more}} for name, (more, _words) in ways.items()]
            asked[-1].update(before=["mv", DRIVER, DRIVER + ".away"], after=["mv", DRIVER + ".away", DRIVER])
            before = external.synapse()
            # The driver that there would be by then; nothing else comes of a run that is refused.
            done = external.play(matrix_database={**good, "password": "not the right one"})
            assert done.code != 0 and "matrix_database.password: PostgreSQL at" in done.words, done
            assert external.synapse() == before and "not the right one" not in done.output
            said = external.ask(asked)
        finally:
            second.kill()
    assert set(said) == set(ways)
    for name, (_more, words) in ways.items():
        sentence, pid = said[name]
        assert sentence.startswith(words if words.startswith("matrix_database") else "matrix_database." + words), said
        assert "\n" not in sentence and pid == before, said
    conversation.all_there()
    for database in ("synapse", "used"):
        assert external.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'", database) == "0"


def test_a_dry_run_leaves_all_as_it_is(external, conversation):
    before = external.synapse()
    done = external.succeed("--check", "--diff", matrix_database=external.elsewhere())
    assert done.changed > 0 and external.elsewhere()["password"] not in done.output
    assert external.synapse() == before
    assert external.query("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == "0"


@pytest.mark.thorough
def test_the_data_are_moved_there(external, conversation):
    wanted = {"matrix_database": external.elsewhere()}
    done = external.succeed("--diff", **wanted)
    assert wanted["matrix_database"]["password"] not in done.output
    conversation.all_there()
    conversation.say("in a PostgreSQL elsewhere")
    external.succeed(changed=0, **wanted)
    external.succeed("--check", "--diff", changed=0, **wanted)
    conversation.all_there()
    for event, _text in conversation.events:
        assert external.query(f"SELECT count(*) FROM events WHERE event_id = '{event}'") == "1"
    assert external.query("SELECT server_name FROM potluck_homeserver") == external.domain
    assert (
        external.query(
            "SELECT count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl"
            " AND application_name = 'matrix-synapse site1'"
        )
        == "t"
    )
    assert external.read(DATA + "/database") == "elsewhere\n"
    modes = external.inside(
        "stat",
        "-f",
        "%Lp %Su",
        CONFIG + "/database.pass",
        CONFIG + "/database-ca.pem",
        CONFIG + "/database.service",
        pot=external.machine,
    ).stdout.splitlines()
    assert modes == ["600 synapse", "644 root", "640 root"]
    running = external.inside("ps", "axww", "-o", "command", pot=external.machine).stdout
    assert wanted["matrix_database"]["password"] not in running


@pytest.mark.thorough
def test_it_is_dumped_and_brought_back(external, conversation):
    """By the module, and as the guide says."""
    assert external.by_itself("dump.yml", wanted="present").changed == 1
    assert external.by_itself("dump.yml", wanted="present").changed == 0
    service = f"PGSERVICEFILE={CONFIG}/database.service"
    external.inside(
        "jexec",
        "-l",
        external.machine,
        "env",
        service,
        "pg_dump",
        "-Fc",
        "--file=/root/synapse.dump",
        "service=synapse",
    )
    listed = external.inside("/usr/local/bin/pg_restore", "--list", "/root/synapse.dump", pot=external.machine).stdout
    assert "TABLE DATA public events synapse" in listed
    external.inside("service", "synapse", "stop", pot=external.machine)
    # What a newer Synapse might do, of which the dump knows nothing.
    external.query("SET ROLE synapse; DELETE FROM event_json; CREATE TABLE newer (id text REFERENCES users (name))")
    assert external.by_itself("dump.yml", wanted="restored").changed == 1
    assert external.query("SELECT count(*) FROM pg_tables WHERE tablename = 'newer'") == "0"
    external.inside("service", "synapse", "start", pot=external.machine)
    external.wait()
    conversation.client = external.client()
    patiently(conversation.client.use_token, conversation.token)
    conversation.all_there()
    conversation.say("after it was brought back")
    conversation.all_there()


def version(external):
    return external.client().call("GET", "/_matrix/federation/v1/version").json()["server"]["version"]


@pytest.mark.thorough
def test_an_upgrade_that_cannot_dump_it_changes_nothing(external, conversation):
    before, taken = external.synapse(), snapshots(external)
    external.query("CREATE TABLE private (id text)")
    try:
        done = external.play(playbook="upgrade", matrix_database=external.elsewhere(), matrix_pkg_repository_url=LATEST)
    finally:
        external.query("DROP TABLE private")
    assert done.code != 0 and "matrix_database: pg_dump: " in done.words, done
    assert "permission denied for table private" in done.words and "say dump: false" in done.words, done
    assert "The pot runs. Nothing was upgraded." in done.words, done
    assert (external.synapse(), snapshots(external)) == (before, taken)
    conversation.all_there()


@pytest.mark.thorough
def test_an_upgrade_that_fails_leaves_it_as_it_is(external, conversation):
    """With a configuration that Synapse refuses, which is seen when the packages are upgraded already."""
    with Writer(external, conversation.token, 3) as writer:
        done = external.play(
            playbook="upgrade",
            matrix_database=external.elsewhere(),
            matrix_pkg_repository_url=LATEST,
            synapse_settings={"app_service_config_files": ["/usr/local/etc/no-such-bridge.yaml"]},
        )
    assert done.code == 2 and version(external) == "1.135.0", done
    assert "no-such-bridge.yaml" in done.words and "went back to upgrade-" in done.words, done
    lost = "0 events and 0 media in the database, 1 files in the directory of media"
    assert f"Lost is what was written in between: {lost}." in done.words, done
    # What people wrote is where they wrote it, but for the file, whose bytes were on the dataset.
    for number, event in enumerate(writer.lost):
        assert patiently(conversation.client.read, writer.room, event) == f"lost {number}"
    conversation.all_there()


@pytest.mark.thorough
def test_an_upgrade_dumps_it_into_the_snapshot(external, conversation):
    conversation.say("before the upgrade")
    before = snapshots(external)
    wanted = {"matrix_database": external.elsewhere(), "matrix_pkg_repository_url": LATEST}
    external.succeed(playbook="upgrade", **wanted)
    assert version(external) == "1.163.2"
    conversation.say("after the upgrade")
    conversation.all_there()
    (tag,) = {name.partition("@")[2] for name in snapshots(external) - before}
    # As on another day: not the file that is there now, but the one in the snapshot.
    external.inside("rm", DUMP, pot=external.machine)
    external.inside("zfs", "clone", f"zroot/matrixdata@{tag}", "zroot/before")
    try:
        dump = external.place / "before.dump"
        mounted = external.inside("zfs", "get", "-H", "-o", "value", "mountpoint", "zroot/before").stdout.strip()
        file = mounted + "/matrixdata" + DUMP.removeprefix("/mnt/matrixdata")
        encoded = external.inside("/.double/usr/bin/base64", file).stdout
        dump.write_bytes(base64.b64decode(encoded))
    finally:
        external.inside("zfs", "destroy", "zroot/before")
    external.query("CREATE DATABASE looked OWNER synapse", "postgres")
    where = external.elsewhere()
    url = f"postgresql://synapse@{where['host']}/looked?sslmode=require"
    run("/usr/bin/env", f"PGPASSWORD={where['password']}", "pg_restore", "--no-owner", f"--dbname={url}", dump)
    said = {text: event for event, text in conversation.events}
    body = "SELECT json::json -> 'content' ->> 'body' FROM event_json WHERE event_id = "
    assert external.query(f"{body}'{said['before the upgrade']}'", "looked") == "before the upgrade"
    assert external.query(f"{body}'{said['after the upgrade']}'", "looked") == ""
    assert external.query(f"{body}'{said['after the upgrade']}'") == "after the upgrade"


@pytest.mark.thorough
def test_what_the_former_synapse_cannot_use_goes_back_from_the_dump(external, conversation):
    (tag, *_others) = sorted({name.partition("@")[2] for name in snapshots(external)}, reverse=True)
    wanted = {"matrix_database": external.elsewhere(), "matrix_pkg_repository_url": LATEST}
    # What a later Synapse than this one might have done.
    external.query("SET ROLE synapse; UPDATE schema_compat_version SET compat_version = 93")
    external.query("SET ROLE synapse; CREATE TABLE newer (id text REFERENCES users (name))")
    back = ["-e", f"matrix_snapshot={tag}"]
    done = external.play(*back, playbook="rollback", **wanted)
    assert done.code != 0 and version(external) == "1.163.2", done
    told = re.search(r"rollback --limit site1 -e matrix_snapshot=\S+ (-e upgrade_restore_database=true)", done.words)
    assert told, done
    foretold = external.succeed("--check", *back, *told.group(1).split(), playbook="rollback", **wanted)
    assert re.search("Going back would lose .* [1-9][0-9]* events", foretold.words), foretold
    assert version(external) == "1.163.2"
    external.inside("zfs", "snapshot", "zroot/matrixdata@later")
    force = ["-e", "upgrade_force_newer=true"]
    external.succeed(*back, *told.group(1).split(), *force, playbook="rollback", **wanted)
    assert version(external) == "1.135.0"
    assert external.query("SELECT count(*) FROM pg_tables WHERE tablename = 'newer'") == "0"
    later = conversation.events.pop()[0]
    conversation.all_there()
    with pytest.raises(AssertionError, match="404"):
        conversation.client.read(conversation.room, later)
    conversation.say("after going back")
    external.succeed("--tags", "pot_jail", matrix_database=external.elsewhere())
    external.succeed(changed=0, matrix_database=external.elsewhere())


@pytest.mark.thorough
def test_another_one_is_refused_and_it_runs_on(external, conversation):
    before, good = external.synapse(), external.elsewhere()
    ways = {"empty": {**good, "name": "empty"}, "password": {**good, "password": "wrong"}}
    external.query("CREATE DATABASE empty OWNER synapse", "postgres")
    said = external.ask([{"name": name, "database": database} for name, database in ways.items()])
    assert {pid for _sentence, pid in said.values()} == {before}
    assert "is empty, and this homeserver's data are in another one already" in said["empty"][0]
    assert said["password"][0].startswith("matrix_database.password: ")
    done = external.play(matrix_database="postgresql")
    assert done.code != 0 and "matrix_database" in done.words and "pg_dump and pg_restore" in done.words, done
    assert external.synapse() == before
    conversation.all_there()


@pytest.mark.thorough
def test_verify_notices_that_it_is_gone(external, conversation):
    wanted = {"matrix_database": external.elsewhere()}
    external.succeed(playbook="verify", **wanted)
    external.database("pause")
    try:
        done = external.play(playbook="verify", **wanted, verify_attempts=1)
        assert done.code != 0, done
        assert "Synapse's account reaches its database elsewhere: no" in done.words, done
        assert (
            "Connection refused" in done.words
            and "(look at matrix_database, then run site with --tags synapse)" in done.words
        ), done
    finally:
        external.database("resume")
    patiently(conversation.say, "after it was gone")
    conversation.all_there()


@pytest.mark.thorough
def test_a_new_homeserver_begins_there(external):
    """In the place of the one that there was, of which nothing is left."""
    external.query("CREATE DATABASE fresh OWNER synapse", "postgres")
    external.inside("service", "synapse", "stop", pot=external.machine)
    external.inside(
        "/bin/sh", "-c", f"rm -rf {DATA} {DATA}-move /mnt/matrixdata/media_store {CONFIG}", pot=external.machine
    )
    external.inside("zfs", "inherit", "potluck.matrix:homeserver", "zroot/matrixdata")
    wanted = {"matrix_database": external.elsewhere(name="fresh")}
    external.succeed(**wanted)
    external.succeed(changed=0, **wanted)
    assert external.read(DATA + "/database") == "elsewhere\n"
    assert "matrix_homeserver.db" not in external.inside("ls", DATA, pot=external.machine).stdout
    assert external.query("SELECT server_name FROM potluck_homeserver", "fresh") == external.domain
