# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A database and its owner: made, taken as they are, or refused."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.server import Database, Server


class Runner:
    """psql before a server that has a role and a database, or not."""

    def __init__(self, role="", database="", refuse=""):
        self.role, self.database, self.refuse = role, database, refuse
        self.statements = []

    def run(self, argv, timeout):
        statement = next(word for word in argv if word.startswith("--command=")).partition("=")[2]
        if self.refuse:
            return 2, "", f"psql: error: {self.refuse}\n"
        if "FROM pg_roles" in statement:
            return 0, self.role, ""
        if "FROM pg_database" in statement:
            return 0, self.database, ""
        self.statements.append(statement)
        if statement.startswith("CREATE DATABASE"):
            self.database = "UTF8\tC\tC\tsynapse\tt\n"
        return 0, "", ""


def ensure(runner, check=False, name="synapse"):
    database = Database(Server(runner, "/socket", "psql"), name, "synapse", check)
    database.ensure()
    return database.actions


def test_all_of_it_is_made():
    runner = Runner()
    actions = ensure(runner)
    assert actions == runner.statements
    assert actions[0] == "CREATE ROLE synapse LOGIN"
    assert "TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'" in actions[1]
    assert actions[2] == "REVOKE ALL ON DATABASE synapse FROM PUBLIC"


def test_a_dry_run_says_the_same_and_does_nothing():
    runner = Runner()
    assert ensure(runner, check=True) == ensure(Runner())
    assert runner.statements == []


def test_what_is_right_is_left_alone():
    assert ensure(Runner("t\tf\n", "UTF8\tC\tC\tsynapse\tf\n")) == []


def test_a_role_that_may_too_much_is_cut_down():
    (action,) = ensure(Runner("t\tt\n", "UTF8\tC\tC\tsynapse\tf\n"))
    assert action.startswith("ALTER ROLE synapse LOGIN NOSUPERUSER")


@pytest.mark.parametrize(
    "row, words",
    [
        ("SQL_ASCII\tC\tC\tsynapse\tf\n", "the encoding SQL_ASCII in place of UTF8"),
        ("UTF8\ten_US.UTF-8\tC\tsynapse\tf\n", "the collation en_US.UTF-8 in place of C"),
        ("UTF8\tC\tC.UTF-8\tsynapse\tf\n", "the character type C.UTF-8 in place of C"),
        ("UTF8\tC\tC\tsomebody\tf\n", "the owner somebody in place of synapse"),
    ],
)
def test_a_database_that_synapse_would_refuse_is_refused(row, words):
    runner = Runner("t\tf\n", row)
    with pytest.raises(Sentence, match=words) as refusal:
        ensure(runner)
    assert refusal.value.part == "name" and runner.statements == []


def test_the_server_has_the_word():
    with pytest.raises(Sentence, match="Connection refused"):
        ensure(Runner(refuse="connection to server failed: Connection refused"))
    with pytest.raises(Sentence, match="is not a name"):
        ensure(Runner(), name="x; DROP")
