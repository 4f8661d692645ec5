# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Batches of servers: nobody is left out, nobody has two turns, canaries come first, and what ends it."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.plugin_utils import _rollout
from hypothesis import given
from hypothesis import strategies as st

SERVERS = st.lists(st.text("abcdef", min_size=1, max_size=3), unique=True, max_size=30)
STEP = st.integers(1, 40) | st.integers(1, 40).map(str) | st.integers(1, 100).map("{}%".format)


@given(SERVERS, STEP | st.lists(STEP, min_size=1, max_size=4), st.data())
def test_everybody_has_one_turn_and_canaries_the_first(servers, serial, data):
    canary = [server for server in servers if data.draw(st.booleans())]
    found = _rollout.batches(servers, serial, canary)
    assert sorted(server for batch in found for server in batch) == sorted(servers)
    assert all(found)
    if canary:
        assert found[0] == canary
    rest = [server for batch in found[bool(canary) :] for server in batch]
    assert rest == [server for server in servers if server not in canary]


@pytest.mark.parametrize(
    "serial, sizes",
    [
        (1, [1] * 7),
        ("3", [3, 3, 1]),
        ("100%", [7]),
        ("30%", [2, 2, 2, 1]),
        ("1%", [1] * 7),
        ([1, "50%"], [1, 3, 3]),
        ((2, 9), [2, 5]),
    ],
)
def test_sizes_as_ansible_has_them(serial, sizes):
    assert [len(batch) for batch in _rollout.batches(list("abcdefg"), serial, [])] == sizes


@pytest.mark.parametrize("serial", [0, "0", -1, "", "0%", "101%", True, 1.5, [], [2, 0], None, {}])
def test_what_is_no_size(serial):
    with pytest.raises(ValueError, match=r"^(is neither a number of servers from 1 on nor a percentage|has no item)$"):
        _rollout.steps(serial)


def test_names_of_servers_and_groups():
    groups = {"north": ["c", "a"], "empty": []}
    assert _rollout.named("north, d", groups, list("abcd")) == ["a", "c", "d"]
    assert _rollout.named(["b", "elsewhere", "empty"], groups, list("abcd")) == ["b"]
    assert _rollout.named("", groups, list("abcd")) == []


@pytest.mark.parametrize(
    "failed, percentage, canary, ends",
    [
        ([], 0, ["a"], False),
        (["b"], 0, [], True),
        (["b"], 25, [], False),
        (["b"], 24, [], True),
        (["b", "c"], 25, [], True),
        (["b", "c", "d"], 100, [], False),
        (["a"], 100, ["a"], True),
        (["b"], 100, ["a"], False),
    ],
)
def test_what_ends_it(failed, percentage, canary, ends):
    assert _rollout.stopped(failed, list("abcd"), percentage, canary) is ends
