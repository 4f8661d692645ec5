# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module against a stand-in for zfs(8), zpool(8) and mount(8) that keeps state and speaks as recorded on FreeBSD."""

from __future__ import annotations

import json
import os

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args

from ansible_collections.potluck.matrix.plugins.modules import zfs_dataset

GIB = 1024**3


class Machine:
    """One pool, its datasets and the mounts. Values are kept as "zfs get -p" prints them."""

    def __init__(self, directory):
        self.directory = directory
        self.datasets = {"zroot": self.dataset(str(directory / "zroot"))}
        self.extra_mounts = []
        self.written = []
        self.ignores = set()

    @staticmethod
    def dataset(mountpoint, **properties):
        return {"type": "filesystem", "used": "24576", "available": str(20 * GIB), "mounted": "yes", "mountpoint": mountpoint, "canmount": "on",
                "quota": "0", "recordsize": "131072", "compression": "off", "atime": "on", **properties}

    def run(self, argv):
        program, arguments = os.path.basename(argv[0]), argv[1:]
        if program == "zpool":
            return 0, "zroot\n", ""
        if program == "mount":
            lines = ["%s\t%s\tzfs\trw,nfsv4acls \t0 0\n" % (name, dataset["mountpoint"])
                     for name, dataset in self.datasets.items() if dataset["mounted"] == "yes"]
            return 0, "".join(lines + ["%s\t%s\tufs\trw\t0 0\n" % mount for mount in self.extra_mounts]), ""
        name = arguments[-1]
        if arguments[0] == "list":
            return 0, "".join("%s\t%s\t%s\n" % (key, value["mountpoint"], value["canmount"]) for key, value in self.datasets.items()
                              if value["type"] == "filesystem"), ""
        if arguments[0] == "get":
            if name not in self.datasets:
                return 1, "", "cannot open '%s': dataset does not exist\n" % name
            if "available" in arguments:
                return 0, self.datasets[name]["available"] + "\n", ""
            return 0, "".join("%s\t%s\n" % item for item in self.datasets[name].items()), ""
        self.written.append(" ".join(arguments))
        if arguments[0] == "create":
            given = dict(option.split("=", 1) for flag, option in zip(arguments, arguments[1:]) if flag == "-o")
            if "nosuch" in given:
                return 1, "", "cannot create '%s': invalid property 'nosuch'\n" % name
            self.datasets[name] = self.dataset(**{key: value for key, value in given.items() if key not in self.ignores})
            os.makedirs(given["mountpoint"])
        elif arguments[0] == "set":
            key, value = arguments[1].split("=", 1)
            if key not in self.ignores:
                self.datasets[name][key] = "0" if (key, value) == ("quota", "none") else value
        elif arguments[0] == "mount":
            self.datasets[name]["mounted"] = "no" if "mounted" in self.ignores else "yes"
        return 0, "", ""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    machine = Machine(tmp_path)
    monkeypatch.setattr(basic.AnsibleModule, "get_bin_path", lambda self, name, *rest: "/sbin/" + name)
    monkeypatch.setattr(basic.AnsibleModule, "run_command", lambda self, argv, **kwargs: machine.run(argv))
    return machine


@pytest.fixture
def ensure(machine, capsys):
    def call(check=False, **arguments):
        arguments = {"name": "zroot/data", "mountpoint": str(machine.directory / "data"), **arguments, "_ansible_check_mode": check}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            zfs_dataset.main()
        return json.loads(capsys.readouterr().out)
    return call


def test_create_then_nothing(machine, ensure):
    wanted = dict(properties={"quota": "1G", "atime": False, "compression": "lz4"}, minimum_free="1G")
    foretold = ensure(check=True, **wanted)
    assert foretold["changed"] and not machine.written
    result = ensure(**wanted)
    assert result["changed"] and result["actions"] == foretold["actions"] and result["diff"] == foretold["diff"]
    assert result["diff"]["after"] == {"state": "present", "mountpoint": str(machine.directory / "data"),
                                       "quota": "1073741824", "atime": "off", "compression": "lz4"}
    assert machine.written == ["create -p -o mountpoint=%s/data -o atime=off -o compression=lz4 -o quota=1073741824 zroot/data" % machine.directory]
    for check in (False, True):
        again = ensure(check=check, **wanted)
        assert not again["changed"] and again["actions"] == [] and again["diff"]["before"] == again["diff"]["after"] == {}
    assert len(machine.written) == 1


def test_only_what_differs_is_set(machine, ensure):
    ensure(properties={"quota": "1G", "compression": "lz4"})
    foretold = ensure(check=True, properties={"quota": "2G", "compression": "lz4", "recordsize": "128K"})
    result = ensure(properties={"quota": "2G", "compression": "lz4", "recordsize": "128K"})
    assert foretold["changed"] and foretold["diff"] == result["diff"]
    assert result["actions"] == ["zfs set quota=2147483648 zroot/data"]
    assert (result["diff"]["before"], result["diff"]["after"]) == ({"quota": "1073741824"}, {"quota": "2147483648"})
    assert ensure(properties={"quota": "none"})["actions"] == ["zfs set quota=none zroot/data"]
    assert not ensure(properties={"quota": "none"})["changed"]


def test_an_unmounted_dataset_is_mounted(machine, ensure):
    ensure()
    machine.datasets["zroot/data"]["mounted"] = "no"
    assert ensure(check=True)["diff"]["after"] == {"mounted": "yes"}
    assert machine.datasets["zroot/data"]["mounted"] == "no"
    assert ensure()["actions"] == ["zfs mount zroot/data"]
    assert not ensure()["changed"]


def test_an_existing_dataset_moves_to_the_mountpoint(machine, ensure):
    machine.datasets["zroot/data"] = machine.dataset("/zroot/data")
    (machine.directory / "data").mkdir()
    assert ensure()["actions"] == ["zfs set mountpoint=%s/data zroot/data" % machine.directory]


def test_mode_of_the_root_directory(machine, ensure):
    ensure(mode="0750")
    assert os.stat(machine.directory / "data").st_mode & 0o7777 == 0o750
    os.chmod(machine.directory / "data", 0o755)
    result = ensure(check=True, mode="0750")
    assert result["changed"] and result["diff"]["after"]["mode"] == "0750"
    assert ensure(mode="0750")["changed"] and not ensure(mode="0750")["changed"]


def failure(machine, ensure, option, sentence, **arguments):
    for check in (True, False):
        result = ensure(check=check, **arguments)
        assert result.get("failed") and result["option"] == option and sentence in result["msg"], result
    assert not [command for command in machine.written if not command.startswith(("create", "set", "mount"))]


def test_a_missing_pool(machine, ensure):
    failure(machine, ensure, "name", "there is no pool 'tank' on this machine for the dataset tank/data; it has zroot", name="tank/data")
    assert not machine.written


def test_a_pool_is_no_dataset(machine, ensure):
    failure(machine, ensure, "name", "names a whole pool", name="zroot")


@pytest.mark.parametrize("properties, sentence", [
    ({"type": "volume"}, "is a volume"),
    ({"canmount": "off"}, "canmount=off"),
    ({"canmount": "noauto"}, "canmount=noauto"),
    ({"mountpoint": "legacy"}, "mountpoint=legacy"),
    ({"mountpoint": "none"}, "mountpoint=none"),
    ({"jailed": "on"}, "jailed=on"),
])
def test_datasets_that_can_not_be_used(machine, ensure, properties, sentence):
    machine.datasets["zroot/data"] = machine.dataset(**{"mountpoint": str(machine.directory / "data"), **properties})
    failure(machine, ensure, "name", sentence)
    assert not machine.written


def test_a_mountpoint_of_another_dataset(machine, ensure):
    machine.datasets["zroot/other"] = machine.dataset(str(machine.directory / "data"))
    failure(machine, ensure, "mountpoint", "already the mountpoint of the dataset zroot/other")


def test_a_mountpoint_of_another_file_system(machine, ensure):
    machine.extra_mounts.append(("/dev/da0s1", str(machine.directory / "data")))
    failure(machine, ensure, "mountpoint", "/dev/da0s1 is mounted on")


def test_a_directory_with_files(machine, ensure):
    (machine.directory / "data").mkdir()
    (machine.directory / "data" / "precious").write_text("x")
    failure(machine, ensure, "mountpoint", "is not empty (precious)")
    machine.datasets["zroot/data"] = machine.dataset(str(machine.directory / "data"), mounted="no")
    failure(machine, ensure, "mountpoint", "is not empty (precious)")
    assert not machine.written


def test_a_file_in_the_way(machine, ensure):
    (machine.directory / "data").write_text("x")
    failure(machine, ensure, "mountpoint", "is not a directory")


@pytest.mark.parametrize("mountpoint", ["/", "relative", "/mnt/../etc", "/mnt/a b"])
def test_bad_mountpoints(machine, ensure, mountpoint):
    if mountpoint == "relative":
        failure(machine, ensure, "mountpoint", "is not an absolute path", mountpoint="relative")
    else:
        failure(machine, ensure, "mountpoint", "is not an absolute path", mountpoint=mountpoint)


def test_a_full_dataset(machine, ensure):
    ensure()
    machine.datasets["zroot/data"]["available"] = str(100 * 1024**2)
    failure(machine, ensure, "minimum_free", "zroot/data has 100M free, less than the 1G", minimum_free="1G")


def test_a_full_pool_before_anything_is_made(machine, ensure):
    machine.datasets["zroot"]["available"] = "4096"
    failure(machine, ensure, "minimum_free", "zroot/data has 4K free", minimum_free="1G")
    assert not machine.written


def test_bad_sizes(machine, ensure):
    failure(machine, ensure, "minimum_free", "is not a size", minimum_free="some")
    failure(machine, ensure, "properties", "quota: 'some' is not a size", properties={"quota": "some"})


def test_what_zfs_says_is_passed_on(machine, ensure):
    result = ensure(properties={"nosuch": "1"})
    assert result["option"] == "properties" and "invalid property 'nosuch'" in result["msg"]


def test_success_is_not_believed(machine, ensure):
    machine.ignores = {"compression"}
    result = ensure(properties={"compression": "lz4"})
    assert result["option"] == "properties" and "did not take compression=lz4 (it is off)" in result["msg"]
    machine.ignores = {"mounted"}
    machine.datasets["zroot/data"].update(mounted="no", keystatus="unavailable")
    assert "encryption key is not loaded" in ensure()["msg"]


def test_children_are_warned_about(machine, ensure, monkeypatch):
    warnings = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda self, warning: warnings.append(warning))
    ensure()
    machine.datasets["zroot/data/media"] = machine.dataset(str(machine.directory / "data" / "media"))
    assert not ensure()["changed"]
    assert len(warnings) == 1 and warnings[0].startswith("zroot/data/media is mounted below")
