# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module against a stand-in for the host's commands, with pot's files in a temporary directory."""

from __future__ import annotations

import datetime
import grp
import json
import os
import subprocess

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import locks, rc
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._pot import host as host_module
from ansible_collections.potluck.matrix.plugins.module_utils._pot import host_setup
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
        self.ifconfig = self.netstat = ""
        self.interfaces = "vtnet0 lo0\n"
        self.routes = {"inet": "    gateway: 10.0.2.2\n  interface: vtnet0\n"}
        self.release = "13.2-RELEASE-p3"

    def run(self, argv):
        program, arguments = os.path.basename(argv[0]), argv[1:]
        if program == "sh":
            done = subprocess.run(argv, capture_output=True, text=True, check=False)
            return done.returncode, done.stdout, done.stderr
        answers = {
            ("ifconfig", "-l"): self.interfaces,
            ("route", "-n", "get", "default"): self.routes.get("inet", ""),
            ("route", "-n", "get", "-inet6", "default"): self.routes.get("inet6", ""),
            ("ifconfig",): self.ifconfig,
            ("netstat", "-rn", "-f", "inet"): self.netstat,
            ("freebsd-version", "-u"): self.release + "\n",
            ("zpool", "list", "-H", "-o", "name"): "zroot\n",
            ("sysctl", "-n", "kern.features.vimage"): "1\n",
            ("sysctl", "-n", "kern.racct.enable"): "0\n",
            ("sysrc", "-n", "pf_rules"): f"{self.pf}\n",
            ("mount", "-p"): "".join("{}\t{}\tzfs\trw \t0 0\n".format(*mount) for mount in self.mounts),
        }
        if (program, *arguments) in answers:
            return 0, answers[(program, *arguments)], ""
        if program == "zfs":
            return (
                0,
                "".join(
                    "{}\t{}\t{}\n".format(name, *values)
                    for name, values in self.datasets.items()
                    if name.startswith(arguments[-1])
                ),
                "",
            )
        if program == "pfctl":
            assert arguments[:-1] == ["-nf"]
            return (0, "", "") if self.pf_valid else (1, "", f"{arguments[-1]}:3: Rules must be in order\n")
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
    (tmp_path / "etc/pot.default.conf").write_text(f"POT_FS_ROOT={machine.fs_root}\nPOT_EXTIF=em0\n")
    monkeypatch.setattr(host_module, "POT", str(tmp_path / "pot"))
    monkeypatch.setattr(host_module, "CONFIGURATION", str(machine.configuration))
    monkeypatch.setattr(host_module, "DEFAULT_CONFIGURATION", str(tmp_path / "etc/pot.default.conf"))
    monkeypatch.setattr(host_module, "MANIFESTS", str(manifests))
    monkeypatch.setattr(locks, "LOCK_DIR", str(tmp_path))
    (tmp_path / "resolv.conf").write_text("nameserver 10.0.2.3\n")
    monkeypatch.setattr(host_module, "RESOLV_CONF", str(tmp_path / "resolv.conf"))
    monkeypatch.setattr(grp, "getgrnam", lambda name: {each: each for each in machine.groups}[name])
    monkeypatch.setattr(host_module.platform, "machine", lambda: "amd64")
    monkeypatch.setattr(host_module.platform, "release", lambda: "15.0-RELEASE")
    monkeypatch.setattr(Runner, "run", lambda self, argv, **kwargs: machine.run(argv))
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
    assert (
        machine.configuration.read_text()
        == "POT_EXTIF=vtnet0\n"
        == result["diff"][0]["after"]
        == foretold["diff"][0]["after"]
    )
    assert machine.configuration.stat().st_mode & 0o777 == 0o644
    for check in (False, True):
        again = prepare(check=check)
        assert not again["changed"] and again["diff"] == [] and again["actions"] == [] and again["initialised"]
    assert machine.ran == ["pot init -m"]


def test_variables_of_rc_conf(machine, prepare, monkeypatch):
    conf = {"pot_enable": "NO"}

    def sysrc(argv):
        words = argv[3:]
        assert argv[1:3] == ["-f", "/etc/rc.conf"]
        if words[0] == "-i":
            return 0, "".join(f"{name}: {conf[name]}\n" for name in words[1:] if name in conf), ""
        conf.update(word.split("=") for word in words)
        return 0, "", ""

    monkeypatch.setattr(rc, "run", sysrc)
    wanted = {"rc_variables": {"pot_enable": "YES", "zfs_enable": "YES"}}
    prepare()
    foretold = prepare(check=True, **wanted)
    assert conf == {"pot_enable": "NO"}
    done = prepare(**wanted)
    assert foretold["actions"] == done["actions"] == ["set pot_enable", "set zfs_enable"]
    assert foretold["diff"] == done["diff"]
    assert [(each["before"], each["after"]) for each in done["diff"]] == [
        ("pot_enable: NO\n", "pot_enable: YES\nzfs_enable: YES\n")
    ]
    assert conf == {"pot_enable": "YES", "zfs_enable": "YES"}
    assert not prepare(**wanted)["changed"]
    assert "contains '$'" in prepare(rc_variables={"pot_enable": "$x"})["msg"]


def test_what_it_tells(machine, prepare):
    machine.initialise()
    for name, text in (("one", "pot.level=0\npot.base=12.4\n"), ("broken", "")):
        conf = machine.fs_root / "jails" / name / "conf"
        conf.mkdir(parents=True)
        (conf / "pot.conf").write_text(text)
    (machine.fs_root / "bridges" / "private").write_text("")
    (machine.fs_root / "jails" / "notes.txt").write_text("no pot")
    result = prepare()
    assert (result["release"], result["releases"], result["bases"], result["bridges"]) == (
        "13.2",
        ["12.4", "13.2"],
        {"one": "12.4"},
        ["private"],
    )
    assert (result["vimage"], result["racct"], result["pf_anchors"], result["interfaces"]) == (
        True,
        False,
        False,
        ["vtnet0", "lo0"],
    )
    assert result["settings"]["POT_EXTIF"] == "vtnet0" and result["settings"]["POT_ZFS_ROOT"] == "zroot/pot"


@pytest.mark.parametrize(
    "content, text",
    [
        (b"# by DHCP\nnameserver 10.0.2.3\n", "# by DHCP\nnameserver 10.0.2.3\n"),
        (b"# \xff\nnameserver 10.0.2.3\n", ""),
        (None, ""),
    ],
)
def test_the_resolver_it_tells(machine, prepare, content, text):
    machine.initialise()
    (machine.directory / "resolv.conf").unlink()
    if content is not None:
        (machine.directory / "resolv.conf").write_bytes(content)
    result = prepare()
    assert (result["resolv_conf"], result["default_interface"]) == (text, "vtnet0")


def test_an_adopted_machine_keeps_its_own_settings(machine, prepare):
    machine.initialise()
    machine.configuration.write_text('# mine\nPOT_EXTIF=lo0\nPOT_EXTRA_EXTIF="a b"\n')
    assert not prepare()["changed"]
    result = prepare(settings={"POT_NETWORK": "10.1.0.0/16"})
    assert result["changed"] and not machine.ran
    assert (
        machine.configuration.read_text() == '# mine\nPOT_EXTIF=lo0\nPOT_EXTRA_EXTIF="a b"\nPOT_NETWORK=10.1.0.0/16\n'
    )


def test_its_configuration_is_sh(machine, prepare):
    machine.initialise()
    machine.configuration.write_text(
        f'POT_EXTIF="lo0" # where\nPOT_PLACE={machine.directory}\nPOT_FS_ROOT="$POT_PLACE/opt"\n'
    )
    result = prepare()
    assert (
        not result["changed"]
        and result["settings"]["POT_FS_ROOT"] == str(machine.fs_root)
        and result["settings"]["POT_EXTIF"] == "lo0"
    )
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
    assert result["actions"] == foretold["actions"] == [f"pot's anchors in {machine.pf}"] and result["pf_anchors"]
    assert (
        machine.pf.read_text()
        == 'set skip on lo0\nnat-anchor pot-nat\nrdr-anchor "pot-rdr/*"\npass\n'
        == result["diff"][0]["after"]
    )
    assert not machine.ran and not prepare(configure_pf=True)["changed"]


def test_rules_that_would_not_be_valid_are_not_written(machine, prepare):
    machine.initialise()
    machine.pf.write_text("pass\n")
    machine.pf_valid = False
    for check in (True, False):
        result = prepare(check=check, configure_pf=True)
        assert (
            result["failed"]
            and result["option"] == "configure_pf"
            and f"{machine.pf}:3: Rules must be in order" in result["msg"]
        )
        assert machine.pf.read_text() == "pass\n"


@pytest.mark.parametrize(
    "arguments, option, sentence",
    [
        ({"settings": {"POT_EXTIF": "em7"}}, "settings", "no network interface 'em7'; it has vtnet0, lo0"),
        ({"settings": {"POT_ZFS_ROOT": "tank/pot"}}, "settings", "this host has no such pool; it has zroot"),
        ({"settings": {"EXTIF": "em0"}}, "settings", "begin with POT_"),
        ({"required_mounts": ["/usr"]}, "required_mounts", "nothing is mounted on /usr"),
    ],
)
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
    monkeypatch.setattr(host_module, "POT", str(machine.directory / "nowhere"))
    assert "pot is not installed" in prepare()["msg"]
    result = prepare(check=True)
    assert not result["installed"] and not result["initialised"] and result["release"] == "13.2"


IFCONFIG = """vtnet0: flags=1008843<UP,BROADCAST,RUNNING,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1500
\tether 52:54:00:00:08:b1
\tinet %s netmask 0xffffff00 broadcast 10.0.2.255
lo0: flags=1008049<UP,LOOPBACK,RUNNING,MULTICAST,LOWER_UP> metric 0 mtu 16384
\tinet 127.0.0.1 netmask 0xff000000
\tgroups: lo
"""


def test_a_bridge_would_cut_the_machine_off(machine, prepare):
    machine.initialise()
    machine.ifconfig = IFCONFIG % "10.199.0.160"
    # A pot without a bridge loads no rule that translates.
    assert not prepare().get("failed")
    machine.configuration.unlink()
    for check in (True, False):
        result = prepare(check=check, bridge=True)
        assert result["failed"] and result["option"] == "network"
        assert "10.192.0.0/10 takes in the address 10.199.0.160 of vtnet0" in result["msg"]
        assert "{POT_NETWORK: 172.20.0.0/16, POT_NETMASK: 255.255.0.0, POT_GATEWAY: 172.20.0.1}" in result["msg"]
    assert not machine.ran and not machine.configuration.exists()
    network = {"POT_NETWORK": "172.20.0.0/16", "POT_NETMASK": "255.255.0.0", "POT_GATEWAY": "172.20.0.1"}
    assert not prepare(bridge=True, settings=network).get("failed")
    # What the file says now is what counts.
    assert not prepare(bridge=True).get("failed")
    assert (
        "takes in the address"
        in prepare(bridge=True, settings={"POT_NETWORK": "10.199.0.0/16", "POT_GATEWAY": "10.199.0.1"})["msg"]
    )


@pytest.mark.parametrize(
    "line, sentence",
    [
        (
            "POT_NETWORK=172.21.0.0/16",
            "POT_NETMASK is '255.192.0.0', and the mask of POT_NETWORK 172.21.0.0/16 is 255.255.0.0",
        ),
        ("POT_NETWORK=172.21.0.5/16", "'172.21.0.5/16', which is not a network"),
        ("POT_GATEWAY=172.20.0.1", "POT_GATEWAY is '172.20.0.1', which is not an address"),
        ("POT_GATEWAY=10.192.0.0", "POT_GATEWAY is '10.192.0.0', which is not an address"),
        ('POT_NETWORK="172.20.0.0/16"', "POT_NETWORK is quoted in"),
    ],
)
def test_a_network_that_does_not_fit(machine, prepare, line, sentence):
    machine.initialise()
    machine.ifconfig = IFCONFIG % "10.0.2.15"
    machine.configuration.write_text(f"POT_EXTIF=vtnet0\n{line}\n")
    result = prepare(bridge=True)
    assert result["failed"] and result["option"] == "network" and sentence in result["msg"]
    assert not prepare().get("failed")


def test_a_private_bridge_that_is_up_is_no_stranger(machine, prepare):
    machine.initialise()
    (machine.fs_root / "bridges" / "br1").write_text("net=10.192.0.16/29\ngateway=10.192.0.17\nname=br1\n")
    machine.ifconfig = (
        IFCONFIG % "10.0.2.15"
        + """bridge1: flags=1008843<UP> metric 0 mtu 1500
\tinet 10.192.0.17 netmask 0xfffffff8 broadcast 10.192.0.23
"""
    )
    machine.netstat = """Destination        Gateway            Flags         Netif Expire
default            10.0.2.2           UGS          vtnet0
10.192.0.16/29     link#4             U           bridge1
10.192.0.17        link#3             UHS             lo0
"""
    assert not prepare(bridge=True).get("failed")


@pytest.mark.parametrize(
    "host, base, said",
    [
        ("13.2-RELEASE-p3", "", ["FreeBSD 13.2, which this host has, is unsupported since 2024-06-30"]),
        ("13.2-RELEASE-p3", "13.2", ["FreeBSD 13.2, which this host has, is unsupported since 2024-06-30"]),
        ("15.0-RELEASE", "13.2", ["FreeBSD 13.2, which the pot one has, is unsupported since 2024-06-30"]),
        ("15.0-RELEASE", "15.0", []),
        ("15.7-STABLE", "", []),
    ],
)
def test_releases_that_are_no_longer_supported(machine, prepare, monkeypatch, host, base, said):
    class Day(datetime.date):
        @classmethod
        def today(cls):
            return cls(2026, 1, 31)

    warnings = []
    monkeypatch.setattr(host_module.datetime, "date", Day)
    monkeypatch.setattr(host_module.platform, "release", lambda: host)
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda self, warning: warnings.append(warning))
    machine.initialise()
    machine.release = host
    if base:
        (machine.fs_root / "jails/one/conf").mkdir(parents=True)
        (machine.fs_root / "jails/one/conf/pot.conf").write_text(f"pot.base={base}\n")
    monkeypatch.setattr(host_setup, "RC_SCRIPT", host_module.POT)
    assert prepare(pot="one")["release"] == host.split("-")[0]
    assert len(warnings) == len(said) and all(part in warning for part, warning in zip(said, warnings)), warnings


@pytest.mark.parametrize(
    "kernel, rest, release",
    [
        ("15.0-RELEASE-p1", "13.2-RELEASE-p3", "13.2"),
        ("13.2-RELEASE", "15.0-RELEASE", "13.2"),
        ("15.10-STABLE", "15.9-RELEASE", "15.9"),
    ],
)
def test_half_an_upgrade(machine, prepare, monkeypatch, kernel, rest, release):
    monkeypatch.setattr(host_module.platform, "release", lambda: kernel)
    machine.release = rest
    assert prepare()["release"] == release


TWO_NICS = (
    "vtnet0: flags=1\n\tinet 10.0.2.15 netmask 0xffffff00 broadcast 10.0.2.255\n"
    "\tnd6 options=29<PERFORMNUD,IFDISABLED,AUTO_LINKLOCAL>\n"
    "vtnet1: flags=1\n\tinet6 2001:db8::15 prefixlen 64\n\tnd6 options=21<PERFORMNUD,AUTO_LINKLOCAL>\n"
)


def carriers(result):
    return [(each["address"], each["interface"], each["reason"]) for each in result["carriers"]]


def test_the_interfaces_that_addresses_belong_on(machine, prepare):
    machine.interfaces, machine.ifconfig = "vtnet0 vtnet1 lo0\n", TWO_NICS
    wanted = ["10.0.2.20", "2001:db8::20", "192.0.2.20"]
    result = prepare(pot="one", addresses=wanted)
    assert carriers(result) == [
        ("10.0.2.20", "vtnet0", "whose network it lies in"),
        ("2001:db8::20", "vtnet1", "whose network it lies in"),
        ("192.0.2.20", "vtnet0", "which is the host's outside interface"),
    ]
    assert result["without_ipv6"] == ["vtnet0"]
    # A pot that is there keeps its own, whether that is written with the address or left to pot.
    conf = machine.fs_root / "jails/one/conf/pot.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text("pot.base=13.2\nnetwork_type=alias\nip=vtnet1|10.0.2.20 192.0.2.20\n")
    assert [each[1:] for each in carriers(prepare(pot="one", addresses=wanted))] == [
        ("vtnet1", "where the pot has it"),
        ("vtnet1", "whose network it lies in"),
        ("vtnet0", "where the pot has it"),
    ]
    # The one that takes its place gets it too.
    conf.parent.parent.rename(machine.fs_root / "jails/one-former")
    assert carriers(prepare(pot="one", addresses=wanted))[0][1:] == ("vtnet1", "where the pot has it")
    # Unless the host has lost it.
    machine.interfaces = "vtnet0 lo0\n"
    assert carriers(prepare(pot="one", addresses=wanted[:1]))[0][1:] == ("vtnet0", "whose network it lies in")


def test_a_host_with_ipv6_alone(machine, prepare):
    machine.routes = {"inet6": "    gateway: 2001:db8::1\n  interface: vtnet0\n"}
    result = prepare()
    assert (result["default_interface"], result["settings"]["POT_EXTIF"]) == ("vtnet0", "vtnet0")
    machine.routes = {}
    machine.configuration.write_text("")
    failed = prepare()
    assert "the host has no default route" in failed["msg"] and failed["option"] == "settings"
