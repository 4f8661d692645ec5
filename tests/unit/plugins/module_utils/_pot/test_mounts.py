# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fscomp.conf and the paths in it, against what pot 0.16 wrote (fixtures) and against random text."""

from __future__ import annotations

import pathlib

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mounts import (
    FscompLine,
    host_path,
    parents_first,
    parse_fscomp,
    plan_mounts,
    resolve_inside,
)
from hypothesis import given
from hypothesis import strategies as st

FIXTURES = pathlib.Path(__file__).parents[3] / "fixtures" / "pot"

ROOT = "/opt/pot/jails/d1/m"


def fixture(name):
    return (FIXTURES / name).read_text(encoding="utf-8")


def plain(lines):
    return [(line.source, line.target, line.option) for line in lines]


def test_recorded_fscomp_files():
    expected = [("/mnt/dd", "/mnt", ""), ("zroot/dd", "/media", "")]
    assert plain(parse_fscomp(fixture("absolute-fscomp.conf"), ROOT)) == expected
    assert plain(parse_fscomp(fixture("relative-fscomp.conf"), ROOT)) == expected
    assert plain(parse_fscomp(fixture("multi-fscomp.conf"), "/opt/pot/jails/e2/m")) == [
        ("zroot/pot/bases/13.2", "/", "ro"),
        ("zroot/pot/jails/e2/usr.local", "/usr/local", "zfs-remount"),
        ("zroot/pot/jails/e2/custom", "/opt/custom", "zfs-remount"),
    ]


targets = st.lists(st.sampled_from(["a", "b", "mnt", "m", "opt"]), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)

mounts = st.tuples(
    st.sampled_from(["/data", "/mnt/dd", "zroot/dd", "zroot/pot/fscomp/f"]),
    targets,
    st.sampled_from(["", "ro", "rw,nosuid"]),
)


@given(st.lists(mounts, max_size=6))
def test_both_forms_mean_the_same(entries):
    relative = "".join("{} {} {}\n".format(*entry) for entry in entries)
    absolute = "".join(f"{source} {ROOT}{target} {option}\n" for source, target, option in entries)
    assert plain(parse_fscomp(relative, ROOT)) == plain(parse_fscomp(absolute, ROOT)) == entries
    assert "".join(line.raw + "\n" for line in parse_fscomp(absolute, ROOT)) == absolute


@given(st.lists(mounts, max_size=6))
def test_parents_first(entries):
    lines = [FscompLine("{} {} {}".format(*entry), ROOT) for entry in entries]
    ordered = parents_first(lines)
    assert sorted(map(id, ordered)) == sorted(map(id, lines))
    for position, line in enumerate(ordered):
        assert not any(line.target.startswith(later.target + "/") for later in ordered[position + 1 :])
    if not any(b.target.startswith(a.target + "/") for a in lines for b in lines):
        assert ordered == lines


@given(st.lists(mounts, max_size=6), st.lists(mounts, max_size=4, unique_by=lambda mount: mount[1]), st.booleans())
def test_plan_mounts_reaches_what_is_wanted(entries, wanted, exact):
    own = ("zroot/pot/bases/", "zroot/pot/jails/")
    lines = parse_fscomp(fixture("multi-fscomp.conf"), "/opt/pot/jails/e2/m") + [
        FscompLine("{} {} {}".format(*e), ROOT) for e in entries
    ]

    def plan(now):
        return plan_mounts(now, wanted, exact, lambda p: p, lambda s: s, own)

    remove, add = plan(lines)
    after = [line for line in lines if line not in remove] + [FscompLine("{} {} {}".format(*m), ROOT) for m in add]
    assert plan(after) == ([], [])
    assert plain(after[:3]) == plain(lines[:3])
    at = {line.target: (line.source, line.option) for line in after[3:]}
    assert all(at[target] == (source, option) for source, target, option in wanted)
    if exact:
        assert set(at) == {target for _s, target, _o in wanted}
    else:
        assert {e[1] for e in entries} <= set(at)


def test_plan_mounts_refuses():
    own = ("zroot/pot/bases/", "zroot/pot/jails/")
    lines = parse_fscomp(fixture("multi-fscomp.conf"), "/opt/pot/jails/e2/m")
    for wanted, message in (
        ([("/a", "/usr/local", "")], "used by pot itself"),
        ([("/a", "/x", ""), ("/b", "/x", "")], "Two mounts"),
    ):
        with pytest.raises(Sentence, match=message):
            plan_mounts(lines, wanted, False, lambda p: p, lambda s: s, own)


def test_links_are_followed_inside_the_jail_only(tmp_path):
    (tmp_path / "usr" / "home").mkdir(parents=True)
    (tmp_path / "home").symlink_to("usr/home")
    (tmp_path / "abs").symlink_to("/usr/home")
    (tmp_path / "evil").symlink_to("../../../../etc")
    (tmp_path / "loop").symlink_to("loop")
    roots = [("/", str(tmp_path))]
    assert resolve_inside("/home/x", roots) == "/usr/home/x"
    assert resolve_inside("/abs/x/", roots) == "/usr/home/x"
    assert resolve_inside("/evil/passwd", roots) == "/etc/passwd"
    assert resolve_inside("//not//there/./x", roots) == "/not/there/x"
    with pytest.raises(Sentence, match="too many symbolic links"):
        resolve_inside("/loop", roots)


def test_a_stopped_multi_pot_is_looked_at_in_its_parts(tmp_path):
    for part in ("base/opt/custom", "usr.local/etc", "custom/var"):
        (tmp_path / part).mkdir(parents=True)
    (tmp_path / "base" / "var").symlink_to("opt/custom/var")
    (tmp_path / "custom" / "var" / "db").symlink_to("/usr/local/db")
    roots = [
        ("/", str(tmp_path / "base")),
        ("/usr/local", str(tmp_path / "usr.local")),
        ("/opt/custom", str(tmp_path / "custom")),
    ]
    assert resolve_inside("/var/x", roots) == "/opt/custom/var/x"
    assert resolve_inside("/var/db", roots) == "/usr/local/db"
    assert host_path("/usr/local/etc", roots) == str(tmp_path / "usr.local/etc")
    assert host_path("/usr/locals", roots) == str(tmp_path / "base/usr/locals")


@given(targets)
def test_resolving_without_links_is_the_identity(target):
    assert resolve_inside(target, [("/", "/nonexistent")]) == target
