# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver with matrix_database: postgresql: what it does, who gets in, and what it lives through."""

from __future__ import annotations

import contextlib
import re
import threading
import time

import pytest

from ..site.conftest import LATEST, Writer
from .conftest import CLUSTER, SOCKET, patiently


def test_a_conversation_is_in_postgresql(database, conversation):
    conversation.say("kept by PostgreSQL")
    conversation.all_there()
    event = conversation.events[0][0]
    assert database.query(f"SELECT count(*) FROM events WHERE event_id = '{event}'") == "1"
    encoding = "SELECT pg_encoding_to_char(encoding) || ' ' || datcollate || ' ' || datctype FROM pg_database"
    assert database.query(f"{encoding} WHERE datname = 'synapse'") == "UTF8 C C"
    assert database.query("SHOW data_checksums") == "on"
    # Whatever the login class says: su(1) starts the server with C.UTF-8.
    assert database.query("SHOW lc_messages") == "C"
    assert database.read("/mnt/matrixdata/matrix-synapse/database") == "postgresql\n"
    sqlite = database.inside("ls", "/mnt/matrixdata/matrix-synapse", pot=database.machine).stdout
    assert "matrix_homeserver.db" not in sqlite


def test_the_cluster_is_on_a_dataset_below_the_homeservers(database):
    names = "recordsize,compression,atime,logbias,primarycache,setuid,exec,mountpoint"
    found = database.inside("zfs", "get", "-H", "-o", "value", names, "zroot/matrixdata/postgresql").stdout.split()
    assert found == ["16K", "lz4", "off", "latency", "all", "off", "off", "/mnt/matrixdata-postgresql"]
    mounted = [line.split()[:3] for line in database.inside("mount", "-p").stdout.splitlines()]
    assert ["/mnt/matrixdata-postgresql", f"/opt/pot/jails/{database.machine}/m/var/db/postgres", "nullfs"] in mounted


def test_a_second_run_and_a_dry_one_change_nothing(database):
    database.succeed(changed=0)
    database.succeed("--check", "--diff", changed=0)


def test_nobody_else_gets_in(database):
    assert database.query("SELECT 1", "synapse", "synapse") == "1"
    # Without Synapse's group the socket is out of reach; a role of another name is not one's own.
    assert "ermission denied" in database.query("SELECT 1", "www", "synapse")
    assert re.search("[Pp]eer authentication failed|no pg_hba.conf entry", database.query("SELECT 1", "synapse"))
    assert "no pg_hba.conf entry" in database.query("SELECT 1", "synapse", "synapse", "postgres")
    for account in ("www", "synapse"):
        for path in (CLUSTER, CLUSTER + "/PG_VERSION", "/var/log/postgresql/postgresql.log"):
            done = database.as_account(account, "/bin/cat", path)
            assert done.returncode != 0 and "ermission denied" in done.stderr, (account, path, done)
    listening = database.inside("sockstat", "-l", "-P", "tcp", pot=database.machine).stdout
    assert ":5432" not in listening
    modes = database.inside("stat", "-f", "%Lp %Su %Sg", CLUSTER, SOCKET, pot=database.machine).stdout.splitlines()
    assert modes == ["700 postgres postgres", "750 postgres synapse"]


def test_settings_reload_or_restart_once(database, conversation):
    before, former = database.postmaster(), database.synapse()
    changed = {"work_mem": "6MB"}
    done = database.roles("postgresql", matrix_postgresql_settings=changed)
    assert (done.code, done.changed) == (0, 2), done
    assert database.query("SHOW work_mem") == "6MB" and database.postmaster() == before
    changed["max_connections"] = 60
    done = database.roles("postgresql", matrix_postgresql_settings=changed)
    assert (done.code, done.changed) == (0, 2), done
    after = database.postmaster()
    assert database.query("SHOW max_connections") == "60" and after != before
    done = database.roles("postgresql", matrix_postgresql_settings=changed)
    assert (done.code, done.changed, database.postmaster()) == (0, 0, after), done
    # Those runs had nothing to do with Synapse, which a run of all roles would have restarted, and which cron restarts.
    database.follow(former)
    patiently(conversation.say, "after the restart")
    former = database.synapse()
    done = database.play(matrix_postgresql_settings={"max_connections": 61})
    # Its configuration, PostgreSQL, and Synapse.
    assert (done.code, done.changed) == (0, 3) and database.synapse() != former, done
    patiently(conversation.say, "after the run of all roles")
    conversation.all_there()


def test_a_room_opens_when_postgresql_was_cut_off_in_the_middle_of_a_message(database, conversation):
    """What Synapse has noted of a message on its way, it itself removes at its start alone."""
    conversation.say("before it")
    noted = "state_groups_persisting"
    database.query(
        f"INSERT INTO {noted} (state_group, instance_name) SELECT state_group, 'master' FROM event_to_state_groups "
        f"WHERE event_id = '{conversation.events[-1][0]}'"
    )
    with pytest.raises(AssertionError, match="answered 500"):
        conversation.say("the room is shut")
    process = database.synapse()
    database.inside("pkill", "-9", "-f", "^postgres: synapse", pot=database.machine)
    patiently(lambda: int(database.query("SELECT 1")))
    database.follow(process)
    database.wait()
    assert database.query(f"SELECT count(*) FROM {noted}") == "0"
    patiently(conversation.say, "the room is open")
    process = database.synapse()
    database.revive()
    assert database.synapse() == process


def test_bad_settings_leave_the_server_alone(database):
    before = database.postmaster()
    for settings, words in (
        ({"work_memm": "6MB"}, "work_memm"),
        ({"work_mem": "plenty"}, "work_mem"),
        ({"listen_addresses": "*"}, "sets listen_addresses, which cannot be set here"),
        # Each is right by itself.
        ({"superuser_reserved_connections": 60, "max_connections": 40}, "superuser_reserved_connections"),
    ):
        done = database.roles("postgresql", matrix_postgresql_settings=settings)
        assert done.code != 0 and words in done.words and "matrix_postgresql_settings" in done.words, done
        assert (database.postmaster(), database.query("SELECT 1")) == (before, "1")
    # That there is not so much memory only a start shows.
    done = database.roles("postgresql", matrix_postgresql_settings={"shared_buffers": "8000GB"})
    assert done.code != 0 and "the former configuration is back" in done.words, done
    assert database.query("SELECT 1") == "1"
    done = database.roles("postgresql")
    assert done.code == 0, done


def test_the_way_back_is_refused_before_anything_is_touched(database):
    before, jail = database.postmaster(), database.jid()
    done = database.play(matrix_database="sqlite")
    assert done.code != 0 and "matrix_database" in done.words and "no way back to sqlite" in done.words, done
    assert (database.postmaster(), database.jid()) == (before, jail)
    done = database.play(matrix_database={"host": "10.0.0.9"})
    assert done.code != 0 and "matrix_database" in done.words and "password" in done.words, done


def test_no_acknowledged_message_is_lost(database, conversation):
    """A process of PostgreSQL is killed, then the first of them and Synapse, then the host, each while a client writes.
    Nobody starts anything again.
    """

    def kill_one():
        # The others see that it may have damaged what they share, and begin anew.
        database.inside("pkill", "-9", "-f", "^postgres: synapse", pot=database.machine)

    def kill_both():
        # As the system does it when no memory is left.
        database.inside("kill", "-9", database.postmaster(), pot=database.machine)
        database.inside("pkill", "-9", "-f", "synapse.app.homeserver", pot=database.machine)

    def kill_host():
        database.power("crash")

    for kill, least in ((kill_one, 5), (kill_both, 10), (kill_host, 15)):
        stop = threading.Event()

        def write(stop=stop):
            while not stop.is_set():
                with contextlib.suppress(AssertionError, OSError):
                    conversation.say(f"message {len(conversation.events)}")
                time.sleep(0.05)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            deadline = time.monotonic() + 60
            while len(conversation.events) < least and time.monotonic() < deadline:
                time.sleep(0.1)
            kill()
        finally:
            stop.set()
            writer.join()
        # cron(8) looks once a minute.
        database.wait(150)
        conversation.client = database.client()
        patiently(conversation.client.use_token, conversation.token)
        assert len(conversation.events) >= least
        conversation.all_there()
        patiently(conversation.say, "life goes on", seconds=200)
    assert "database system was not properly shut down" in database.read("/var/log/postgresql/postgresql.log")


def test_it_starts_before_synapse_and_stops_after_it(database, conversation):
    order = database.inside("/bin/sh", "-c", "rcorder /etc/rc.d/* /usr/local/etc/rc.d/*", pot=database.machine).stdout
    assert order.index("/postgresql\n") < order.index("/synapse\n")
    patiently(conversation.say, "before the reboot")
    log = "/var/log/postgresql/postgresql.log"
    length = len(database.read(log))
    database.power("reboot")
    database.wait()
    conversation.all_there()
    new = database.read(log)[length:]
    assert "database system is shut down" in new
    assert "not properly shut down" not in new and "terminating connection due to administrator" not in new


def test_metrics_and_rotation(database):
    database.inside("/usr/local/libexec/matrix-postgresql-measure", pot=database.machine)
    metrics = database.read("/var/db/node_exporter/matrix_postgresql.prom")
    values = dict(line.split() for line in metrics.splitlines() if not line.startswith("#"))
    names = ("up", "size_bytes", "connections", "oldest_transaction_seconds")
    names += ("checkpoint_timestamp_seconds", "vacuum_timestamp_seconds")
    assert list(values) == ["matrix_postgresql_" + name for name in names]
    assert float(values["matrix_postgresql_size_bytes"]) > 1e6
    assert float(values["matrix_postgresql_connections"]) >= 1
    assert abs(float(values["matrix_postgresql_checkpoint_timestamp_seconds"]) - time.time()) < 3600
    database.inside("newsyslog", "-F", "/var/log/postgresql/postgresql.log", pot=database.machine)
    database.query("SELECT 1 FROM no_such_table")
    deadline = time.monotonic() + 10
    while "no_such_table" not in database.read("/var/log/postgresql/postgresql.log"):
        assert time.monotonic() < deadline, "the log goes on in the file that was moved away"
        time.sleep(0.2)


@pytest.mark.thorough
def test_verify_says_that_the_database_does_not_answer(database):
    database.succeed(playbook="verify")
    database.inside("service", "postgresql", "onestop", pot=database.machine)
    # What is stopped stays so.
    database.revive()
    try:
        done = database.play(playbook="verify")
        assert done.code != 0 and "PostgreSQL runs: no" in done.words, done
    finally:
        database.inside("service", "postgresql", "onestart", pot=database.machine)
        database.revive()
    # A rule that shuts Synapse out is another thing than a server that is down.
    rules = CLUSTER + "/pg_hba.conf"
    shut = f"printf 'local synapse synapse reject\\n' | cat - {rules} >/root/rules && cat /root/rules >{rules}"
    database.inside("/bin/sh", "-c", shut, pot=database.machine)
    database.inside("service", "postgresql", "onereload", pot=database.machine)
    try:
        done = database.play(playbook="verify")
        assert done.code != 0 and "Synapse's account reaches its database: no" in done.words, done
    finally:
        database.succeed("--tags", "postgresql", changed=2)
    database.succeed(playbook="verify")


@pytest.mark.thorough
def test_a_failed_upgrade_takes_the_database_back(database, conversation):
    """With a configuration that Synapse refuses, which is seen when the packages are upgraded already."""
    conversation.say("before the upgrade")
    with Writer(database, conversation.token, 5) as writer:
        outcome = database.play(
            playbook="upgrade",
            matrix_pkg_repository_url=LATEST,
            synapse_settings={"app_service_config_files": ["/usr/local/etc/no-such-bridge.yaml"]},
        )
    assert outcome.code == 2 and "no-such-bridge.yaml" in outcome.words, outcome
    lost = "5 events and 1 media in the database, 1 files in the directory of media"
    assert f"Lost is what was written in between: {lost}." in outcome.words, outcome
    conversation.all_there()
    writer.is_where_it_was()
    assert database.query(f"SELECT count(*) FROM events WHERE event_id IN ('{writer.lost[0]}', '{writer.kept}')") == "1"
    assert database.query("SELECT count(*) FROM rooms WHERE creator LIKE '@potluck-proof-%'") == "0"
    database.succeed(matrix_pkg_repository_url=LATEST, changed=0)
