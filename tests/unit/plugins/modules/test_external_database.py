# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the module asks by what lies on the dataset, and what it tells of the answer."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Account
from ansible_collections.potluck.matrix.plugins.module_utils._database.marker import Marker, State
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.modules import external_database

PASSWORD = "a password that nobody sees"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs the module; C(run.given) is what was asked."""

    def running(answer, **more):
        def work(_account, _work, *given):
            running.given = given
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(Account, "run", work)
        arguments = {
            "database": {"host": "db.example.com", "password": PASSWORD},
            "authorities": "PEM",
            "server_name": "example.com",
            "application_name": "matrix-synapse matrix1",
            "mark": str(tmp_path / "database"),
            "move_directory": str(tmp_path / "move"),
            "user": "nobody",
            "look_at": "matrix_database",
            "_ansible_diff": True,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
            **more,
        }
        basic._ANSIBLE_ARGS = None
        with patch_module_args(arguments), pytest.raises(SystemExit):
            external_database.main()
        out = capsys.readouterr().out
        assert PASSWORD not in out
        return json.loads(out)

    return running


def test_a_database_that_nobody_has(run):
    found = run({"version": 150018, "claimed": False, "empty": True})
    assert (found["changed"], found["version"], found["empty"]) == (True, 150018, True)
    assert found["diff"] == {"before": "", "after": "synapse at db.example.com: the database of example.com\n"}
    database, authorities, wanted, claim = run.given
    assert database["port"] == 5432 and database["sslmode"] == "verify-full" and database["user"] == "synapse"
    assert (authorities, claim) == ("PEM", True)
    assert wanted == {
        "server_name": "example.com",
        "application": "matrix-synapse matrix1",
        "mark": "",
        "move": "",
    }


def test_what_the_dataset_says(run, tmp_path):
    (tmp_path / "database").write_text("elsewhere\n")
    (tmp_path / "move").mkdir()
    Marker(str(tmp_path / "move")).save(State(phase="switched", id="abc"))
    found = run({"version": 150018, "claimed": True, "empty": False}, _ansible_check_mode=True)
    assert found["changed"] is False and found["diff"]["before"] == found["diff"]["after"]
    assert (run.given[2]["mark"], run.given[2]["move"], run.given[3]) == ("elsewhere", "abc", False)


@pytest.mark.parametrize(
    "part, named", [("password", "matrix_database.password"), ("", "matrix_database"), ("marker", "matrix_database")]
)
def test_a_refusal_names_the_variable(run, part, named):
    found = run(Sentence("it refuses", part))
    assert found["failed"] and found["msg"] == f"{named}: it refuses."


def test_a_mark_that_is_a_link(run, tmp_path):
    (tmp_path / "database").symlink_to("/etc/passwd")
    found = run({"version": 150018, "claimed": False, "empty": True})
    assert found["failed"] and found["msg"].startswith(f"matrix_database: {tmp_path}/database: ")
