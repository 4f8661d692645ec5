# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked of a PostgreSQL elsewhere, by a driver that answers from a list, and what is said of the answers."""

from __future__ import annotations

import sys
import types

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._database import external
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

GIVEN = {
    "host": "db.example.com",
    "port": 5432,
    "name": "synapse",
    "user": "matrix",
    "password": "shown to nobody",
    "sslmode": "verify-full",
}
WANTED = {"server_name": "example.com", "application": "matrix-synapse matrix1", "mark": "", "move": ""}
SERVER = 'connection to server at "db.example.com" (192.0.2.9), port 5432 failed: '
# What psycopg2 2.9.11 with libpq 15 and 18 and a PostgreSQL 15 says.
SAID = {
    SERVER + 'FATAL:  password authentication failed for user "matrix"\n': (
        "password",
        "refuses the password of matrix",
    ),
    SERVER + 'FATAL:  database "synapse" does not exist\n': ("name", "has no database synapse"),
    SERVER + 'FATAL:  role "matrix" does not exist\n': ("user", "has no user matrix"),
    SERVER + 'FATAL:  role "matrix" is not permitted to log in\n': ("user", "who may log in"),
    SERVER + 'FATAL:  permission denied for database "synapse"\nDETAIL:  User does not have CONNECT privilege.\n': (
        "user",
        "does not let matrix connect",
    ),
    SERVER + 'FATAL:  no pg_hba.conf entry for host "192.0.2.1", user "matrix", database "synapse", no encryption\n': (
        "sslmode",
        "lets nobody in without TLS",
    ),
    SERVER + 'FATAL:  no pg_hba.conf entry for host "192.0.2.1", user "matrix", database "synapse", SSL encryption\n': (
        "user",
        "say so in its pg_hba.conf",
    ),
    SERVER + "SSL error: certificate verify failed\n": ("sslrootcert", "comes from none of the CAs"),
    SERVER + 'server certificate for "other" (and 1 other name) does not match host name "db.example.com"\n': (
        "host",
        "has a certificate for another name",
    ),
    SERVER + "server does not support SSL, but SSL was required\n": ("sslmode", "does not speak TLS"),
    'could not translate host name "db.example.com" to address: Name or service not known\n': (
        "host",
        "cannot be found by that name in the pot",
    ),
    'could not translate host name "db.example.com" to address: Name does not resolve\n': ("host", "by that name"),
    SERVER + "Connection refused\n\tIs the server running on that host and accepting TCP/IP connections?\n": (
        "host",
        "does not answer the pot; start it, or correct host and port (Connection refused).",
    ),
    'connection to server at "192.0.2.1", port 5432 failed: timeout expired\n': ("host", "does not answer"),
    SERVER + "FATAL:  the database system is starting up\n": ("host", "does not answer"),
    SERVER + "FATAL:  Passwort-Authentifizierung fehlgeschlagen\n": (
        "",
        "cannot be used: Passwort-Authentifizierung fehlgeschlagen.",
    ),
    'connection to server at "db.example.com" (2001:db8::9), port 5432 failed: No route to host\n'
    "\tIs the server running on that host and accepting TCP/IP connections?\n"
    + SERVER
    + 'FATAL:  password authentication failed for user "matrix"\n': (
        "password",
        "(No route to host; password authentication failed for user",
    ),
}
FACTS = {
    "read_only": False,
    "encoding": "UTF8",
    "collate": "C",
    "ctype": "C",
    "locale": None,
    "schema": "public",
    "create": True,
}


class Refused(Exception):
    """psycopg2.Error."""


class Driver(types.ModuleType):
    """psycopg2, with one database."""

    Error = Refused

    def __init__(self):
        super().__init__("psycopg2")
        self.facts, self.tables, self.rows = dict(FACTS), [], {}
        self.foreign, self.others, self.refuses, self.server_version = [], [], "", 150018
        self.statements, self.args, self.authorities, self.committed = [], {}, "", False

    def connect(self, **args):
        self.args = args
        if "sslrootcert" in args:
            with open(args["sslrootcert"], encoding="utf-8") as stream:
                self.authorities = stream.read()
        if self.refuses:
            raise Refused(self.refuses)
        return self

    def cursor(self):
        return self

    def close(self):
        """As of a connection."""

    def commit(self):
        self.committed = True

    def __enter__(self):
        return self

    def __exit__(self, *_what):
        return None

    def execute(self, statement, values=()):
        self.statements.append((" ".join(statement.split()), values))

    def fetchall(self):
        statement, values = self.statements[-1]
        if "pg_stat_activity" in statement:
            return [(address, name, (address, name) == ("192.0.2.1", values[0])) for address, name in self.others]
        if "SELECT relname FROM pg_class" in statement:
            return [(name,) for name in self.tables]
        if "FROM pg_database" in statement:
            return [tuple(self.facts.values())]
        if "c.relowner" in statement:
            return self.foreign
        if "EXISTS (SELECT FROM users)" in statement:
            return [(bool(self.rows.get("users")),)]
        if "FROM users WHERE" in statement:
            return [(name,) for name in self.rows.get("users", []) if name != values[0]]
        for table in ("potluck_homeserver", "potluck_move"):
            if f'FROM "{table}"' in statement:
                return [(value,) for value in self.rows[table]]
        raise AssertionError(statement)

    def fetchone(self):
        return next(iter(self.fetchall()), None)

    def changes(self):
        return [(words, values) for words, values in self.statements if not words.startswith(("SELECT", "SET"))]


@pytest.fixture
def driver(monkeypatch):
    found = Driver()
    monkeypatch.setitem(sys.modules, "psycopg2", found)
    return found


def ask(claim=True, authorities="PEM", given=None, **wanted):
    return external.ask(None, given or GIVEN, authorities, {**WANTED, **wanted}, claim)


def refusal(**wanted):
    with pytest.raises(Sentence) as refused:
        ask(**wanted)
    assert GIVEN["password"] not in str(refused.value) and "\n" not in str(refused.value)
    return refused.value.part, str(refused.value)


@pytest.mark.parametrize("said", SAID)
def test_a_connection_that_is_refused(driver, said):
    driver.refuses = said
    part, sentence = refusal()
    key, words = SAID[said]
    assert (part, "PostgreSQL at db.example.com, port 5432," in sentence) == (key, True)
    assert words in sentence + ".", sentence
    assert driver.statements == []


def test_an_empty_one_becomes_the_homeservers(driver):
    assert ask() == {"version": 150018, "claimed": False, "empty": True}
    assert driver.changes() == [
        ("CREATE TABLE potluck_homeserver (server_name text NOT NULL)", ()),
        ("INSERT INTO potluck_homeserver VALUES (%s)", ("example.com",)),
    ]
    assert driver.committed and driver.authorities == "PEM"
    assert {"host", "port", "user", "password", "sslmode"} < set(driver.args) and driver.args["dbname"] == "synapse"
    assert driver.args["application_name"] == WANTED["application"]


def test_a_dry_run_writes_nothing(driver):
    assert ask(claim=False)["claimed"] is False
    assert driver.changes() == []


def test_without_tls_no_certificate_is_named(driver):
    ask(authorities="", given={**GIVEN, "sslmode": "disable"})
    assert "sslrootcert" not in driver.args and driver.args["sslmode"] == "disable"


def test_its_own_is_known_again(driver):
    driver.tables, driver.rows = ["potluck_homeserver", "users"], {"potluck_homeserver": ["example.com"]}
    driver.others = [("192.0.2.1", WANTED["application"])] * 5 + [("192.0.2.7", "psql"), ("192.0.2.7", "pg_dump")]
    assert ask(mark="elsewhere") == {"version": 150018, "claimed": True, "empty": False}
    assert driver.changes() == []


@pytest.mark.parametrize(
    "facts, part, words",
    [
        ({"encoding": "SQL_ASCII"}, "name", "has the encoding SQL_ASCII, and Synapse needs UTF8; make another one"),
        ({"collate": "en_US.UTF-8"}, "name", "the character type en_US.UTF-8 and C, and Synapse needs C"),
        ({"ctype": "C.UTF-8"}, "name", "the character type C and C.UTF-8, and Synapse needs C"),
        ({"locale": "ICU"}, "name", "C and C by ICU"),
        ({"locale": "C.UTF-8"}, "name", "C and C by C.UTF-8"),
        ({"read_only": True}, "host", "can only be read"),
        ({"create": False}, "user", "has no right to make tables in the database synapse"),
    ],
)
def test_a_database_that_synapse_does_not_work_with(driver, facts, part, words):
    driver.facts.update(facts)
    found = refusal()
    assert found[0] == part and words in found[1]
    assert driver.changes() == []


def test_the_builtin_provider_has_the_same_collation(driver):
    driver.facts["locale"] = "C"
    assert ask()["empty"]


@pytest.mark.parametrize("version, shown", [(130011, "13.11"), (90624, "9.624")])
def test_an_old_server(driver, version, shown):
    driver.server_version = version
    part, words = refusal()
    assert part == "host" and f"is {shown}, and Synapse needs 14 or newer" in words
    # What else would be asked it might not understand.
    assert driver.statements == []


def test_tables_of_another_user(driver):
    driver.foreign = [("events", "postgres")]
    part, words = refusal()
    assert part == "user" and "the table events in the database synapse belongs to postgres" in words


@pytest.mark.parametrize(
    "tables, rows",
    [
        (["potluck_homeserver"], {"potluck_homeserver": ["other.example:8448"]}),
        (["users"], {"users": ["example.com", "other.example:8448"]}),
        (["potluck_homeserver", "users"], {"potluck_homeserver": ["example.com"], "users": ["other.example:8448"]}),
    ],
)
def test_another_homeservers(driver, tables, rows):
    driver.tables, driver.rows = tables, rows
    part, words = refusal(mark="elsewhere")
    assert part == "name" and "is the one of the homeserver other.example:8448" in words
    assert driver.changes() == []


def test_tables_of_nobody_known(driver):
    driver.tables, driver.rows = ["schema_version", "users"], {}
    for mark in ("", "elsewhere"):
        part, words = refusal(mark=mark)
        assert part == "name" and "nothing tells whose they are" in words
        assert "CREATE TABLE potluck_homeserver AS SELECT 'example.com' AS server_name" in words


def test_tables_with_its_users_or_of_its_move(driver):
    driver.tables, driver.rows = ["users"], {"users": ["example.com"]}
    assert ask() == {"version": 150018, "claimed": False, "empty": False}
    driver.tables, driver.rows = ["potluck_move", "users"], {"potluck_move": ["abc"]}
    assert ask(move="abc")["empty"] is False
    assert "nothing tells" in refusal(move="abd")[1] and "nothing tells" in refusal(move="")[1]


def test_an_empty_one_in_place_of_the_one_with_the_data(driver):
    part, words = refusal(mark="elsewhere")
    assert part == "name" and "is empty, and this homeserver's data are in another one already" in words
    # A first run that was cut off before Synapse had made its tables.
    driver.tables, driver.rows = ["potluck_homeserver"], {"potluck_homeserver": ["example.com"]}
    assert ask(mark="elsewhere")["empty"]


@pytest.mark.parametrize(
    "other, shown",
    [
        (("192.0.2.8", ""), "from 192.0.2.8;"),
        (("192.0.2.1", ""), "from 192.0.2.1;"),
        (("192.0.2.8", WANTED["application"]), "from 192.0.2.8 (matrix-synapse matrix1);"),
    ],
)
def test_a_second_synapse(driver, other, shown):
    driver.others = [other, ("192.0.2.1", WANTED["application"])]
    part, words = refusal()
    assert part == "name" and "another client than this pot's Synapse is connected" in words and shown in words


def test_a_long_name_is_compared_as_postgresql_keeps_it(driver):
    name = "matrix-synapse " + "x" * 80
    driver.others = [("192.0.2.1", name[:63])]
    assert ask(application=name)["empty"]


def test_what_goes_wrong_later(driver, monkeypatch):
    def broken(_statement, _values=()):
        raise Refused("server closed the connection unexpectedly\n")

    monkeypatch.setattr(driver, "execute", broken)
    part, words = refusal()
    assert part == "host" and "does not answer the pot" in words


def test_without_a_driver(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg2", None)
    part, words = refusal()
    assert part == "" and "this Python has no psycopg2" in words
