# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Listings of snapshots are read whole, whatever datasets and snapshots are called."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import snapshots
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from hypothesis import given
from hypothesis import strategies as st

COMPONENT = st.from_regex(r"[a-z][a-zA-Z0-9_.:-]{0,8}", fullmatch=True)
DATASET = st.lists(COMPONENT, min_size=2, max_size=4).map("/".join)
NUMBER = st.integers(0, 2**63)


@given(DATASET, COMPONENT, st.sampled_from("@#"), NUMBER, NUMBER, NUMBER, COMPONENT | st.just("-"))
def test_a_listing_is_read_back(dataset, tag, mark, used, created, transaction, word):
    size = used if mark == "@" else "-"
    text = f"{dataset}\t24576\t1\t7\t-\t{word}\t{word}\t-\n"
    text += f"{dataset}{mark}{tag}\t{size}\t{created}\t{transaction}\t{size}\t{word}\t{word}\t-\n"
    listing = snapshots.parse_listing(text, ["x:one", "x:two"])
    assert listing.datasets == {dataset: 7} and listing.going_back == word.replace("-", "", word == "-")
    assert listing.moments[0].properties == ({} if word == "-" else {"x:one": word})
    assert listing.moments[0].holds == (used if mark == "@" else 0)
    (found,) = listing.moments
    assert (found.dataset, found.tag, found.created, found.transaction) == (dataset, tag, created, transaction)
    assert found.used == (used if mark == "@" else 0)
    assert listing.tagged(tag) == ([found] if mark == "@" else [])


@given(st.lists(DATASET.map(lambda name: "zroot/" + name), min_size=1, max_size=8))
def test_the_topmost_hold_all(names):
    found = snapshots.topmost(names)
    for name in names:
        assert sum((name + "/").startswith(top + "/") for top in found) == 1
    assert set(found) <= set(names)


@given(st.text(max_size=12))
def test_a_name_is_one_word_for_zfs(tag):
    try:
        snapshots.Snapshots(None, ["zroot/data"], tag, check=True)
    except Sentence as error:
        assert error.part == "name"
    else:
        assert tag.isascii() and not tag.startswith("-") and not set(tag) & set(" @/,%#\t\n")


@pytest.mark.parametrize("count, shown", [(0, ""), (3, "n0, n1, n2"), (5, "n0, n1, n2 and 2 more")])
def test_a_message_names_three(count, shown):
    assert snapshots.some([f"n{number}" for number in range(count)]) == shown
