# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of the file and of the database, with programs that do as they are told."""

from __future__ import annotations

import json
import os
import pwd

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._database import dump
from ansible_collections.potluck.matrix.plugins.modules import postgresql_dump

LISTED = """;
; Archive created at 2026-01-01 00:00:00 UTC
;     Format: CUSTOM
;
215; 1259 16390 TABLE public events synapse
3411; 0 16390 TABLE DATA public events synapse
3412; 0 16395 TABLE DATA public users synapse
3270; 2606 16394 CONSTRAINT public users users_pkey synapse
"""
# What each program does, its words in $*: it fails when there is a file of its name in the directory of the test.
PROGRAM = """#!/bin/sh
echo "$(basename "$0") $* $PGSERVICEFILE" >>{top}/log
if [ "$(basename "$0")" = psql ]; then cat >{top}/sql; fi
if [ -e {top}/$(basename "$0") ]; then cat {top}/$(basename "$0") >&2; exit 1; fi
case "$(basename "$0") $*" in
pg_dump*) for word; do case $word in --file=*) echo archive >"${{word#--file=}}";; esac; done;;
*--list*) cat {top}/listed;;
pg_restore*) echo 'CREATE TABLE events ();'; [ ! -e {top}/half ] || exit 1;;
esac
"""


@pytest.fixture
def world(tmp_path, capsys):
    """Runs the module with programs in C(tmp_path)/bin."""
    (tmp_path / "bin").mkdir()
    for name in ("pg_dump", "pg_restore", "psql"):
        (tmp_path / "bin" / name).write_text(PROGRAM.format(top=tmp_path))
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "listed").write_text(LISTED)

    def run(state="present", check=False):
        arguments = {
            "state": state,
            "path": str(tmp_path / "dumps/one.dump"),
            "service_file": "/a/service",
            "user": pwd.getpwuid(os.getuid()).pw_name,
            "programs": str(tmp_path / "bin"),
            "_ansible_check_mode": check,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
        }
        basic._ANSIBLE_ARGS = None
        with patch_module_args(arguments), pytest.raises(SystemExit):
            postgresql_dump.main()
        return json.loads(capsys.readouterr().out)

    run.top, run.directory, run.path = tmp_path, tmp_path / "dumps", tmp_path / "dumps/one.dump"
    return run


def test_the_tables_of_a_listing():
    assert dump.tables(LISTED) == ["events", "users"]
    assert dump.tables("") == dump.tables("; nothing\n\n") == []


def test_a_dump_is_made_once(world):
    found = world(check=True)
    assert found["changed"] and not world.directory.exists()
    found = world()
    assert (found["changed"], found["tables"]) == (True, 2)
    assert world.path.read_text() == "archive\n"
    assert [oct(path.stat().st_mode & 0o777) for path in (world.directory, world.path)] == ["0o700", "0o600"]
    log = (world.top / "log").read_text()
    assert "--dbname=service=synapse /a/service" in log and "--format=custom" in log
    found = world()
    assert (found["changed"], found["tables"], (world.top / "log").read_text()) == (False, 0, log)


@pytest.mark.parametrize(
    "program, said, words",
    [
        (
            "pg_dump",
            "pg_dump: error: aborting because of server version mismatch\npg_dump: detail: server version: 17.1\n",
            "pg_dump: the server is newer than this program (server version: 17.1)",
        ),
        (
            "pg_restore",
            "pg_restore: error: input file does not appear to be a valid archive\n",
            "pg_restore: input file",
        ),
        ("listed", "; nothing\n", "no table is in what it has written"),
    ],
)
def test_a_dump_that_fails_leaves_nothing(world, program, said, words):
    (world.top / program).write_text(said)
    found = world()
    assert found["failed"] and words in found["msg"]
    assert list(world.directory.iterdir()) == []


def test_it_is_brought_back_as_a_whole(world):
    world()
    found = world("restored")
    assert (found["changed"], found["tables"]) == (True, 2)
    sql = (world.top / "sql").read_text()
    assert sql.startswith("BEGIN;") and "DROP TABLE IF EXISTS" in sql and sql.endswith("events ();\nCOMMIT;\n")


def test_half_of_it_is_not_kept(world):
    world()
    (world.top / "half").touch()
    found = world("restored")
    assert found["failed"] and "so the database is as it was" in found["msg"]
    assert "COMMIT" not in (world.top / "sql").read_text()


def test_what_psql_says(world):
    world()
    (world.top / "psql").write_text('psql: error: connection to server at "db" failed: Connection refused\n\tIs it?\n')
    found = world("restored")
    assert found["failed"] and found["msg"] == 'psql: connection to server at "db" failed: Connection refused'


def test_there_has_to_be_a_dump(world):
    found = world("restored")
    assert found["failed"] and "there is no dump at" in found["msg"]
    assert not world.directory.exists()
