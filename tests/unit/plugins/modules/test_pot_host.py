# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module against a stand-in for the machine's commands, with pot's files in a temporary directory."""

from __future__ import annotations

import grp
import json
import os
import subprocess

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args

from ansible_collections.potluck.matrix.plugins.modules import pot_host


class Machine:
    def __init__(self, directory):
        self.directory = directory
        self.configuration = directory / "etc" / "pot.conf"
        self.fs_root = directory / "opt"
        self.pf = directory / "pf.conf"
        self.datasets = {"zroot": ("/zroot", "yes")}
        self.mounts = []
        self.ran = []
        self.init_works = True
        self.groups = {"pot", "wheel"}
        self.pf_valid = True

    def run(self, argv):
        program, arguments = os.path.basename(argv[0]), argv[1:]
        if program == "sh":
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr
        answers = {
            ("ifconfig", "-l"): "vtnet0 lo0\n",
            ("route", "-n", "get", "default"): "    gateway: 10.0.2.2\n  interface: vtnet0\n",
            ("freebsd-version", "-u"): "13.2-RELEASE-p3\n",
            ("zpool", "list", "-H", "-o", "name"): "zroot\n",
            ("sysctl", "-n", "kern.features.vimage"): "1\n",
            ("sysctl", "-n", "kern.racct.enable"): "0\n",
            ("sysrc", "-n", "pf_rules"): "%s\n" % self.pf,
            ("mount", "-p"): "".join("%s\t%s\tzfs\trw \t0 0\n" % mount for mount in self.mounts),
        }
        if (program, *arguments) in answers:
            return 0, answers[(program, *arguments)], ""
        if program == "zfs":
            return 0, "".join("%s\t%s\t%s\n" % (name, *values) for name, values in self.datasets.items() if name.startswith(arguments[-1])), ""
        if program == "pfctl":
            assert arguments[:-1] == ["-nf"]
            return (0, "", "") if self.pf_valid else (1, "", "%s:3: Rules must be in order\n" % arguments[-1])
        self.ran.append(" ".join([program] + arguments))
        if program == "pw":
            self.groups.add(arguments[-1])
            return 0, "", ""
        if program == "pot" and self.init_works:
            self.initialise()
            return 0, "", ""
        return 1, "###>  The network configuration in the pot configuration file is not valid\n", ""

    def initialise(self):
        for name in ("", "/bases", "/jails", "/fscomp", "/cache"):
            self.datasets["zroot/pot" + name] = (str(self.fs_root) + name, "yes" if name else "no")
        (self.fs_root / "bridges").mkdir(parents=True, exist_ok=True)
        (self.fs_root / "jails").mkdir(exist_ok=True)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    machine = Machine(tmp_path)
    machine.configuration.parent.mkdir()
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    for name in ("amd64-amd64-13.2-RELEASE", "amd64-amd64-12.4-RELEASE", "arm64-aarch64-14.0-RELEASE"):
        (manifests / name).write_text("")
    (tmp_path / "pot").write_text("#!/bin/sh\n")
    (tmp_path / "pot").chmod(0o755)
    (tmp_path / "etc/pot.default.conf").write_text("POT_FS_ROOT=%s\nPOT_EXTIF=em0\n" % machine.fs_root)
    monkeypatch.setattr(pot_host, "POT", str(tmp_path / "pot"))
    monkeypatch.setattr(pot_host, "CONFIGURATION", str(machine.configuration))
    monkeypatch.setattr(pot_host, "DEFAULT_CONFIGURATION", str(tmp_path / "etc/pot.default.conf"))
    monkeypatch.setattr(pot_host, "MANIFESTS", str(manifests))
    monkeypatch.setattr(pot_host, "LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr(grp, "getgrnam", lambda name: {each: each for each in machine.groups}[name])
    monkeypatch.setattr(pot_host.platform, "machine", lambda: "amd64")
    monkeypatch.setattr(basic.AnsibleModule, "get_bin_path", lambda self, name, *rest: "/sbin/" + name)
    monkeypatch.setattr(basic.AnsibleModule, "run_command", lambda self, argv, **kwargs: machine.run(argv))
    return machine


@pytest.fixture
def prepare(capsys):
    def call(check=False, **arguments):
        with patch_module_args({**arguments, "_ansible_check_mode": check}), pytest.raises(SystemExit):
            pot_host.main()
        return json.loads(capsys.readouterr().out)
    return call


def test_a_fresh_machine(machine, prepare):
    foretold = prepare(check=True)
    assert foretold["changed"] and foretold["actions"] == ["pot init -m"] and not foretold["initialised"]
    assert not machine.ran and not machine.configuration.exists()
    result = prepare()
    assert result["changed"] and result["initialised"] and machine.ran == ["pot init -m"]
    assert machine.configuration.read_text() == "POT_EXTIF=vtnet0\n" == result["diff"][0]["after"] == foretold["diff"][0]["after"]
    assert machine.configuration.stat().st_mode & 0o777 == 0o644
    for check in (False, True):
        again = prepare(check=check)
        assert not again["changed"] and again["diff"] == [] and again["actions"] == [] and again["initialised"]
    assert machine.ran == ["pot init -m"]


def test_what_it_tells(machine, prepare):
    machine.initialise()
    for name, text in (("one", "pot.level=0\npot.base=12.4\n"), ("broken", "")):
        conf = machine.fs_root / "jails" / name / "conf"
        conf.mkdir(parents=True)
        (conf / "pot.conf").write_text(text)
    (machine.fs_root / "bridges" / "private").write_text("")
    (machine.fs_root / "jails" / "notes.txt").write_text("no pot")
    result = prepare()
    assert (result["release"], result["releases"], result["bases"], result["bridges"]) == ("13.2", ["12.4", "13.2"], {"one": "12.4"}, ["private"])
    assert (result["vimage"], result["racct"], result["pf_anchors"], result["interfaces"]) == (True, False, False, ["vtnet0", "lo0"])
    assert result["settings"]["POT_EXTIF"] == "vtnet0" and result["settings"]["POT_ZFS_ROOT"] == "zroot/pot"


def test_an_adopted_machine_keeps_its_own_settings(machine, prepare):
    machine.initialise()
    machine.configuration.write_text("# mine\nPOT_EXTIF=lo0\nPOT_EXTRA_EXTIF=\"a b\"\n")
    assert not prepare()["changed"]
    result = prepare(settings={"POT_NETWORK": "10.1.0.0/16"})
    assert result["changed"] and not machine.ran
    assert machine.configuration.read_text() == "# mine\nPOT_EXTIF=lo0\nPOT_EXTRA_EXTIF=\"a b\"\nPOT_NETWORK=10.1.0.0/16\n"


def test_its_configuration_is_sh(machine, prepare):
    machine.initialise()
    machine.configuration.write_text('POT_EXTIF="lo0" # where\nPOT_PLACE=%s\nPOT_FS_ROOT="$POT_PLACE/opt"\n' % machine.directory)
    result = prepare()
    assert not result["changed"] and result["settings"]["POT_FS_ROOT"] == str(machine.fs_root) and result["settings"]["POT_EXTIF"] == "lo0"
    machine.configuration.write_text('POT_EXTIF="lo0\n')
    assert "cannot be read" in prepare()["msg"]


def test_the_group_of_its_files(machine, prepare):
    machine.initialise()
    machine.configuration.write_text("POT_EXTIF=lo0\nPOT_GROUP=jailers\n")
    assert prepare(check=True)["actions"] == ["pw groupadd jailers"] and "jailers" not in machine.groups
    assert prepare()["actions"] == ["pw groupadd jailers"] and "jailers" in machine.groups
    assert not prepare()["changed"]


def test_packet_filter_only_when_asked(machine, prepare):
    machine.initialise()
    machine.pf.write_text("set skip on lo0\npass\n")
    prepare()
    assert not prepare()["changed"] and machine.pf.read_text() == "set skip on lo0\npass\n"
    foretold = prepare(check=True, configure_pf=True)
    assert foretold["changed"] and machine.pf.read_text() == "set skip on lo0\npass\n"
    result = prepare(configure_pf=True)
    assert result["actions"] == foretold["actions"] == ["pot's anchors in %s" % machine.pf] and result["pf_anchors"]
    assert machine.pf.read_text() == 'set skip on lo0\nnat-anchor pot-nat\nrdr-anchor "pot-rdr/*"\npass\n' == result["diff"][0]["after"]
    assert not machine.ran and not prepare(configure_pf=True)["changed"]


def test_rules_that_would_not_be_valid_are_not_written(machine, prepare):
    machine.initialise()
    machine.pf.write_text("pass\n")
    machine.pf_valid = False
    for check in (True, False):
        result = prepare(check=check, configure_pf=True)
        assert result["failed"] and result["option"] == "configure_pf" and "%s:3: Rules must be in order" % machine.pf in result["msg"]
        assert machine.pf.read_text() == "pass\n"


@pytest.mark.parametrize("arguments, option, sentence", [
    (dict(settings={"POT_EXTIF": "em7"}), "settings", "no network interface 'em7'; it has vtnet0, lo0"),
    (dict(settings={"POT_ZFS_ROOT": "tank/pot"}), "settings", "this machine has no such pool; it has zroot"),
    (dict(settings={"EXTIF": "em0"}), "settings", "begin with POT_"),
    (dict(required_mounts=["/usr"]), "required_mounts", "nothing is mounted on /usr"),
])
def test_bad_options(machine, prepare, arguments, option, sentence):
    for check in (True, False):
        result = prepare(check=check, **arguments)
        assert result.get("failed") and result["option"] == option and sentence in result["msg"], result
    assert not machine.ran and not machine.configuration.exists()


def test_a_mount_that_is_still_to_come(machine, prepare):
    missing = str(machine.directory / "data")
    assert not prepare(check=True, required_mounts=[missing]).get("failed")
    assert prepare(required_mounts=[missing])["failed"]
    machine.mounts.append(("zroot/data", missing))
    assert not prepare(required_mounts=[missing]).get("failed")


def test_pots_root_with_another_mountpoint(machine, prepare):
    machine.datasets["zroot/pot"] = ("/elsewhere", "yes")
    assert "has the mountpoint /elsewhere" in prepare()["msg"]


def test_an_init_that_fails(machine, prepare):
    machine.init_works = False
    result = prepare()
    assert result["failed"] and "did not initialise pot: The network configuration" in result["msg"]


def test_without_pot(machine, prepare, monkeypatch):
    monkeypatch.setattr(pot_host, "POT", str(machine.directory / "nowhere"))
    assert "pot is not installed" in prepare()["msg"]
    result = prepare(check=True)
    assert not result["installed"] and not result["initialised"] and result["release"] == "13.2"
