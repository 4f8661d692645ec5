# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots are listed with their dataset, oldest first."""

from __future__ import annotations

from ansible_collections.potluck.matrix.plugins.modules import zfs_snapshot_info
from fake_zfs import FakeZfs


def test_those_of_a_prefix_oldest_first(monkeypatch, capsys):
    zfs = FakeZfs(monkeypatch, capsys)
    zfs.take("zroot/pot/jails/web/m@upgrade-2")
    zfs.take("zroot/data@upgrade-1", "zroot/pot/jails/web@other")
    zfs.moments["zroot/data#upgrade-3"] = (2000, "")
    found = zfs.call(zfs_snapshot_info, datasets=["zroot/data", "zroot/pot/jails/web"], prefix="upgrade-")
    assert not found["changed"] and not zfs.written
    assert found["snapshots"] == [
        {
            "name": "upgrade-2",
            "dataset": "zroot/pot/jails/web/m",
            "snapshot": "zroot/pot/jails/web/m@upgrade-2",
            "created": 1795901004,
            "used": 1024,
            "properties": {},
        },
        {
            "name": "upgrade-1",
            "dataset": "zroot/data",
            "snapshot": "zroot/data@upgrade-1",
            "created": 1795901005,
            "used": 1024,
            "properties": {},
        },
    ]
    everything = zfs.call(zfs_snapshot_info, datasets=["zroot/data", "zroot/pot/jails/web"])["snapshots"]
    assert [each["name"] for each in everything] == ["upgrade-2", "upgrade-1", "other"]


def test_a_dataset_that_does_not_exist(monkeypatch, capsys):
    found = FakeZfs(monkeypatch, capsys).call(zfs_snapshot_info, datasets=["zroot/no"])
    assert found["failed"] and found["option"] == "datasets"
    assert found["msg"] == "zroot/no does not exist on this host; 'zfs list' shows what does"
