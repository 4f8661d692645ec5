# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.potluck.matrix.plugins.module_utils import _zfs


@pytest.mark.parametrize("text, size", [
    ("10G", 10 * 1024**3), ("128K", 131072), ("128k", 131072), ("1.5G", 3 * 512 * 1024**2), ("10GiB", 10 * 1024**3), ("10GB", 10 * 1024**3),
    ("512B", 512), ("131072", 131072), (131072, 131072), ("0", 0), (" 2T ", 2 * 1024**4),
])
def test_sizes_as_zfs_writes_them(text, size):
    assert _zfs.size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "G", "ten", "10 apples", "-1", "1e3", "10Gi5", True, "1.2.3", "10G\n5"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="is not a size"):
        _zfs.size_in_bytes(text)


@given(st.integers(0, 2**60))
def test_a_number_of_bytes_stays_itself(size):
    assert _zfs.size_in_bytes(str(size)) == size


@pytest.mark.parametrize("prop, wanted, reported", [
    ("quota", "1G", "1073741824"),
    ("quota", "none", "0"),
    ("quota", 0, "0"),
    ("reservation", "2G", "2147483648"),
    ("recordsize", "128K", "131072"),
    ("recordsize", 131072, "131072"),
    ("atime", False, "off"),
    ("atime", "off", "off"),
    ("compression", "lz4", "lz4"),
    ("copies", 2, "2"),
    ("snapshot_limit", "none", "18446744073709551615"),
    ("com.example:tag", "hello", "hello"),
])
def test_equal_values_are_no_difference(prop, wanted, reported):
    assert not _zfs.missing_properties(_zfs.canonical_properties({prop: wanted}), {prop: reported})


@pytest.mark.parametrize("prop, wanted, reported, difference", [
    ("quota", "2G", "1073741824", ("1073741824", "2147483648")),
    ("quota", "none", "1073741824", ("1073741824", "none")),
    ("atime", True, "off", ("off", "on")),
    ("com.example:tag", "hello", None, ("-", "hello")),
])
def test_differences(prop, wanted, reported, difference):
    current = {} if reported is None else {prop: reported}
    assert _zfs.missing_properties(_zfs.canonical_properties({prop: wanted}), current) == {prop: difference}


@pytest.mark.parametrize("properties, complaint", [
    ({"mountpoint": "/x"}, "an option of its own"),
    ({"canmount": "off"}, "mounted at boot"),
    ({"jailed": True}, "jailed"),
    ({"volsize": "1G"}, "volume"),
    ({"quota": "lots"}, "quota: 'lots' is not a size"),
    ({"No Such": "x"}, "not the name of a ZFS property"),
    ({"compression": None}, "single value"),
    ({"compression": ["lz4"]}, "single value"),
    ({"a:b": "x\ny"}, "line break"),
])
def test_properties_that_can_not_be_set(properties, complaint):
    with pytest.raises(ValueError, match=complaint):
        _zfs.canonical_properties(properties)


@pytest.mark.parametrize("name", ["zroot/matrixdata", "tank/a/b-c_d.e:f"])
def test_dataset_names(name):
    assert _zfs.check_name(name) is None


@pytest.mark.parametrize("name", ["zroot", "", "/zroot/x", "zroot/", "zroot//x", "zroot/a b", "zroot/x@snap", "1pool/x", "zroot/x\n"])
def test_what_is_no_dataset_name(name):
    assert _zfs.check_name(name)


def test_mounts_as_recorded():
    text = ("/dev/vtbd0p2\t\t/\t\t\tufs\trw\t\t1 1\nzroot/pot/bases\t\t/opt/pot/bases\t\tzfs\trw,noatime,nfsv4acls \t0 0\n"
            "/mnt/dd\t\t\t/opt/pot/jails/d1/m/media nullfs\trw,nfsv4acls \t0 0\ntank/b\\040c\t/mnt/b\\040c\tzfs\trw\t0 0\n")
    assert _zfs.parse_mounts(text) == [("/dev/vtbd0p2", "/"), ("zroot/pot/bases", "/opt/pot/bases"),
                                       ("/mnt/dd", "/opt/pot/jails/d1/m/media"), ("tank/b c", "/mnt/b c")]


DATASETS = [("zroot", "/zroot", "on"), ("zroot/other", "/mnt/other", "on"), ("zroot/group", "/mnt/group", "off"), ("zroot/data", "/mnt/data", "on"),
            ("zroot/data/media", "/mnt/data/media", "on")]


@pytest.mark.parametrize("mountpoint, mounts, entries, complaint", [
    ("/mnt/data", [("zroot/data", "/mnt/data")], [], None),
    ("/mnt/new", [], [], None),
    ("/mnt/group", [], [], None),
    ("/mnt/other", [("zroot/other", "/mnt/other")], [], "mountpoint of the dataset zroot/other"),
    ("/mnt/usb", [("/dev/da0s1", "/mnt/usb")], [], "/dev/da0s1 is mounted on /mnt/usb"),
    ("/mnt/data", [("zroot/data", "/mnt/data"), ("tmpfs", "/mnt/data")], [], "tmpfs is mounted on /mnt/data"),
    ("/mnt/full", [], ["b", "a", "c", "d"], "not empty (a, b, c …)"),
])
def test_mountpoint_conflicts(mountpoint, mounts, entries, complaint):
    conflict = _zfs.mountpoint_conflict("zroot/data", mountpoint, mountpoint, DATASETS, mounts, entries)
    assert conflict is None if complaint is None else complaint in conflict


def test_children_are_told():
    assert _zfs.shadowed_children("zroot/data", "/mnt/data", DATASETS) == ["zroot/data/media"]


@pytest.mark.parametrize("size, text", [(0, "0"), (1023, "1023"), (1536, "1.5K"), (1024**3, "1G"), (2**70, "1024E")])
def test_sizes_for_people(size, text):
    assert _zfs.human(size) == text
