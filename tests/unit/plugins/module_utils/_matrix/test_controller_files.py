# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the controller: where they go, who may read them, and what is removed."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.controller_files import files, parents, placed
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.from_regex(r"[a-c_][a-c._@+=-]{0,3}", fullmatch=True)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


def test_what_is_left_out_has_a_default():
    assert files(
        [{"source": "a", "path": "b/c"}, {"source": "d", "path": "e", "owner": "synapse", "mode": "0644"}]
    ) == [
        {"source": "a", "path": "b/c", "owner": "root", "mode": "640", "registration": False},
        {"source": "d", "path": "e", "owner": "synapse", "mode": "644", "registration": False},
    ]


@pytest.mark.parametrize(
    "mode, registration, key",
    [("0640", False, "secret_source"), ("0644", False, "source"), ("0644", True, "secret_source")],
)
def test_what_others_may_not_read_is_shown_to_nobody(mode, registration, key):
    entry = {"source": "a", "path": "b", "mode": mode, "registration": registration}
    assert placed(files([entry]), "/d")["wanted"] == [
        {"path": "/d", "state": "directory", "mode": "0755"},
        {"path": "/d/b", key: "a", "owner": "root", "group": "synapse", "mode": mode},
    ]


def test_synapse_is_told_of_registrations_and_nothing_is_left_of_others():
    listed = [{"source": "a", "path": "b/c.yaml", "registration": True}, {"source": "d", "path": "e"}]
    found = placed(files(listed), "/d", ["/d/b/c.yaml", "/d/b/old.yaml"])
    assert found["registrations"] == ["/d/b/c.yaml"]
    assert found["former"] == [{"path": "/d/b/old.yaml", "state": "absent"}]
    assert placed([], "/d", ["/d/e"]) == {
        "wanted": [],
        "registrations": [],
        "former": [{"path": "/d/e", "state": "absent"}],
    }


@given(st.lists(PATHS, max_size=5))
def test_every_file_has_its_directories_before_it_and_stays_below(paths):
    try:
        listed = files([{"source": "a", "path": path} for path in paths])
    except ValueError:
        assert len(set(paths)) < len(paths) or any(set(parents(path)) & set(paths) for path in paths)
        return
    found = placed(listed, "/d", [f"/d/{path}" for path in paths])
    assert found["former"] == []
    seen = []
    for entry in found["wanted"]:
        assert entry["path"] == "/d" or entry["path"].startswith("/d/") and "/../" not in entry["path"]
        assert entry["path"] == "/d" or entry["path"].rpartition("/")[0] in seen
        seen.append(entry["path"])
    assert len(seen) == len(set(seen)) and {f"/d/{path}" for path in paths} <= set(seen)
