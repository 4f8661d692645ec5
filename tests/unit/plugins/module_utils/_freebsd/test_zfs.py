# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes and properties are compared in the one spelling that zfs(8) reports."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import zfs
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "text, size",
    [
        ("10G", 10 * 1024**3),
        ("128K", 131072),
        ("128k", 131072),
        ("1.5G", 3 * 512 * 1024**2),
        ("10GiB", 10 * 1024**3),
        ("10GB", 10 * 1024**3),
        ("512B", 512),
        ("131072", 131072),
        (131072, 131072),
        ("0", 0),
        (" 2T ", 2 * 1024**4),
    ],
)
def test_sizes_as_zfs_writes_them(text, size):
    assert zfs.size_in_bytes(text) == size


@pytest.mark.parametrize("text", ["", "G", "ten", "10 apples", "-1", "1e3", "10Gi5", True, "1.2.3", "10G\n5"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="is not a size"):
        zfs.size_in_bytes(text)


@given(st.integers(0, 2**60))
def test_a_number_of_bytes_stays_itself(size):
    assert zfs.size_in_bytes(str(size)) == size


@pytest.mark.parametrize(
    "prop, wanted, reported",
    [
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
    ],
)
def test_equal_values_are_no_difference(prop, wanted, reported):
    assert not zfs.missing_properties(zfs.canonical_properties({prop: wanted}), {prop: reported})


@pytest.mark.parametrize(
    "prop, wanted, reported, difference",
    [
        ("quota", "2G", "1073741824", ("1073741824", "2147483648")),
        ("quota", "none", "1073741824", ("1073741824", "none")),
        ("atime", True, "off", ("off", "on")),
        ("com.example:tag", "hello", None, ("-", "hello")),
    ],
)
def test_differences(prop, wanted, reported, difference):
    current = {} if reported is None else {prop: reported}
    assert zfs.missing_properties(zfs.canonical_properties({prop: wanted}), current) == {prop: difference}


@pytest.mark.parametrize(
    "properties, complaint",
    [
        ({"mountpoint": "/x"}, "an option of its own"),
        ({"canmount": "off"}, "mounted at boot"),
        ({"jailed": True}, "jailed"),
        ({"volsize": "1G"}, "volume"),
        ({"quota": "lots"}, "quota: 'lots' is not a size"),
        ({"No Such": "x"}, "not the name of a ZFS property"),
        ({"compression": None}, "single value"),
        ({"compression": ["lz4"]}, "single value"),
        ({"a:b": "x\ny"}, "line break"),
    ],
)
def test_properties_that_can_not_be_set(properties, complaint):
    with pytest.raises(ValueError, match=complaint):
        zfs.canonical_properties(properties)


@pytest.mark.parametrize("size, text", [(0, "0"), (1023, "1023"), (1536, "1.5K"), (1024**3, "1G"), (2**70, "1024E")])
def test_sizes_for_people(size, text):
    assert zfs.human(size) == text
