# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module against a stand-in for zfs(8), zpool(8) and mount(8) that keeps state and speaks as recorded on
FreeBSD.
"""

from __future__ import annotations

import json
import os

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import dataset_home, storage
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.dataset_rules import HOMESERVER
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
        self.sources = {}

    @staticmethod
    def dataset(mountpoint, **properties):
        return {
            "type": "filesystem",
            "used": "24576",
            "available": str(20 * GIB),
            "mounted": "yes",
            "mountpoint": mountpoint,
            "canmount": "on",
            "quota": "0",
            "recordsize": "131072",
            "compression": "off",
            "atime": "on",
            **properties,
        }

    def run(self, argv):
        program, arguments = os.path.basename(argv[0]), argv[1:]
        if program == "zpool":
            return 0, "zroot\n", ""
        if program == "mount":
            lines = [
                "{}\t{}\tzfs\trw,nfsv4acls \t0 0\n".format(name, dataset["mountpoint"])
                for name, dataset in self.datasets.items()
                if dataset["mounted"] == "yes"
            ]
            return 0, "".join(lines + ["{}\t{}\tufs\trw\t0 0\n".format(*mount) for mount in self.extra_mounts]), ""
        name = arguments[-1]
        if arguments[0] == "list":
            return (
                0,
                "".join(
                    "{}\t{mountpoint}\t{canmount}\t{mounted}\t-\n".format(key, **value)
                    for key, value in self.datasets.items()
                    if value["type"] == "filesystem"
                ),
                "",
            )
        if arguments[0] == "get":
            if name not in self.datasets and name != HOMESERVER:
                return 1, "", f"cannot open '{name}': dataset does not exist\n"
            if HOMESERVER in arguments:
                marked = {key: value[HOMESERVER] for key, value in self.datasets.items() if HOMESERVER in value}
                return (
                    0,
                    "".join(
                        "{}\t{}\t{}\n".format(key, value, self.sources.get(key, "local"))
                        for key, value in marked.items()
                    ),
                    "",
                )
            if "available" in arguments:
                return 0, self.datasets[name]["available"] + "\n", ""
            return 0, "".join("{}\t{}\n".format(*item) for item in self.datasets[name].items()), ""
        self.written.append(" ".join(arguments))
        if arguments[0] == "create":
            given = dict(option.split("=", 1) for flag, option in zip(arguments, arguments[1:]) if flag == "-o")
            if "nosuch" in given:
                return 1, "", f"cannot create '{name}': invalid property 'nosuch'\n"
            self.datasets[name] = self.dataset(
                **{key: value for key, value in given.items() if key not in self.ignores}
            )
            os.makedirs(given["mountpoint"])
        elif arguments[0] == "set":
            key, value = arguments[1].split("=", 1)
            if key not in self.ignores:
                self.datasets[name][key] = "0" if (key, value) == ("quota", "none") else value
        elif arguments[0] in ("unmount",):
            self.datasets[name]["mounted"] = "no"
        elif arguments[0] == "mount":
            self.datasets[name]["mounted"] = "no" if "mounted" in self.ignores else "yes"
        return 0, "", ""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    machine = Machine(tmp_path)
    # Where the host's directories are in a test.
    monkeypatch.setattr(storage, "_SYSTEM_TREES", tuple(set(storage._SYSTEM_TREES) - {"/tmp"}))
    monkeypatch.setattr(Runner, "run", lambda self, argv, timeout=None: machine.run(argv))
    return machine


@pytest.fixture
def ensure(machine, capsys):
    def call(check=False, **arguments):
        arguments = {
            "name": "zroot/data",
            "mountpoint": str(machine.directory / "data"),
            **arguments,
            "_ansible_check_mode": check,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            zfs_dataset.main()
        return json.loads(capsys.readouterr().out)

    return call


def test_create_then_nothing(machine, ensure):
    wanted = {"properties": {"quota": "1G", "atime": False, "compression": "lz4"}, "minimum_free": "1G"}
    foretold = ensure(check=True, **wanted)
    assert foretold["changed"] and not machine.written
    result = ensure(**wanted)
    assert result["changed"] and result["actions"] == foretold["actions"] and result["diff"] == foretold["diff"]
    assert result["diff"]["after"] == {
        "state": "present",
        "mountpoint": str(machine.directory / "data"),
        "quota": "1073741824",
        "atime": "off",
        "compression": "lz4",
    }
    assert machine.written == [
        f"create -p -o mountpoint={machine.directory}/data -o atime=off -o compression=lz4 -o quota=1073741824 "
        "zroot/data"
    ]
    for check in (False, True):
        again = ensure(check=check, **wanted)
        assert (
            not again["changed"] and again["actions"] == [] and again["diff"]["before"] == again["diff"]["after"] == {}
        )
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
    assert ensure()["actions"] == [f"zfs set mountpoint={machine.directory}/data zroot/data"]


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
    failure(
        machine,
        ensure,
        "name",
        "there is no pool 'tank' on this host for the dataset tank/data; it has zroot",
        name="tank/data",
    )
    assert not machine.written


def test_a_pool_is_no_dataset(machine, ensure):
    failure(machine, ensure, "name", "is a whole pool", name="zroot")


@pytest.mark.parametrize(
    "properties, sentence",
    [
        ({"type": "volume"}, "is a volume"),
        ({"canmount": "off"}, "canmount=off"),
        ({"canmount": "noauto"}, "canmount=noauto"),
        ({"mountpoint": "legacy"}, "mountpoint=legacy"),
        ({"mountpoint": "none"}, "mountpoint=none"),
        ({"jailed": "on"}, "jailed=on"),
    ],
)
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


@pytest.mark.parametrize(
    "mountpoint, sentence",
    [
        ("relative", "'relative' is not an absolute path; name a directory such as /mnt/matrixdata"),
        ("/mnt/../etc", "normal form"),
        ("/mnt/a b", "holds a blank"),
        ("/", "is a directory of the system"),
        ("/usr", "is a directory of the system"),
        ("/root/.ssh", "belongs to the system"),
        ("/dev/x", "belongs to the system"),
        ("/opt/pot", "belongs to the system"),
        ("/opt/pot/jails/matrix1", "belongs to the system"),
        ("/usr/lib", "belongs to the system"),
        ("/var/log", "belongs to the system"),
        ("/usr/local/etc/pot", "belongs to the system"),
    ],
)
def test_bad_mountpoints(machine, ensure, mountpoint, sentence):
    failure(machine, ensure, "mountpoint", sentence, mountpoint=mountpoint)
    assert not machine.written


HOME = {"homeserver": "example.com"}
KEY = "matrixdata/matrix-synapse/signing.key"


def fill(machine, *paths, top="data", **texts):
    """Files on the dataset, by their paths from its top; texts by name are files of Synapse's data directory."""
    for path, text in [(path, "x") for path in paths] + [
        ("matrixdata/matrix-synapse/" + name, text) for name, text in texts.items()
    ]:
        file = machine.directory / top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_a_dataset_is_marked_when_the_homeserver_lives_there(machine, ensure):
    first = ensure(**HOME)
    assert first["dataset"]["homeserver"] == "" and not ensure(**HOME)["changed"]
    fill(machine, KEY, server_name="example.com\n")
    foretold = ensure(check=True, **HOME)
    result = ensure(**HOME)
    assert result["actions"] == foretold["actions"] == ["zfs set potluck.matrix:homeserver=example.com zroot/data"]
    assert result["dataset"]["homeserver"] == "example.com"
    # What the pot puts there later is its own matter.
    fill(machine, "notes.txt")
    assert not ensure(**HOME)["changed"]


def test_data_from_potluck_are_taken_over_before_they_have_a_key(machine, ensure):
    machine.datasets["zroot/data"] = machine.dataset(str(machine.directory / "data"))
    fill(machine, "acme/account.conf", "matrixdata/matrix-synapse/matrix_homeserver.db", ".zfs/snapshot/monday")
    assert not ensure(**HOME)["changed"]


def test_a_homeserver_that_has_no_mark_yet_may_share_its_dataset_with_its_administrators_files(machine, ensure):
    machine.datasets["zroot/data"] = machine.dataset(str(machine.directory / "data"))
    fill(machine, KEY, "backup/monday.tar", server_name="example.com\n")
    assert ensure(**HOME)["dataset"]["homeserver"] == "example.com"


@pytest.mark.parametrize("mountpoint", ["data", "homes"])
def test_somebody_elses_dataset_is_neither_moved_nor_used(machine, ensure, mountpoint):
    machine.datasets["zroot/data"] = machine.dataset(str(machine.directory / mountpoint))
    fill(machine, "alice/letter", "matrixdata/x", top=mountpoint)
    failure(
        machine,
        ensure,
        "name",
        "holds something else than a homeserver's data (alice)",
        properties={"quota": "1G"},
        **HOME,
    )
    assert not machine.written


def test_an_unmounted_dataset_is_looked_at_first(machine, ensure):
    machine.datasets["zroot/data"] = machine.dataset(str(machine.directory / "data"), mounted="no")
    run = machine.run

    def mounting(argv):
        if argv[1] == "mount" and argv[-1] == "zroot/data":
            fill(machine, "alice/letter")
        return run(argv)

    machine.run = mounting
    result = ensure(**HOME)
    assert (
        result["failed"]
        and "(alice)" in result["msg"]
        and machine.written == ["mount zroot/data", "unmount zroot/data"]
    )
    machine.datasets["zroot/data"]["mountpoint"] = "/elsewhere"
    assert (
        "is not mounted, so that nobody can see what it holds"
        in ensure(mountpoint=str(machine.directory / "other"), **HOME)["msg"]
    )


@pytest.mark.parametrize("name", ["example.org", "example.org\n", "x" * 400, "\033[2Jx"])
def test_another_homeservers_data(machine, ensure, name):
    machine.datasets["zroot/data"] = machine.dataset(str(machine.directory / "data"))
    fill(machine, KEY, server_name=name)
    failure(
        machine,
        ensure,
        "homeserver",
        "zroot/data holds the homeserver {}".format(name.strip()[:60].replace("\033", "?")),
        **HOME,
    )
    assert not machine.written


def test_another_homeservers_mark(machine, ensure):
    machine.datasets["zroot/data"] = machine.dataset(str(machine.directory / "data"), **{HOMESERVER: "example.org"})
    (machine.directory / "data").mkdir()
    failure(
        machine,
        ensure,
        "homeserver",
        "zroot/data holds the homeserver example.org, which cannot be renamed to example.com",
        **HOME,
    )
    assert not machine.written


def test_a_lost_key_is_not_replaced(machine, ensure):
    machine.datasets["zroot/data"] = machine.dataset(str(machine.directory / "data"), **{HOMESERVER: "example.com"})
    (machine.directory / "data").mkdir()
    failure(machine, ensure, "name", f"has lost its signing key ({KEY})", **HOME)
    assert not machine.written
    # Nor is one that a pot has put a link or a pipe in the place of.
    fill(machine, server_name="example.com")
    os.symlink("/etc/passwd", machine.directory / "data" / KEY)
    failure(machine, ensure, "name", "has lost its signing key", **HOME)
    (machine.directory / "data" / KEY).unlink()
    os.mkfifo(machine.directory / "data" / KEY)
    failure(machine, ensure, "name", "has lost its signing key", **HOME)


def test_no_link_is_followed_to_the_servers_name(machine, ensure):
    fill(machine, server_name="example.org", top="elsewhere")
    machine.datasets["zroot/data"] = machine.dataset(str(machine.directory / "data"))
    (machine.directory / "data").mkdir()
    os.symlink(machine.directory / "elsewhere/matrixdata", machine.directory / "data/matrixdata")
    assert not ensure(**HOME)["changed"]


def test_a_homeserver_has_one_dataset(machine, ensure):
    machine.datasets["zroot/home"] = machine.dataset("/mnt/home", **{HOMESERVER: "example.com"})
    failure(machine, ensure, "name", "the homeserver example.com lives on the dataset zroot/home", **HOME)
    assert not machine.written
    # A backup that was received is none.
    machine.sources["zroot/home"] = "received"
    assert ensure(**HOME)["changed"]


def test_a_locked_dataset(machine, ensure):
    machine.datasets["zroot/data"] = machine.dataset(
        str(machine.directory / "data"), mounted="no", keystatus="unavailable", encryptionroot="zroot/data"
    )
    failure(machine, ensure, "name", "its encryption key is not loaded; run 'zfs load-key zroot/data'", **HOME)
    assert not machine.written


def test_a_directory_that_a_pot_without_its_dataset_filled(machine, ensure):
    machine.datasets["zroot/data"] = machine.dataset(
        str(machine.directory / "data"), mounted="no", **{HOMESERVER: "example.com"}
    )
    fill(machine, "matrixdata/consul/node-id")
    failure(machine, ensure, "mountpoint", "a pot that ran without its dataset has written there", **HOME)


@pytest.fixture
def warnings(monkeypatch):
    warnings = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda self, warning: warnings.append(warning))
    return warnings


@pytest.fixture
def open_to_all(machine, monkeypatch):
    """A directory of root's for the mountpoint, in one that everybody can pass, as far as the module can see."""
    parent = machine.directory / "mnt"
    parent.mkdir(mode=0o755)
    stat = os.stat
    monkeypatch.setattr(
        dataset_home.os,
        "stat",
        lambda path, **more: stat(
            "/" if str(path) in map(str, machine.directory.parents) or path == str(machine.directory) else path, **more
        ),
    )
    return parent


def test_the_directory_above_is_closed(machine, ensure, open_to_all, warnings):
    wanted = {"mountpoint": str(open_to_all / "data"), "parent_mode": "0700"}
    assert ensure(check=True, **wanted)["diff"]["after"][f"mode of {open_to_all}"] == "0700"
    assert open_to_all.stat().st_mode & 0o777 == 0o755
    assert ensure(**wanted)["changed"]
    assert open_to_all.stat().st_mode & 0o777 == 0o700
    assert not ensure(**wanted)["changed"] and not warnings


def test_one_that_others_use_is_not(machine, ensure, open_to_all, warnings):
    (open_to_all / "cdrom").mkdir()
    (open_to_all / "cdrom" / "README").write_text("x")
    (open_to_all / "second" / "matrixdata").mkdir(parents=True)
    ensure(mountpoint=str(open_to_all / "data"), parent_mode="0700")
    assert open_to_all.stat().st_mode & 0o777 == 0o755
    assert len(warnings) == 1 and f"lies in {open_to_all}, which holds cdrom as well" in warnings[0]
    ensure(mountpoint=str(open_to_all / "data"))
    assert len(warnings) == 1


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


def test_children_are_warned_about(machine, ensure, warnings):
    ensure()
    machine.datasets["zroot/data/media"] = machine.dataset(str(machine.directory / "data" / "media"))
    assert not ensure()["changed"]
    assert len(warnings) == 1 and warnings[0].startswith("zroot/data/media is mounted below")


def test_there_is_no_way_back_from_postgresql(machine, ensure):
    ensure(**HOME)
    fill(machine, KEY, server_name="example.com\n", database="postgresql\n")
    assert not ensure(**HOME, database="postgresql").get("failed")
    written = list(machine.written)
    result = ensure(**HOME, database="sqlite")
    assert result["failed"] and result["option"] == "database" and "no way back to sqlite" in result["msg"]
    assert machine.written == written
    result = ensure(**HOME, database="elsewhere")
    assert result["failed"] and result["option"] == "database" and "pg_dump and pg_restore" in result["msg"]
    assert machine.written == written
