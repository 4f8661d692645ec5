# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What jls(8), mount(8) and zfs(8) print, as data."""

from __future__ import annotations

import pathlib

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.tables import (
    parse_datasets,
    parse_jls,
    parse_mounts,
)

FIXTURES = pathlib.Path(__file__).parents[3] / "fixtures" / "pot"

ROOT = "/opt/pot/jails/d1/m"


def fixture(name):
    return (FIXTURES / name).read_text(encoding="utf-8")


def test_jls():
    assert parse_jls(fixture("jls")) == {"d1": {"jid": 4, "hostname": "d1.fbsd1.example.test", "path": ROOT}}
    assert parse_jls("") == {}


def test_mounts():
    found = parse_mounts(fixture("mount-single"))
    assert [(m[0], m[1], m[2]) for m in found][2:4] == [
        ("/mnt/dd", ROOT + "/mnt", "nullfs"),
        ("/mnt/dd", ROOT + "/media", "nullfs"),
    ]
    multi = parse_mounts(fixture("mount-multi"))
    assert ("/opt/pot/bases/13.2", "/opt/pot/jails/e2/m", "nullfs", ["ro", "noatime", "nfsv4acls"]) in multi and len(
        multi
    ) == 6
    assert len(parse_mounts(fixture("mount-alias"))) == 6


def test_datasets():
    assert parse_datasets("zroot/dd\t/mnt/dd\ton\tyes\t-\nzroot/v\t-\t-\t-\t-\n\n")["zroot/dd"] == {
        "mountpoint": "/mnt/dd",
        "canmount": "on",
        "mounted": "yes",
        "origin": "-",
    }


def test_mounts_as_recorded():
    text = (
        "/dev/vtbd0p2\t\t/\t\t\tufs\trw\t\t1 1\nzroot/pot/bases\t\t/opt/pot/bases\t\tzfs\trw,noatime,nfsv4acls \t0 0\n"
        "/mnt/dd\t\t\t/opt/pot/jails/d1/m/media nullfs\trw,nfsv4acls \t0 0\ntank/b\\040c\t/mnt/b\\040c\tzfs\trw\t0 0\n"
    )
    assert [mount[:2] for mount in parse_mounts(text)] == [
        ("/dev/vtbd0p2", "/"),
        ("zroot/pot/bases", "/opt/pot/bases"),
        ("/mnt/dd", "/opt/pot/jails/d1/m/media"),
        ("tank/b c", "/mnt/b c"),
    ]
