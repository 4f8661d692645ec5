# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of a database, run by an interpreter whose driver answers as a PostgreSQL would, or refuses."""

from __future__ import annotations

import getpass
import os
import sys

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._probe import checks as probe

DRIVER = """
import contextlib, json, os


class Error(Exception):
    pass


class Cursor:
    def execute(self, query):
        print(query)


class Connection:
    @contextlib.contextmanager
    def cursor(self):
        yield Cursor()


@contextlib.contextmanager
def connect(**given):
    assert given == {"connect_timeout": 10, "host": "db.example.com", "user": "synapse"}, given
    assert os.environ["HOME"] == "/nonexistent"
    if os.path.exists(os.path.join(os.path.dirname(__file__), "refuse")):
        raise Error("connection failed: refused\\n\\tIs the server running?\\n")
    yield Connection()
"""
SETTINGS = """
database:
  name: psycopg2
  args: {host: elsewhere.example.com}
"""
LATER = """
database:
  name: psycopg2
  args: {host: db.example.com, user: synapse, cp_min: 5, cp_max: 10}
"""


@pytest.fixture(name="answer")
def fixture_answer(tmp_path, monkeypatch):
    """What the check finds."""
    (tmp_path / "psycopg2.py").write_text(DRIVER)
    configuration = tmp_path / "homeserver.d"
    configuration.mkdir()
    (configuration / "homeserver.yaml").write_text(SETTINGS)
    # The last file that names a setting counts, as it does for Synapse.
    (configuration / "later.yaml").write_text(LATER)
    (configuration / "notes.txt").write_text("database: none")
    path = os.pathsep.join([str(tmp_path), os.path.dirname(os.path.dirname(__import__("yaml").__file__))])
    monkeypatch.setenv("PYTHONPATH", path)

    def answer():
        check = {
            **{name: spec.get("default") for name, spec in probe.CHECK.items()},
            "name": "The database",
            "kind": "database",
            "argv": [sys.executable],
            "target": str(configuration),
            "run_as": getpass.getuser(),
        }
        defaults = {"address": [], "ca_file": None, "verify": True}
        return probe.run_all([probe.with_defaults(check, defaults)], 5, 1, Runner())[0]

    return answer


def test_one_that_answers(answer):
    assert answer()["ok"] and answer()["message"] == "the database answers"


def test_one_that_does_not(answer, tmp_path):
    (tmp_path / "refuse").touch()
    found = answer()
    assert not found["ok"]
    assert found["message"].endswith("ended with 1: connection failed: refused Is the server running?")
