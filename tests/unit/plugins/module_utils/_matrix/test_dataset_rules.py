# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may become a homeserver's dataset, and where."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import dataset_rules as rules


@pytest.mark.parametrize("name", ["zroot/matrixdata", "tank/a/b-c_d.e:f"])
def test_dataset_names(name):
    assert rules.check_name(name) is None


@pytest.mark.parametrize(
    "name", ["zroot", "", "/zroot/x", "zroot/", "zroot//x", "zroot/a b", "zroot/x@snap", "1pool/x", "zroot/x\n"]
)
def test_what_is_no_dataset_name(name):
    assert rules.check_name(name)


DATASETS = [
    ("zroot", "/zroot", "on"),
    ("zroot/other", "/mnt/other", "on"),
    ("zroot/group", "/mnt/group", "off"),
    ("zroot/data", "/mnt/data", "on"),
    ("zroot/data/media", "/mnt/data/media", "on"),
]


@pytest.mark.parametrize(
    "mountpoint, mounts, entries, complaint",
    [
        ("/mnt/data", [("zroot/data", "/mnt/data")], [], None),
        ("/mnt/new", [], [], None),
        ("/mnt/group", [], [], None),
        ("/mnt/other", [("zroot/other", "/mnt/other")], [], "mountpoint of the dataset zroot/other"),
        ("/mnt/usb", [("/dev/da0s1", "/mnt/usb")], [], "/dev/da0s1 is mounted on /mnt/usb"),
        ("/mnt/data", [("zroot/data", "/mnt/data"), ("tmpfs", "/mnt/data")], [], "tmpfs is mounted on /mnt/data"),
        ("/mnt/full", [], ["b", "a", "c", "d"], "not empty (a, b, c …)"),
    ],
)
def test_mountpoint_conflicts(mountpoint, mounts, entries, complaint):
    conflict = rules.mountpoint_conflict("zroot/data", mountpoint, mountpoint, DATASETS, mounts, entries)
    assert conflict is None if complaint is None else complaint in conflict


def test_children_are_told():
    assert rules.shadowed_children("zroot/data", "/mnt/data", DATASETS) == ["zroot/data/media"]
