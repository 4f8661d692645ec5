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
    ],
)
def test_only_the_way_back_is_refused(mark, wanted, refused):
    assert bool(database.no_way_back(mark, wanted)) == refused
    if refused:
        assert "matrix_database: postgresql" in database.no_way_back(mark, wanted)


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
