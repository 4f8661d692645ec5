# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Old snapshots go by number and by age, and nobody else's do."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.retention import DAY, superfluous
from ansible_collections.potluck.matrix.plugins.modules import zfs_snapshot, zfs_snapshot_retention
from fake_zfs import FakeZfs
from hypothesis import given
from hypothesis import strategies as st

BOTH = ["zroot/data", "zroot/pot/jails/web"]
OURS = {"x:by": "upgrade"}


@pytest.fixture(name="zfs")
def fixture_zfs(monkeypatch, capsys):
    zfs = FakeZfs(monkeypatch, capsys)
    for number in range(1, 5):
        zfs.call(zfs_snapshot, name=f"upgrade-{number}", datasets=BOTH, properties=OURS)
    zfs.written.clear()
    return zfs


def retain(zfs, check=False, **more):
    return zfs.call(
        zfs_snapshot_retention,
        datasets=BOTH,
        prefix="upgrade-",
        property="x:by",
        _ansible_check_mode=check,
        **more,
    )


def test_the_oldest_go(zfs):
    before = dict(zfs.moments)
    foretold = retain(zfs, check=True, number=2)
    assert foretold["changed"] and foretold["destroyed"] == ["upgrade-1", "upgrade-2"] and zfs.moments == before
    done = retain(zfs, number=2)
    assert (done["destroyed"], done["actions"], done["diff"]) == tuple(
        foretold[key] for key in ("destroyed", "actions", "diff")
    )
    assert {name.split("@")[1] for name in zfs.moments} == {"upgrade-3", "upgrade-4"} and len(zfs.moments) == 6
    assert not retain(zfs, number=2)["changed"]


def test_all_stay_when_nothing_is_said(zfs):
    assert not retain(zfs)["changed"] and not zfs.written


def test_what_others_took_stays_and_does_not_count(zfs):
    zfs.take("zroot/data@upgrade-0", "zroot/data@hourly")
    # Of one name some are ours and one is not.
    zfs.properties["zroot/data@upgrade-1"].clear()
    assert retain(zfs, number=2)["destroyed"] == ["upgrade-2"]
    assert {"zroot/data@upgrade-0", "zroot/data@hourly", "zroot/data@upgrade-1"} <= zfs.moments.keys()


def test_held_and_cloned_ones_stay(zfs):
    zfs.held.add("zroot/pot/jails/web/m@upgrade-1")
    zfs.clones["zroot/look"] = "zroot/data@upgrade-2"
    assert retain(zfs, number=1)["destroyed"] == ["upgrade-3"]
    assert zfs.warnings == [
        "zroot/pot/jails/web/m@upgrade-1 is held or has a clone, so the snapshot upgrade-1 stays",
        "zroot/data@upgrade-2 is held or has a clone, so the snapshot upgrade-2 stays",
    ]
    assert len(zfs.moments) == 9


@pytest.mark.parametrize(("option", "value"), [("prefix", ""), ("property", "quota")])
def test_what_would_not_tell_ours_from_others(zfs, option, value):
    arguments = {"datasets": BOTH, "prefix": "upgrade-", "property": "x:by", "number": 1, option: value}
    result = zfs.call(zfs_snapshot_retention, **arguments)
    assert result["failed"] and result["option"] == option and len(zfs.moments) == 12


def test_by_age():
    created = {"old": 0, "older": -5, "young": 9 * DAY}
    assert superfluous(created, None, 3, 10 * DAY) == ["older", "old"]
    assert superfluous(created, 2, 3, 10 * DAY) == ["older"]
    assert superfluous(created, None, 3, 100 * DAY) == ["older", "old"]


@given(
    st.dictionaries(st.text(min_size=1), st.integers(0, 100 * DAY), min_size=1),
    st.none() | st.integers(1, 10),
    st.none() | st.integers(1, 100),
)
def test_the_newest_and_what_is_to_be_kept_stay(created, number, days):
    going = superfluous(created, number, days, 100 * DAY)
    newest = sorted(created, key=lambda name: (created[name], name))[-(number or 1) :]
    assert not set(newest) & set(going)
    assert days is None or all(created[name] <= (100 - days) * DAY for name in going)
    assert going or number is None or len(created) <= number or days is not None
