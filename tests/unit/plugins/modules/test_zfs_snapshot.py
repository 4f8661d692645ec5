# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot is of one moment or refused, is gone back to as a whole or not at all, and nothing else is destroyed."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.modules import zfs_snapshot, zfs_snapshot_info
from fake_zfs import FakeZfs

BOTH = ["zroot/data", "zroot/pot/jails/web"]
THREE = ["zroot/data@a", "zroot/pot/jails/web@a", "zroot/pot/jails/web/m@a"]
BACK = [
    "set potluck.matrix:going-back=a zroot/data zroot/pot/jails/web",
    *[f"rollback {name}" for name in THREE],
    "inherit potluck.matrix:going-back zroot/data zroot/pot/jails/web",
]


@pytest.fixture(name="zfs")
def fixture_zfs(monkeypatch, capsys):
    return FakeZfs(monkeypatch, capsys)


@pytest.fixture(name="snapshot")
def fixture_snapshot(zfs):
    def call(state="present", check=False, **more):
        arguments = {"name": "a", "datasets": BOTH, "state": state, "_ansible_check_mode": check, **more}
        return zfs.call(zfs_snapshot, **arguments)

    return call


def refused(zfs, snapshot, option, sentence, **arguments):
    """The options are refused in both modes, and nothing is done."""
    files, moments = dict(zfs.files), dict(zfs.moments)
    for check in (True, False):
        result = snapshot(check=check, **arguments)
        assert result["failed"] and not result["changed"] and result["option"] == option, result
        assert result["msg"] == sentence and result["actions"] == zfs.written == []
    assert (zfs.files, zfs.moments) == (files, moments)


# -- present


def test_one_command_takes_all_of_one_moment(zfs, snapshot):
    foretold = snapshot(check=True)
    assert foretold["changed"] and foretold["snapshots"] == zfs.written == [] and not zfs.moments
    result = snapshot()
    assert zfs.written == ["snapshot -r zroot/data@a zroot/pot/jails/web@a"]
    assert result["changed"] and list(zfs.moments) == THREE
    assert (result["actions"], result["diff"]) == (foretold["actions"], foretold["diff"])
    assert result["diff"] == {"before": dict.fromkeys(THREE, "absent"), "after": dict.fromkeys(THREE, "present")}
    assert [each["snapshot"] for each in result["snapshots"]] == THREE
    assert result["snapshots"][0] == {
        "name": "a",
        "dataset": "zroot/data",
        "snapshot": "zroot/data@a",
        "created": 1795901004,
        "used": 1024,
        "properties": {},
    }


@pytest.mark.parametrize("check", [True, False])
def test_a_second_run_changes_nothing(zfs, snapshot, check):
    snapshot()
    zfs.files["zroot/data"] = "second"
    # What came later has no part in that moment.
    zfs.create("zroot/pot/jails/web/new")
    again = snapshot(check=check)
    assert not again["changed"] and again["actions"] == [] and len(again["snapshots"]) == 3
    assert again["diff"] == {"before": {}, "after": {}} and len(zfs.written) == 1


def test_what_lies_below_another_is_named_once(zfs, snapshot):
    snapshot(datasets=["zroot/pot/jails/web/m", "zroot/pot/jails/web", "zroot/pot/jails/web"])
    assert zfs.written == ["snapshot -r zroot/pot/jails/web@a"]


def test_a_snapshot_of_some_is_refused(zfs, snapshot):
    zfs.take("zroot/data@a")
    sentence = (
        "there is a snapshot zroot/data@a, but none of that name of zroot/pot/jails/web, zroot/pot/jails/web/m; "
        "give another name, such as a-2, or destroy them first"
    )
    refused(zfs, snapshot, "name", sentence)


def test_a_dataset_that_was_asked_for_is_missed_even_when_it_is_younger(zfs, snapshot):
    zfs.take("zroot/data@a")
    zfs.create("zroot/late")
    sentence = (
        "there is a snapshot zroot/data@a, but none of that name of zroot/late; "
        "give another name, such as a-2, or destroy them first"
    )
    refused(zfs, snapshot, "name", sentence, datasets=["zroot/data", "zroot/late"])


def test_snapshots_of_two_moments_are_refused(zfs, snapshot):
    zfs.take("zroot/data@a")
    zfs.take("zroot/pot/jails/web@a", "zroot/pot/jails/web/m@a")
    sentence = (
        "the snapshots zroot/data@a and zroot/pot/jails/web@a are not of one moment; "
        "give another name, such as a-2, or destroy them first"
    )
    refused(zfs, snapshot, "name", sentence)


def test_success_in_vain_is_not_believed(zfs, snapshot):
    zfs.ignores.add("snapshot")
    result = snapshot()
    assert result["failed"] and "option" not in result
    assert result["msg"] == "zfs reported success, and yet there is no snapshot a"


def test_the_words_of_zfs_are_passed_on(zfs, snapshot, monkeypatch):
    monkeypatch.setattr(zfs, "zfs_snapshot", lambda arguments: (1, "", "cannot create snapshots : out of space\n"))
    result = snapshot()
    assert result["failed"] and result["msg"] == (
        "'zfs snapshot -r zroot/data@a zroot/pot/jails/web@a' failed: cannot create snapshots : out of space"
    )


# -- absent


def test_only_that_name_is_destroyed(zfs, snapshot):
    zfs.take(*THREE)
    zfs.take("zroot/data@ab")
    foretold = snapshot("absent", check=True)
    assert foretold["changed"] and len(foretold["snapshots"]) == 3 and len(zfs.moments) == 4
    result = snapshot("absent")
    assert zfs.written == ["destroy -r zroot/data@a", "destroy -r zroot/pot/jails/web@a"]
    assert list(zfs.moments) == ["zroot/data@ab"] and result["changed"] and result["snapshots"] == []
    assert (result["actions"], result["diff"]) == (foretold["actions"], foretold["diff"])
    assert result["diff"] == {"before": dict.fromkeys(THREE, "present"), "after": dict.fromkeys(THREE, "absent")}
    again = snapshot("absent")
    assert not again["changed"] and again["actions"] == [] and len(zfs.written) == 2


def test_a_snapshot_below_alone_is_found(zfs, snapshot):
    zfs.take("zroot/pot/jails/web/m@a")
    assert snapshot("absent")["actions"] == ["zfs destroy -r zroot/pot/jails/web@a"]
    assert not zfs.moments


def test_a_bookmark_of_that_name_stays(zfs, snapshot):
    zfs.moments["zroot/data#a"] = (2000, "")
    assert not snapshot("absent")["changed"] and "zroot/data#a" in zfs.moments


def test_a_held_snapshot_is_an_error(zfs, snapshot):
    zfs.take(*THREE)
    zfs.held.add("zroot/pot/jails/web/m@a")
    result = snapshot("absent")
    assert (
        result["failed"]
        and result["changed"]
        and result["msg"]
        == (
            "'zfs destroy -r zroot/pot/jails/web@a' failed: cannot destroy snapshot zroot/pot/jails/web/m@a: "
            "it's being held. Run 'zfs holds -r zroot/pot/jails/web/m@a' to see holders."
        )
    )


def test_destroying_in_vain_is_not_believed(zfs, snapshot):
    zfs.take(*THREE)
    zfs.ignores.add("destroy")
    assert snapshot("absent")["msg"] == "zfs reported success, and yet zroot/data@a is still there"


# -- rolled_back


def test_all_go_back(zfs, snapshot):
    zfs.take(*THREE)
    zfs.files = dict.fromkeys(zfs.files, "second")
    foretold = snapshot("rolled_back", check=True)
    assert foretold["changed"] and set(zfs.files.values()) == {"second"}
    result = snapshot("rolled_back")
    assert zfs.written == BACK and set(zfs.files.values()) == {"first"}
    assert (result["actions"], result["diff"]) == (foretold["actions"], foretold["diff"])
    assert result["diff"]["before"] == {name.partition("@")[0]: "as it is now" for name in THREE}
    assert result["diff"]["after"]["zroot/data"] == "as it was in zroot/data@a"
    assert result["changed"] and len(result["snapshots"]) == 3 and not zfs.warnings
    # What has been written since is not known, so that it is done again.
    assert snapshot("rolled_back")["changed"]


def test_newer_snapshots_are_not_lost_unasked(zfs, snapshot):
    zfs.take(*THREE)
    zfs.take("zroot/pot/jails/web/m@hourly")
    zfs.take("zroot/data@hourly")
    zfs.moments["zroot/data#mark"] = (2000, "")
    sentence = (
        "going back to a would destroy what came after it "
        "(zroot/data@hourly, zroot/data#mark, zroot/pot/jails/web/m@hourly); "
        "go back to the newest, or set force_newer: true to lose these"
    )
    refused(zfs, snapshot, "force_newer", sentence, state="rolled_back")


def test_newer_snapshots_go_before_the_first_file_changes(zfs, snapshot):
    zfs.take(*THREE)
    zfs.take("zroot/data@b", "zroot/pot/jails/web@b")
    zfs.files["zroot/data"] = "second"
    result = snapshot("rolled_back", force_newer=True)
    assert zfs.written == [
        "destroy zroot/data@b",
        "destroy zroot/pot/jails/web@b",
        *BACK,
    ]
    assert zfs.files["zroot/data"] == "first" and list(zfs.moments) == THREE
    assert result["diff"]["after"]["zroot/data@b"] == "absent"


def test_a_newer_snapshot_that_is_held_leaves_all_files_as_they_are(zfs, snapshot):
    zfs.take(*THREE)
    zfs.take("zroot/pot/jails/web/m@b")
    zfs.held.add("zroot/pot/jails/web/m@b")
    zfs.files = dict.fromkeys(zfs.files, "second")
    result = snapshot("rolled_back", force_newer=True)
    assert result["failed"] and not result["halfway"] and "it's being held" in result["msg"]
    assert set(zfs.files.values()) == {"second"}


def test_a_missing_snapshot_is_named_with_those_there_are(zfs, snapshot):
    for tag in ("s1", "s2", "s3", "s4"):
        zfs.take("zroot/data@" + tag)
    sentence = "zroot/data has no snapshot a; it has s4, s3, s2 and 1 more"
    refused(zfs, snapshot, "name", sentence, state="rolled_back")


def test_one_of_two_without_the_snapshot_leaves_both_as_they_are(zfs, snapshot):
    zfs.take("zroot/data@a")
    sentence = "zroot/pot/jails/web has no snapshot a; it has no snapshot at all"
    refused(zfs, snapshot, "name", sentence, state="rolled_back")


def test_what_came_later_stays_with_a_warning(zfs, snapshot):
    zfs.take(*THREE)
    zfs.create("zroot/data/new")
    result = snapshot("rolled_back")
    assert result["changed"] and zfs.warnings == ["zroot/data/new came after the snapshot a and stays as it is"]
    assert zfs.written == BACK


def test_one_that_is_cut_off_is_known_and_gone_on_with(zfs, snapshot, monkeypatch):
    zfs.take(*THREE)
    zfs.files = dict.fromkeys(zfs.files, "second")
    rollback = zfs.zfs_rollback
    last = "cannot rollback to 'zroot/pot/jails/web@a': dataset is busy"
    monkeypatch.setattr(
        zfs, "zfs_rollback", lambda given: (1, "", last) if given == ["zroot/pot/jails/web@a"] else rollback(given)
    )
    result = snapshot("rolled_back")
    assert result["failed"] and result["changed"] and result["halfway"] and last in result["msg"]
    assert zfs.files["zroot/data"] == "first" and zfs.files["zroot/pot/jails/web/m"] == "second"
    assert zfs.call(zfs_snapshot_info, datasets=BOTH)["going_back"] == "a"
    monkeypatch.setattr(zfs, "zfs_rollback", rollback)
    assert snapshot("rolled_back")["changed"] and set(zfs.files.values()) == {"first"}
    assert zfs.call(zfs_snapshot_info, datasets=BOTH)["going_back"] == ""


# -- properties and room


def test_properties_come_with_the_snapshots_and_change(zfs, snapshot):
    first = snapshot(properties={"x:state": "begun", "x:why": "test"})
    assert zfs.written == ["snapshot -r -o x:state=begun -o x:why=test zroot/data@a zroot/pot/jails/web@a"]
    assert [each["properties"] for each in first["snapshots"]] == [{"x:state": "begun", "x:why": "test"}] * 3
    assert not snapshot(properties={"x:state": "begun"})["changed"]
    foretold = snapshot(properties={"x:state": "done"}, check=True)
    done = snapshot(properties={"x:state": "done"})
    assert zfs.written[1:] == ["set x:state=done " + " ".join(THREE)]
    assert done["changed"] and (done["actions"], done["diff"]) == (foretold["actions"], foretold["diff"])
    assert done["diff"]["after"] == {f"x:state of {name}": "done" for name in THREE}
    found = zfs.call(zfs_snapshot_info, datasets=BOTH, properties=["x:why", "x:state", "x:none"])["snapshots"]
    assert [each["properties"] for each in found] == [{"x:state": "done", "x:why": "test"}] * 3


def test_properties_in_vain_are_not_believed(zfs, snapshot):
    snapshot(properties={"x:state": "begun"})
    zfs.ignores.add("set")
    result = snapshot(properties={"x:state": "done"})
    assert result["failed"] and result["msg"] == (
        "zfs reported success, and yet zroot/data@a, zroot/pot/jails/web@a, zroot/pot/jails/web/m@a did not take its "
        "properties"
    )


def test_no_native_property(zfs, snapshot):
    sentence = "quota is none that a snapshot can be given; name one with a colon, as in example.com:why"
    refused(zfs, snapshot, "properties", sentence, properties={"quota": "1G"})


def test_a_pool_without_the_room(zfs, snapshot):
    room = ["zroot/pot/jails/web"]
    zfs.available = 2 * 24576
    assert snapshot(room_for=room, check=True)["changed"]
    zfs.available -= 1
    sentence = (
        "48K are free for zroot/pot/jails/web, and 48K are needed to write what is in it anew while a snapshot keeps "
        "what there was; make room in the pool, for example by destroying old snapshots, or raise its quota"
    )
    refused(zfs, snapshot, "room_for", sentence, room_for=room)
    assert snapshot()["changed"]


# -- what is asked for


@pytest.mark.parametrize("name", ["", "a b", "a@b", "a/b", "a,b", "a%b", "-r", "a" * 101])
def test_names_that_are_none(zfs, snapshot, name):
    sentence = (
        f"'{name}' is not the name of a snapshot; use letters, digits, '_', '-', '.' and ':', as in before-upgrade"
    )
    refused(zfs, snapshot, "name", sentence, name=name)


@pytest.mark.parametrize("dataset", ["zroot", "zroot/a@b", "/mnt/data", "zroot/../x", "-r", "zroot/a b"])
def test_datasets_that_are_none(zfs, snapshot, dataset):
    sentence = f"'{dataset}' is not the name of a dataset below a pool; name one such as zroot/matrixdata"
    refused(zfs, snapshot, "datasets", sentence, datasets=[dataset])


def test_no_dataset_at_all(zfs, snapshot):
    refused(zfs, snapshot, "datasets", "the list is empty; name a dataset such as zroot/matrixdata", datasets=[])


def test_two_pools(zfs, snapshot):
    sentence = (
        "tank/b and zroot/a are in different pools, of which no snapshot can be of one moment; "
        "name datasets of one pool, such as zroot/matrixdata and zroot/pot/jails/matrix1"
    )
    refused(zfs, snapshot, "datasets", sentence, datasets=["zroot/a", "tank/b"])


@pytest.mark.parametrize("state", ["present", "absent", "rolled_back"])
def test_a_dataset_that_does_not_exist(zfs, snapshot, state):
    sentence = "zroot/no does not exist on this host; 'zfs list' shows what does"
    refused(zfs, snapshot, "datasets", sentence, state=state, datasets=["zroot/data", "zroot/no"])
