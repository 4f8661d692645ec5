# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be said of a homeserver's database, and what its mark forbids."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import database


@pytest.mark.parametrize(
    "mark, wanted, refused",
    [
        ("", "sqlite", False),
        ("", "postgresql", False),
        ("sqlite", "postgresql", False),
        ("postgresql", "postgresql", False),
        ("postgresql", "", False),
        ("postgresql", "sqlite", True),
        ("sqlite", "elsewhere", False),
        ("elsewhere", "elsewhere", False),
        ("elsewhere", "", False),
        ("elsewhere", "sqlite", True),
        ("elsewhere", "postgresql", True),
        ("postgresql", "elsewhere", True),
    ],
)
def test_only_the_way_back_is_refused(mark, wanted, refused):
    assert bool(database.no_way_back(mark, wanted)) == refused
    if refused:
        kept = "postgresql" if mark == "postgresql" else "the dictionary that names it"
        said = database.no_way_back(mark, wanted)
        assert f"matrix_database: {kept}" in said and "would start empty" in said
        assert ("pg_dump and pg_restore" in said) == (wanted != "sqlite")


def test_a_database_elsewhere_has_all_keys():
    given = {"host": "DB.example.com", "password": "p:w", "sslrootcert": "/ca.pem"}
    assert database.kind(given) == {
        "host": "db.example.com",
        "port": 5432,
        "name": "synapse",
        "user": "synapse",
        "password": "p:w",
        "sslmode": "verify-full",
        "sslrootcert": "/ca.pem",
        "dump": True,
    }
    assert given.keys() == {"host", "password", "sslrootcert"}
    given.update(port="6432", name="m", user="u", sslmode="disable", sslrootcert="", dump=False)
    assert database.kind(given) == {**given, "host": "db.example.com", "port": 6432}


def test_versions_are_texts_of_two_digits():
    assert [database.version(value) for value in ("14", "15", 18)] == ["14", "15", "18"]
    for value in ("13", "9", "15.2", "x", "015", ""):
        with pytest.raises(ValueError):
            database.version(value)


@pytest.mark.parametrize("name", sorted(database.RESERVED))
def test_what_others_go_by_cannot_be_set(name):
    with pytest.raises(ValueError, match=f"sets {name}, which cannot be set here"):
        database.settings({name: "x"})


def test_settings_stay_what_they_are():
    given = {"work_mem": "6MB", "jit": False, "max_connections": 80, "pg_stat_statements.max": 100}
    assert database.settings(given) == given
