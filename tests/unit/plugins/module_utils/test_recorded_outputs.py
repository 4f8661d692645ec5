# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readers of what FreeBSD's programs print, on what they printed on hosts with a running homeserver
(tests/contract/captures).
"""

from __future__ import annotations

import json
import pathlib
import types

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import pkg, tables, zfs
from ansible_collections.potluck.matrix.plugins.module_utils._pot import (
    addressing,
    conf,
    host_network,
    mounts,
    network,
    output,
    pf,
)

CAPTURES = pathlib.Path(__file__).resolve().parents[3] / "contract/captures"


def recorded(release: str, name: str, command: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of the first time that a command was recorded."""
    for text in (CAPTURES / release / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        if line["cmd"] == command:
            return line["rc"], line["stdout"], line["stderr"]
    raise LookupError(command)


def alias(command: str) -> str:
    """What a command printed on the host with an alias pot."""
    return recorded("15.0", "running-alias", command)[1]


def bridge(command: str) -> str:
    """What a command printed on the host with a pot on the public bridge."""
    return recorded("15.0", "running-bridge", command)[1]


def test_mounts_of_a_running_pot():
    found = tables.parse_mounts(alias("mount -p"))
    assert len(found) == 16
    assert found[0] == ("/dev/gpt/rootfs", "/", "ufs", ["rw", "noatime"])
    assert ("/mnt/matrixdata", "/opt/pot/jails/fbsd/m/mnt", "nullfs", ["rw"]) in found
    assert ("zroot/var/crash", "/var/crash", "zfs", ["rw", "noexec", "nosuid", "noatime", "nfsv4acls"]) in found
    rc, out, err = recorded("15.0", "running-alias", "jexec -l fbsd mount -p")
    assert (
        rc == 0
        and "fstab" in err
        and tables.parse_mounts(out) == [("zroot/pot/jails/fbsd/m", "/", "zfs", ["rw", "noatime", "nfsv4acls"])]
    )


def test_mount_options_of_both_releases_are_read_alike():
    """On 13.2 a nullfs shows the options of what lies below it."""
    newer, older = (
        tables.parse_mounts(recorded(release, "pot", "mount -p | grep d1")[1]) for release in ("15.0", "13.2")
    )
    assert [mount[:3] for mount in newer] == [mount[:3] for mount in older]


def test_nullfs_directories_of_a_pot():
    line = mounts.parse_fscomp(alias("cat /opt/pot/jails/fbsd/conf/fscomp.conf"), "/opt/pot/jails/fbsd/m")
    assert [(each.source, each.target, each.option) for each in line] == [("/mnt/matrixdata", "/mnt", "")]


def test_datasets_of_a_running_pot():
    rows = [
        line.split("\t")
        for line in alias("zfs list -H -p -o name,mountpoint,canmount,mounted,origin,used,avail -r zroot").splitlines()
    ]
    found = tables.parse_datasets("".join("\t".join(row[:5]) + "\n" for row in rows))
    assert found["zroot/pot/jails/fbsd/m"] == {
        "mountpoint": "/opt/pot/jails/fbsd/m",
        "canmount": "on",
        "mounted": "yes",
        "origin": "-",
    }
    assert found["zroot/pot"]["canmount"] == "off" and len(found) == 14
    properties = zfs.parse_properties(
        alias(
            "zfs get -H -p -o property,value,source "
            "setuid,exec,atime,recordsize,compression,mountpoint,readonly,quota,encryption,keystatus "
            "zroot/matrixdata"
        )
    )
    assert properties["mountpoint"] == "/mnt/matrixdata\tlocal" and properties["quota"] == "0\tdefault"


class Reader:
    """A host that answers with what was recorded; LookupError for any other command."""

    def __init__(self, name: str):
        self.name = name
        self.runner = self

    def query(self, argv: list[str], _what: str) -> str:
        return self.run(argv)[1]

    def run(self, argv: list[str]) -> tuple[int, str, str]:
        return recorded("15.0", self.name, " ".join(argv))


def test_addresses_of_interfaces():
    assert addressing.interface_addresses(Reader("running-alias")) == [
        ("vtnet0", "inet", "10.0.2.15", False),
        ("vtnet1", "inet", "10.199.0.150", False),
        ("vtnet1", "inet", "10.199.0.151", True),
        ("lo0", "inet", "127.0.0.1", False),
        ("lo0", "inet6", "::1", True),
        ("lo0", "inet6", "fe80::1", False),
    ]


def test_addresses_of_a_jail():
    """jls writes a hyphen where there is none; a jail that is not there makes it print a header."""
    assert addressing.jail_addresses(Reader("running-alias"), "fbsd") == ["10.199.0.151"]
    answers = {"ip4.addr": (1, alias("jls -j nosuch"), ""), "ip6.addr": (1, alias("jls -j nosuch"), "")}
    nobody = types.SimpleNamespace(runner=types.SimpleNamespace(run=lambda argv: answers[argv[-1]]))
    assert addressing.jail_addresses(nobody, "nosuch") == []


def test_a_free_address():
    machine = Reader("running-bridge")
    machine.check = False
    assert addressing.next_ip(machine, "") == "172.20.0.2"


@pytest.mark.parametrize("release", ["13.2", "15.0"])
def test_jails(release):
    found = tables.parse_jls(recorded(release, "pot", "jls -q jid name host.hostname path")[1])
    assert (
        list(found) == ["d1"]
        and found["d1"]["path"] == "/opt/pot/jails/d1/m"
        and found["d1"]["hostname"].startswith("d1.")
    )


def test_the_interface_of_the_default_route():
    assert host_network.default_interface(alias("route -n get default")) == "vtnet0"
    assert host_network.default_interface(alias("route -n get 10.199.0.1")) == "vtnet1"


def test_configuration_of_an_alias_pot():
    seen = conf.view(conf.PotConf(alias("cat /opt/pot/jails/fbsd/conf/pot.conf")))
    assert {key: seen[key] for key in ("type", "base", "network_type", "ip", "hostname", "dns", "cmd", "ports")} == {
        "type": "single",
        "base": "15.0",
        "network_type": "alias",
        "ip": ["vtnet1|10.199.0.151"],
        "hostname": "fbsd.bare",
        "dns": "inherit",
        "cmd": "sh /etc/rc",
        "ports": [],
    }
    assert seen["attributes"]["start_at_boot"] is True and seen["attributes"]["stop_timeout"] == 120
    assert seen["attributes"]["exec_stop"] == "/bin/sh /etc/rc.shutdown jail"


def test_configuration_of_a_bridge_pot():
    seen = conf.view(conf.PotConf(bridge("cat /opt/pot/jails/real2/conf/pot.conf")))
    assert (seen["network_type"], seen["ip"], seen["ports"]) == (
        "public-bridge",
        ["172.20.0.10"],
        ["80:80", "443:443", "8448:8448"],
    )
    assert network.parse_bridge(bridge("cat /opt/pot/bridges/br1")) == {
        "net": "172.20.0.16/29",
        "gateway": "172.20.0.17",
        "name": "br1",
    }
    made = bridge("pot create -p scratch -b 15.0 -t single -N private-bridge -B br1 -i auto; echo rc=$?")
    assert output.pot_errors(made) == ""
    assert (
        output.pot_errors(bridge("pot create-private-bridge -B br1 -S 5; echo rc=$?"))
        == "A bridge with name br1 already exists"
    )


def test_rules_of_pf():
    assert pf.has_pf_anchors(bridge("cat /etc/pf.conf"))
    assert pf.with_pf_anchors(bridge("cat /etc/pf.conf")) == bridge("cat /etc/pf.conf")


def pkg_that_says(name: str, command: str) -> pkg.Pkg:
    """The module's reader of pkg, which is told what was recorded, whatever it runs."""
    reader = object.__new__(pkg.Pkg)
    reader.only = []
    reader.run = lambda *arguments: recorded("15.0", name, command)
    return reader


def test_packages():
    assert pkg_that_says("running-alias", "jexec -l fbsd pkg upgrade -n").pending()[1] == [
        "py311-matrix-synapse: 1.160.0 -> 1.160.0_1 [FreeBSD-ports]"
    ]
    assert pkg_that_says("running-alias", "jexec -l fbsd pkg upgrade -n nginx").pending()[1] == []
    assert pkg_that_says("running-alias", "jexec -l fbsd pkg rquery %n-%v nosuch").versions("rquery", ["nosuch"]) == {}
    answer = recorded("15.0", "running-alias", "jexec -l fbsd pkg install -y nosuch")
    assert answer[0] == 1 and "No packages available to install matching 'nosuch'" in pkg.last_words(answer)
