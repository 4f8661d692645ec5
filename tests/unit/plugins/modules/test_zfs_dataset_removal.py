# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing but the homeserver's own dataset is ever destroyed, and that only when nobody else has a use for it."""

from __future__ import annotations

import json
import os

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import storage
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.dataset_rules import HOMESERVER
from ansible_collections.potluck.matrix.plugins.module_utils._pot import machine as machine_module
from ansible_collections.potluck.matrix.plugins.modules import zfs_dataset_removal
from pot_fake import FakeMachine, execute

NAME, POSTGRESQL = "zroot/red", "zroot/red/postgresql"


class Host(FakeMachine):
    """A host with the dataset of red.test, a child of it, and pots. C(marks) are (homeserver, source) by dataset."""

    def __init__(self, directory, monkeypatch, capsys):
        super().__init__(directory, monkeypatch)
        self.capsys = capsys
        self.top = self.directory + "/mnt/red"
        self.marks = {NAME: ("red.test", "local")}
        self.in_vain = False
        self.types = {}
        for name, path in ((NAME, self.top), (POSTGRESQL, self.top + "-postgresql")):
            os.makedirs(path)
            self.datasets[name] = self.props(path)

    def zfs(self, args):
        if args[0] == "get" and HOMESERVER in args:
            return 0, "".join(f"{name}\t{mark}\t{source}\n" for name, (mark, source) in self.marks.items()), ""
        if args[0] == "get":
            if args[-1] not in self.datasets:
                return 1, "", f"cannot open '{args[-1]}': dataset does not exist\n"
            found = {"type": self.types.get(args[-1], "filesystem"), **self.datasets[args[-1]]}
            return 0, "".join("{}\t{}\n".format(*item) for item in found.items()), ""
        if args[:3] == ["list", "-H", "-r"]:
            return 0, "".join(name + "\n" for name in self.datasets if (name + "/").startswith(args[-1] + "/")), ""
        if args[0] == "destroy":
            assert args[1:] == ["-r", NAME]
            if not self.in_vain:
                for name in [each for each in self.datasets if (each + "/").startswith(NAME + "/")]:
                    del self.datasets[name]
            return 0, "", ""
        return super().zfs(args)

    def remove(self, check=False, **more):
        """What the module returns; in check mode nothing is to happen."""
        arguments = {
            "name": NAME,
            "mountpoint": self.top,
            "homeserver": "red.test",
            "pot": "red",
            "below": [{"dataset": POSTGRESQL, "mountpoint": self.top + "-postgresql", "target": "/var/db/postgres"}],
            "_ansible_check_mode": check,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
            **more,
        }
        before = sorted(self.datasets)
        with patch_module_args(arguments), pytest.raises(SystemExit):
            zfs_dataset_removal.main()
        result = json.loads(self.capsys.readouterr().out)
        if check or result.get("failed"):
            assert sorted(self.datasets) == before and os.path.isdir(self.top)
        return result

    def refuses(self, words, **more):
        for check in (True, False):
            result = self.remove(check, **more)
            assert result.get("failed") and words in result["msg"] and not result["changed"], result


@pytest.fixture(name="host")
def fixture_host(tmp_path, monkeypatch, capsys):
    host = Host(tmp_path, monkeypatch, capsys)
    monkeypatch.setattr(storage, "_SYSTEM_TREES", tuple(set(storage._SYSTEM_TREES) - {"/tmp"}))
    monkeypatch.setattr(Runner, "run", lambda _runner, argv, *_more, **_options: host.run(argv))
    monkeypatch.setattr(machine_module.shutil, "which", lambda _name, path: host.pot)
    return host


def test_it_goes_with_its_children_and_their_directories(host):
    told, done = host.remove(check=True), host.remove()
    rmdirs = [f"rmdir {host.top}", f"rmdir {host.top}-postgresql"]
    assert told["changed"] and done["changed"] and done["actions"] == [f"zfs destroy -r {NAME}", *rmdirs]
    assert told["diff"] == done["diff"] and done["diff"]["after"] == {"state": "absent"}
    assert NAME not in host.datasets and POSTGRESQL not in host.datasets and not os.path.exists(host.top)
    assert not host.remove(below=[])["changed"]


def test_a_run_that_was_cut_off_is_completed(host):
    for name in (NAME, POSTGRESQL):
        del host.datasets[name]
    host.write(host.top + "-postgresql/file", "an administrator's")
    assert host.remove()["actions"] == [f"rmdir {host.top}"]
    assert os.listdir(host.top + "-postgresql") == ["file"]


def test_what_zfs_only_says_to_have_destroyed(host):
    host.in_vain = True
    result = host.remove()
    assert result["failed"] and "still there" in result["msg"]


def test_another_homeservers(host):
    host.marks[NAME] = ("blue.test", "local")
    host.refuses("holds the homeserver blue.test")


def test_one_of_no_homeserver(host):
    del host.marks[NAME]
    host.write(host.top + "/photos", "")
    host.refuses("something else than a homeserver's data (photos)")


def test_one_without_a_mark_that_nobody_can_look_at(host):
    del host.marks[NAME]
    host.datasets[NAME]["mounted"] = "no"
    host.refuses("does not say whose data it holds")


def test_an_empty_one_without_a_mark_goes(host):
    del host.marks[NAME]
    assert host.remove()["changed"]


def test_a_mark_is_believed_whatever_the_pot_has_written(host):
    host.write(host.top + "/photos", "")
    os.makedirs(host.top + "/matrixdata/matrix-synapse")
    host.write(host.top + "/matrixdata/matrix-synapse/server_name", "blue.test")
    assert host.remove(check=True)["changed"]


def test_strange_datasets_below(host):
    host.datasets[NAME + "/blue"] = host.props("/mnt/blue")
    host.refuses(f"{NAME}/blue would be destroyed with {NAME}")


def test_clones_elsewhere(host):
    host.datasets["zroot/copy"] = host.props("/copy", origin=POSTGRESQL + "@now")
    host.refuses("run 'zfs promote zroot/copy' first")


@pytest.mark.parametrize("source", ["dataset", "directory", "below"])
def test_a_dataset_that_another_pot_mounts(host, source):
    mounted = {"dataset": NAME, "directory": host.top, "below": host.top + "/matrixdata"}[source]
    os.makedirs(host.top + "/matrixdata")
    mount = {"source": mounted, "target": "/mnt", "kind": "dataset" if source == "dataset" else "directory"}
    for pot in ("red", "blue"):
        execute(host, name=pot, base="13.2", state="present")
        host.write(host.home(pot) + "/conf/fscomp.conf", f"{mount['source']} {mount['target']}\n")
    host.refuses(f"pot blue mounts {mounted}")
    os.unlink(host.home("blue") + "/conf/fscomp.conf")
    assert host.remove(check=True)["changed"]


def test_a_dataset_that_somebody_has_mounted_on_the_host(host):
    host.mounted.append((host.top, "/backup", "nullfs", "ro"))
    host.refuses("is mounted on /backup; unmount that first")


def test_a_volume(host):
    host.types[NAME] = "volume"
    host.refuses("is a volume")


def test_a_pool(host):
    host.refuses("zroot", name="zroot")
