# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against a host whose pot answers as recorded, and lies as recorded."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import subprocess
import sys
import time

import pot_fake
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import caller, locks
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import CommandTimeout, Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.locks import lock
from ansible_collections.potluck.matrix.plugins.module_utils._pot import machine as machine_module
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import (
    ATTRIBUTES,
    PotConf,
    decode_attribute,
    decode_env,
)
from ansible_collections.potluck.matrix.plugins.module_utils._pot.machine import Machine
from ansible_collections.potluck.matrix.plugins.module_utils._pot.names import check_name
from ansible_collections.potluck.matrix.plugins.modules import pot as pot_module
from pot_fake import execute

ALIAS = {"network_type": "alias", "ip": ["vtnet0|10.0.2.50"]}


@pytest.fixture(name="fake")
def fixture_fake(tmp_path, monkeypatch):
    return pot_fake.FakeMachine(tmp_path, monkeypatch)


@pytest.fixture(name="running")
def fixture_running(fake):
    execute(fake, base="13.2")
    return fake


def fails(fake, message, **options):
    with pytest.raises(Sentence, match=message) as caught:
        execute(fake, **options)
    return str(caught.value)


def settle(fake, name="d1"):
    """Put pot.conf well before the start, as it is a moment later on a real host."""
    pot_fake.age(fake.home(name) + "/conf/pot.conf")


# --------------------------------------------------------------------------- creation


def test_create_start_and_nothing_more(fake):
    options = dict(
        base="13.2",
        attributes={"start_at_boot": True, "exec_stop": "/bin/sh /etc/rc.shutdown jail", "stop_timeout": 60},
        mounts=[{"source": fake.directory + "/data", "target": "/mnt"}],
        **ALIAS,
    )
    told = execute(fake, check=True, **options)
    assert (
        not os.listdir(fake.fs_root + "/jails")
        and not os.listdir(fake.directory + "/db")
        and not os.listdir(fake.directory + "/run")
    )
    done = execute(fake, **options)
    assert told["changed"] and done["changed"]
    assert told["diff"] == done["diff"]
    assert told["actions"] == done["actions"]
    assert told["pot"]["state"] == done["pot"]["state"] == "started"
    assert done["diff"]["before"]["state"] == "absent"
    assert done["diff"]["after"]["ip"] == ["vtnet0|10.0.2.50"]
    assert done["actions"][0] == "pot create -p d1 -t single -b 13.2 -N alias -i 'vtnet0|10.0.2.50'"
    assert "pot.attr.exec_stop=/bin/sh /etc/rc.shutdown jail\n" in fake.conf("d1")
    assert not done["restart_required"]
    assert not os.listdir(fake.directory + "/db")
    for check in (False, True):
        again = execute(fake, check=check, **options)
        assert not again["changed"] and again["diff"] == {"before": {}, "after": {}} and again["actions"] == []
        assert len(fake.commands) < 8


def test_base_defaults_to_the_machines_release(fake, monkeypatch):
    monkeypatch.setattr(os, "uname", lambda: os.uname_result(("FreeBSD", "h", "14.2-RELEASE-p3", "v", "amd64")))
    assert "-b 14.2" in execute(fake, state="present")["actions"][0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base": "99.9"}, "99.9 is not a release pot can fetch; this host knows 13.2, 14.2"),
        ({"base": "9.9", "type": "multi"}, "9.9 is not a base of this host: make it with 'pot create-base -r 9.9'"),
        ({"base": "13.2", "flavours": ["nope"]}, "Flavour nope was not found"),
        ({"base": "13.2", "network_type": "private-bridge", "bridge": "lan"}, "The private bridge lan does not exist"),
        ({"base": "13.2", "network_type": "alias", "ip": ["10.0.2.500"]}, "'10.0.2.500' is not a valid IP address"),
        ({"base": "13.2", "network_type": "alias", "ip": ["10.0.2.50/24"]}, "without a prefix length"),
        (
            {"base": "13.2", "network_type": "alias", "ip": ["em9|10.0.2.50"]},
            "The network interface em9 does not exist",
        ),
        ({"base": "13.2", "network_type": "alias", "ip": []}, "needs at least one address"),
        ({"base": "13.2", "network_type": "alias", "ip": ["auto"]}, "ip auto can only be used"),
        ({"base": "13.2", "network_type": "inherit", "ip": ["10.0.0.1"]}, "no meaning with network_type inherit"),
        ({"base": "13.2", "ip": ["10.0.0.1"]}, "no meaning with network_type inherit"),
        ({"base": "13.2", "network_type": "public-bridge", "ip": ["10.0.0.1"]}, "not inside 10.192.0.0/10"),
        ({"base": "13.2", "network_type": "alias", "ip": ["fe80::1"]}, "does not fit network_stack ipv4"),
        ({"clone_from": "nope"}, "The pot nope to clone from does not exist"),
        ({"base": "13.2", "attributes": {"exec_stop": "a=b"}}, "exec_stop must not contain '='"),
        ({"base": "13.2", "attributes": {"children": -1}}, "children must not be negative"),
        ({"base": "13.2", "ports": ["70000"]}, "'70000' is not a valid port"),
        ({"base": "13.2", "limits": {"memory": "lots"}}, "'lots' is not a valid amount of memory"),
        ({"base": "13.2", "env": {"A-B": "1"}}, "'A-B' is not a valid name"),
        ({"base": "13.2", "env": {"A": "1\n2"}}, "contains a line break"),
        ({"base": "13.2", "env": {"A": ["1"]}}, "must be text or a number"),
        ({"base": "13.2", "dns": "custom:relative"}, "not a valid value for dns"),
        ({"base": "13.2", "dns": "custom"}, "dns=custom and resolv_conf need each other"),
        ({"base": "13.2", "resolv_conf": "nameserver 192.0.2.1\n"}, "dns=custom and resolv_conf need each other"),
        ({"base": "13.2", "hostname": "a b"}, "not a valid host name"),
        ({"base": "13.2", "cmd": "a\nb"}, "one line of text"),
        (
            {"base": "13.2", "mounts": [{"source": "zroot/nope", "kind": "dataset", "target": "/mnt"}]},
            "dataset zroot/nope to mount does not exist",
        ),
        ({"base": "13.2", "hosts": {"h": "nope"}}, "'nope' is not a valid IP address"),
    ],
)
def test_refusals_name_the_fault_and_make_nothing(fake, options, message):
    for check in (False,) if "mounts" in options else (True, False):
        fails(fake, message, check=check, **options)
    assert not os.listdir(fake.fs_root + "/jails")


@pytest.mark.parametrize("name", ["a.b", "12", "-a", "a b", "a/b", "", "x" * 56, "a@b", "a\n"])
def test_bad_names(name):
    with pytest.raises(Sentence, match="not a valid name"):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "matrix-example-org", "1a", "a+b", "x" * 55])
def test_good_names(name):
    assert check_name(name) == name


def test_not_installed(fake, monkeypatch):
    monkeypatch.setattr(machine_module, "PATH", "/nonexistent")
    with pytest.raises(Sentence, match="pot is not installed"):
        Machine(fake)


def test_not_initialised(fake):
    del fake.datasets["zroot/pot/jails"]
    fails(fake, "pot is not initialised.*run 'pot init' first")


def test_clone_takes_the_latest_snapshot_and_needs_one(fake):
    execute(fake, name="template", state="present", base="13.2", env={"A": "1"})
    fails(fake, "has no snapshot: stop it and take one with 'pot snapshot -p template'", clone_from="template")
    assert not any(c.startswith("pot clone") for c in fake.commands)
    fake.snapshot("template")
    fails(fake, "has no snapshot 7", clone_from="template", clone_snapshot="7")
    done = execute(fake, clone_from="template", env={})
    assert done["actions"][0] == "pot clone -P template -p d1"
    assert "pot.env" not in fake.conf("d1") and 'host.hostname="d1.fbsd1.example.test"' in fake.conf("d1")
    assert not execute(fake, clone_from="template", env={})["changed"]
    for check in (True, False):
        fails(fake, "zroot/pot/jails/d1/m depends on its snapshots", name="template", state="absent", check=check)


def test_clone_of_an_alias_pot_needs_an_address(fake):
    execute(fake, name="template", state="present", base="13.2", **ALIAS)
    fake.snapshot("template")
    fails(fake, "network_type alias needs at least one address", clone_from="template", check=True)
    done = execute(fake, clone_from="template", ip=["10.0.2.51"])
    assert done["pot"]["ip"] == ["10.0.2.51"]


def test_image_is_imported_once(fake):
    image = {"name": "consul-amd64-14_2", "tag": "2.4.2", "url": "https://images.example.org", "pubkey": None}
    done = execute(fake, image=image)
    assert done["actions"][:2] == [
        "pot import -p consul-amd64-14_2 -t 2.4.2 -U https://images.example.org",
        "pot clone -P consul-amd64-14_2_2_4_2 -p d1",
    ]
    second = execute(fake, name="d2", image=image)
    assert second["actions"][0] == "pot clone -P consul-amd64-14_2_2_4_2 -p d2"
    fails(fake, "public key /nope does not exist", name="d3", image={**image, "tag": "3", "pubkey": "/nope"})


def test_private_bridge_is_made_when_its_size_is_given(fake):
    options = {"base": "13.2", "network_type": "private-bridge", "bridge": "lan", "bridge_hosts": 5}
    done = execute(fake, **options)
    assert done["actions"][0] == "pot create-private-bridge -B lan -S 5"
    assert not execute(fake, **options)["changed"]


def test_multi_pot(fake):
    fake.datasets["zroot/pot/bases/13.2"] = fake.props(fake.fs_root + "/bases/13.2")
    assert "-t multi -b 13.2 -l 1" in execute(fake, state="present", base="13.2", type="multi")["actions"][0]
    fails(fake, "level 2 needs pot_base", name="d2", base="13.2", type="multi", level=2)


# --------------------------------------------------------------------------- configuration


def test_everything_at_once_and_back(running):
    settle(running)
    options = {
        "env": {"A": "b c", "S": 'it\'s $5 `x` \\ "q"'},
        "ports": ["tcp:80:8080", "udp:53"],
        "hosts": {"consul1": "10.0.0.2"},
        "limits": {"cpus": 2, "memory": "512M"},
        "cmd": "sh /etc/rc ",
        "hostname": "matrix.example.org",
        "dns": "off",
    }
    told = execute(running, check=True, **options)
    done = execute(running, **options)
    assert told["diff"] == done["diff"] and told["actions"] == done["actions"]
    assert done["diff"]["after"]["env"] == {"A": "(set)", "S": "(set)"}
    assert "b c" not in str(done) and "b c" not in str(running.commands)
    assert done["restart_required"] and told["restart_required"]
    text = running.conf("d1")
    assert 'pot.env="A=b c"\n' in text and 'pot.env="S=it\'s \\$5 \\`x\\` \\\\ \\"q\\""\n' in text
    assert (
        "pot.export.ports=80:8080 udp:53\n" in text
        and "pot.rss.cpus=2\n" in text
        and "pot.hosts=10.0.0.2 consul1\n" in text
    )
    again = execute(running, **options)
    assert not again["changed"] and again["restart_required"], "the pot was not restarted yet"
    undone = execute(running, env={}, ports=[], hosts={}, limits={"cpus": 0, "memory": ""}, cmd="sh /etc/rc")
    assert undone["diff"]["before"]["env"] == {"A": "(set)", "S": "(set)"} and undone["diff"]["after"]["env"] == {}
    for key in ("pot.env", "pot.export", "pot.hosts", "pot.rss"):
        assert key not in running.conf("d1")


def test_env_not_exact(running):
    execute(running, env={"A": "1", "B": "2"})
    done = execute(running, env={"B": "3", "C": "4"}, env_exact=False)
    assert done["pot"]["env_names"] == ["A", "B", "C"]
    assert done["diff"]["after"]["env"] == {"B": "(changed)", "C": "(set)"} and done["diff"]["before"]["env"] == {
        "B": "(set)"
    }


def test_an_unsafe_line_of_the_command_line_is_rewritten(fake):
    """C(pot set-env) stores a dollar as it is and sh would expand it: same letters, other value."""
    execute(fake, base="13.2", state="present", env={"A": "x"})
    path = fake.home("d1") + "/conf/pot.conf"
    fake.write(path, fake.conf("d1").replace('"A=x"', '"A=$HOME"'))
    assert execute(fake, state="present", env={"A": "$HOME"})["changed"]
    assert 'pot.env="A=\\$HOME"\n' in fake.conf("d1")


def test_start_at_boot_needs_no_restart(running):
    settle(running)
    done = execute(running, attributes={"start_at_boot": True})
    assert done["changed"] and not done["restart_required"]
    assert not execute(running)["restart_required"]
    assert execute(running, attributes={"stop_timeout": 90})["restart_required"]
    assert execute(running)["restart_required"], "a later run still tells"
    assert not execute(running, state="restarted")["restart_required"]


def test_a_configuration_of_the_future_asks_for_one_restart(running):
    """The clock was set back after pot.conf was written."""
    path = running.home("d1") + "/conf/pot.conf"
    os.utime(path, (time.time() + 86400,) * 2)
    assert execute(running)["restart_required"]
    assert not execute(running, state="restarted")["restart_required"]
    assert not execute(running)["restart_required"]


def test_default_attributes_change_nothing(running):
    values = {o: decode_attribute(o, None) for o in ATTRIBUTES}
    assert not execute(running, attributes=values)["changed"]


def test_restart_on_change(running):
    settle(running)
    assert not execute(running, restart_on_change=True)["changed"]
    told = execute(running, check=True, restart_on_change=True, cmd="sh /etc/rc x")
    done = execute(running, restart_on_change=True, cmd="sh /etc/rc x")
    assert told["diff"] == done["diff"] and told["actions"] == done["actions"]
    assert [a.split()[1] for a in done["actions"] if a.startswith("pot ")] == ["stop", "start"]
    assert not done["restart_required"]


def test_no_tmpfs_only_while_stopped(running):
    fails(running, "only be changed while pot d1 is stopped", attributes={"no_tmpfs": True})
    assert execute(running, attributes={"no_tmpfs": True}, state="restarted")["pot"]["attributes"]["no_tmpfs"]


def test_file_keeps_mode_order_and_unknown_lines_but_no_duplicates(fake):
    execute(fake, base="13.2", state="present")
    path = fake.home("d1") + "/conf/pot.conf"
    before = fake.conf("d1")
    fake.write(path, before + "something.else=1\npot.attr.exec_stop=\npot.depend=a\npot.depend=b\n")
    os.chmod(path, 0o640)
    execute(fake, state="present", attributes={"exec_stop": "/bin/sh /etc/rc.shutdown jail"})
    assert (
        fake.conf("d1")
        == before.replace("exec_stop=\n", "exec_stop=/bin/sh /etc/rc.shutdown jail\n")
        + "something.else=1\npot.depend=a\npot.depend=b\n"
    )
    assert os.stat(path).st_mode & 0o7777 == 0o640
    assert sorted(os.listdir(fake.home("d1") + "/conf")) == ["fscomp.conf", "poststop.sh", "pot.conf", "potluck.json"]


def test_network_changes(running):
    settle(running)
    done = execute(running, **ALIAS)
    assert done["restart_required"] and running.conf("d1").endswith(
        "network_type=alias\nvnet=false\nip=vtnet0|10.0.2.50\n"
    )
    assert not execute(running, network_type="alias", ip=["10.0.2.50"])["changed"], "vtnet0 is POT_EXTIF"
    execute(running, state="restarted")
    moved = execute(running, network_type="alias", ip=["10.0.2.51"])
    assert moved["restart_required"]
    done = execute(running, state="restarted")
    assert "ifconfig vtnet0 inet 10.0.2.50 -alias" in done["actions"], (
        "pot only takes away the address it finds in its configuration"
    )
    bridged = execute(running, network_type="public-bridge")
    assert bridged["pot"]["ip"] == ["10.192.0.7"] and "vnet=true" in running.conf("d1")
    assert not execute(running, network_type="public-bridge", ip=["auto"])["changed"]
    execute(running, network_type="private-bridge", bridge="lan", bridge_hosts=4)
    assert execute(running, network_type="inherit")["pot"]["bridge"] == ""
    assert "ip=" not in running.conf("d1").replace("zip=", "") or "\nip=" not in running.conf("d1")


def test_dns_file(fake):
    source = fake.directory + "/resolv"
    fake.write(source, "nameserver 192.0.2.1\n")
    execute(fake, base="13.2", state="present")
    done = execute(fake, state="present", dns="custom:" + source)
    assert fake.text(
        fake.home("d1") + "/conf/resolv.conf"
    ) == "nameserver 192.0.2.1\n" and "pot.dns=custom\n" in fake.conf("d1")
    assert done["changed"] and not execute(fake, state="present", dns="custom:" + source)["changed"]
    fake.write(source, "nameserver 192.0.2.2\n")
    assert execute(fake, state="present", dns="custom:" + source)["changed"]


def test_dns_text(fake):
    def own(address):
        return {"base": "13.2", "state": "started", "dns": "custom", "resolv_conf": f"nameserver {address}\n"}

    foretold = execute(fake, check=True, **own("192.0.2.1"))
    done = execute(fake, **own("192.0.2.1"))
    assert done["diff"] == foretold["diff"] and "resolv_conf" in str(done["diff"])
    assert fake.text(
        fake.home("d1") + "/conf/resolv.conf"
    ) == "nameserver 192.0.2.1\n" and "pot.dns=custom\n" in fake.conf("d1")
    assert not execute(fake, **own("192.0.2.1"))["changed"]
    assert execute(fake, **own("192.0.2.2"))["restart_required"]
    assert not execute(fake, restart_on_change=True, **own("192.0.2.2"))["restart_required"]
    assert fake.text(fake.home("d1") + "/conf/resolv.conf") == "nameserver 192.0.2.2\n"
    assert execute(fake, base="13.2", dns="inherit")["changed"] and "pot.dns=inherit\n" in fake.conf("d1")


def test_what_cannot_change(running):
    fails(running, "exists with type single, which cannot be changed to multi", type="multi")
    assert "keeps its base 13.2" in execute(running, base="14.2")["warnings"][0]


# --------------------------------------------------------------------------- mounts


def data(fake, *names):
    paths = [fake.directory + "/data/" + n for n in names]
    for path in paths:
        os.makedirs(path, exist_ok=True)
    return paths


def test_a_dataset_that_was_mounted_too_late_needs_a_restart(running):
    """The pot still has the directory below it, where everything of value would be made anew."""
    one, two = data(running, "one", "two")
    mounts = [{"source": one, "target": "/mnt"}, {"source": two, "target": "/media"}]
    execute(running, mounts=mounts, restart_on_change=True)
    running.mounted.append(("zroot/one", one, "zfs", "rw"))
    told = execute(running, mounts=mounts)
    assert (
        told["restart_required"]
        and "from before something was mounted there" in told["warnings"][0]
        and "/mnt" in told["warnings"][0]
    )
    assert len(told["warnings"]) == 1 and [m[1].endswith("/m/mnt") for m in running.mounted].count(True) == 1
    assert execute(running, mounts=mounts, restart_on_change=True)["changed"]
    again = execute(running, mounts=mounts)
    assert not again["changed"] and not again["restart_required"] and not again["warnings"]


def test_mounts_of_a_running_pot_wait_for_a_restart(running):
    """mount(8) follows every link that a running pot puts in its way, so nothing is mounted or unmounted in one."""
    one, two = data(running, "one", "two")
    settle(running)
    before = list(running.mounted)
    done = execute(running, mounts=[{"source": one, "target": "/mnt"}])
    assert done["restart_required"] and done["pot"]["mounts"][0]["source"] == one and running.mounted == before
    assert not [c for c in running.commands if re.match("mount -t|umount|pot mount|jexec", c)]
    again = execute(running, mounts=[{"source": one, "target": "/mnt/"}])
    assert not again["changed"] and again["restart_required"]
    execute(running, state="restarted")
    told = execute(
        running, check=True, mounts=[{"source": two, "target": "/mnt", "read_only": True}], restart_on_change=True
    )
    done = execute(running, mounts=[{"source": two, "target": "/mnt", "read_only": True}], restart_on_change=True)
    assert told["diff"] == done["diff"] and told["actions"] == done["actions"] and not done["restart_required"]
    assert running.fscomp("d1") == two + " /mnt ro\n"
    live = [m for m in running.mounted if m[1].endswith("/m/mnt")]
    assert live == [(two, running.home("d1") + "/m/mnt", "nullfs", "ro")]
    assert not execute(running, mounts=[])["changed"]
    assert execute(running, mounts=[], mounts_exact=True)["restart_required"]
    assert running.fscomp("d1") == "" and live[0] in running.mounted
    execute(running, mounts=[], mounts_exact=True, restart_on_change=True)
    assert live[0] not in running.mounted


def test_a_removed_mount_goes_when_the_same_run_restarts_the_pot(running):
    """The lines of fscomp.conf are read anew when the pot has been stopped, and are other objects then."""
    one, two = data(running, "one", "two")
    execute(running, mounts=[{"source": one, "target": "/mnt"}], restart_on_change=True)
    settle(running)
    execute(
        running,
        state="restarted",
        cmd="sh /etc/rc quiet",
        mounts=[{"source": two, "target": "/mnt"}],
        mounts_exact=True,
    )
    assert running.fscomp("d1") == two + " /mnt\n"
    assert [m[0] for m in running.mounted if m[1].endswith("/m/mnt")] == [two]
    execute(running, state="restarted", mounts=[], mounts_exact=True)
    assert running.fscomp("d1") == "" and not [m for m in running.mounted if m[1].endswith("/m/mnt")]


@pytest.mark.parametrize("other", ["a second one at the same place", "the source of before", "one that nothing says"])
def test_other_mounts_than_configured_are_told(running, other):
    one, two = data(running, "one", "two")

    def start(args):
        result = running.pot_start(args)
        place = running.home("d1") + "/m/mnt"
        if other == "the source of before":
            running.mounted = [(two, *m[1:]) if m[1] == place else m for m in running.mounted]
        else:
            running.mounted.append(
                (two, place if other.startswith("a second") else running.home("d1") + "/m/media", "nullfs", "rw")
            )
        return result

    running.faults["start"] = start
    fails(
        running,
        "Pot d1 has other mounts than fscomp.conf says: look at /m",
        mounts=[{"source": one, "target": "/mnt"}],
        state="restarted",
    )


def test_mounts_compare_what_they_mean_not_how_they_are_spelled(running):
    (one,) = data(running, "one")
    running.datasets["zroot/dd"] = running.props(one)
    running.write(running.home("d1") + "/conf/fscomp.conf", "zroot/dd {}/m/home \n".format(running.home("d1")))
    os.makedirs(running.home("d1") + "/m/usr/home")
    os.symlink("usr/home", running.home("d1") + "/m/home")
    running.mounted.append((one, running.home("d1") + "/m/usr/home", "nullfs", "rw"))
    execute(running)
    for mount in (
        {"source": "zroot/dd", "kind": "dataset", "target": "/home"},
        {"source": one, "target": "/usr/home"},
        {"source": one + "/", "target": "/home"},
    ):
        assert not execute(running, mounts=[mount])["changed"]


def test_parents_are_mounted_before_children(fake):
    one, two = data(fake, "one", "two")
    execute(fake, base="13.2", state="stopped", mounts=[{"source": two, "target": "/mnt/sub"}])
    execute(fake, state="stopped", mounts=[{"source": one, "target": "/mnt"}])
    assert fake.fscomp("d1") == f"{one} /mnt\n{two} /mnt/sub\n"


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ({"source": "/nonexistent-directory", "target": "/x"}, "does not exist on the host"),
        ({"source": "relative", "target": "/x"}, "must be an absolute path"),
        ({"source": "/", "target": "/"}, "other than /"),
        ({"source": "/", "target": "x"}, "must be an absolute path inside the pot"),
        ({"source": "/", "target": "/a/../x"}, "must be an absolute path inside the pot"),
        ({"source": "/", "target": "/a b"}, "contains a blank"),
        ({"source": "/", "target": "/tmp/x"}, "would be hidden"),
        ({"source": "zroot/nope", "kind": "dataset", "target": "/x"}, "dataset zroot/nope to mount does not exist"),
        ({"source": "nope", "kind": "fscomp", "target": "/x"}, "fscomp nope to mount does not exist"),
        ({"source": "zroot/legacy", "kind": "dataset", "target": "/x"}, "has mountpoint legacy"),
        (
            {"source": "zroot/out", "kind": "dataset", "target": "/x"},
            "is not mounted: data would go to another file system",
        ),
        ({"source": "OUT", "target": "/x"}, "dataset zroot/out of directory .* is not mounted"),
    ],
)
def test_mounts_refused(running, mount, message):
    (path,) = data(running, "out")
    running.datasets["zroot/legacy"] = running.props("legacy", mounted="no")
    running.datasets["zroot/out"] = running.props(path, mounted="no")
    if mount["source"] == "OUT":
        mount = {**mount, "source": path}
    fails(running, message, mounts=[mount])
    assert running.fscomp("d1") == ""


def test_missing_source_is_only_a_warning_in_check_mode(running):
    told = execute(running, check=True, mounts=[{"source": "/nonexistent-directory", "target": "/mnt"}])
    assert told["changed"] and "does not exist" in told["warnings"][0]


def test_mount_taken_away_behind_pots_back_is_put_back(running):
    (one,) = data(running, "one")
    options = {"mounts": [{"source": one, "target": "/mnt"}]}
    execute(running, restart_on_change=True, **options)
    running.mounted = [m for m in running.mounted if not m[1].endswith("/m/mnt")]
    told = execute(running, **options)
    assert not told["changed"] and told["restart_required"] and "is not mounted at /mnt" in told["warnings"][0]
    told = execute(running, check=True, restart_on_change=True, **options)
    done = execute(running, restart_on_change=True, **options)
    assert told["diff"] == done["diff"] and told["actions"] == done["actions"] == ["pot stop d1", "pot start d1"]
    assert [m[0] for m in running.mounted if m[1].endswith("/m/mnt")] == [one]
    assert not execute(running, **options)["changed"]


def test_parent_of_a_mount_is_mounted_first(running):
    settle(running)
    one, two = data(running, "one", "two")
    execute(running, mounts=[{"source": two, "target": "/mnt/sub"}])
    done = execute(running, mounts=[{"source": one, "target": "/mnt"}])
    assert done["restart_required"] and running.fscomp("d1") == f"{one} /mnt\n{two} /mnt/sub\n"
    assert execute(running)["restart_required"]


def test_busy_mount_is_not_forgotten(running):
    (one,) = data(running, "one")
    execute(running, mounts=[{"source": one, "target": "/mnt"}], restart_on_change=True)
    running.umount = lambda args: (1, "", f"umount: unmount of {args[0]} failed: Device busy\n")

    def stop(args):
        kept = [m for m in running.mounted if m[0] == one]
        result = running.pot_stop(args)
        running.mounted += kept
        return result

    running.faults["stop"] = stop
    fails(
        running,
        "Cannot unmount .*/m/mnt, left over from pot d1: .*Device busy",
        mounts=[],
        mounts_exact=True,
        restart_on_change=True,
    )
    assert running.fscomp("d1") == one + " /mnt\n"


def test_pots_loose_test_for_duplicates_is_passed_by(running):
    short = "/tmp"
    longer = running.directory + "/tmp"
    execute(running, mounts=[{"source": longer, "target": "/media"}])
    done = execute(running, mounts=[{"source": short, "target": "/mnt"}])
    assert done["changed"] and running.fscomp("d1") == f"{longer} /media\n/tmp /mnt\n"


# --------------------------------------------------------------------------- run state


def test_stop_and_start(running):
    assert execute(running, state="stopped")["pot"]["state"] == "stopped"
    assert not execute(running, state="stopped")["changed"]
    assert not execute(running, state="present")["changed"]
    assert execute(running)["diff"] == {"before": {"state": "stopped"}, "after": {"state": "started"}}


def test_restarted_restarts_each_time(running):
    first = execute(running, state="restarted")
    assert first["changed"] and execute(running, state="restarted", check=True)["diff"] == first["diff"]


def test_jail_killed_behind_pots_back(running):
    running.jails.clear()
    told = execute(running, check=True)
    done = execute(running)
    assert done["actions"] == told["actions"] == ["repair: status 'started', jail gone", "pot stop d1", "pot start d1"]
    assert told["diff"] == done["diff"]


def test_stuck_starting(fake):
    execute(fake, base="13.2", state="present")
    fake.status("d1", "starting")
    fake.mounted.append(("tmpfs", fake.home("d1") + "/m/tmp", "tmpfs", "rw"))
    done = execute(fake)
    assert done["pot"]["state"] == "started" and done["actions"][-2:] == ["pot stop d1", "pot start d1"]


def test_half_stopped_keeps_its_interfaces(running):
    running.write(running.tmp + "/pot_status_d1", "pot.status=stopping,epair3:\n")
    seen = []

    def stop(args):
        seen.append(running.text(running.tmp + "/pot_status_d1"))

    running.faults["stop"] = stop
    done = execute(running)
    assert seen == ["pot.status=started,epair3:\n"] and done["pot"]["state"] == "started"


def test_starting_by_somebody_else_is_waited_for(fake, monkeypatch):
    execute(fake, base="13.2", state="present")
    fake.status("d1", "starting")
    fake.processes = ["  812 0 0 /bin/sh /usr/local/bin/pot start d1"]

    def later(seconds):
        fake.status("d1", "stopped")
        fake.pot_start(["d1"])
        fake.processes = ["  813 0 0 /bin/sh /usr/local/bin/pot start d11"]

    monkeypatch.setattr(time, "sleep", later)
    done = execute(fake)
    assert not done["changed"] and done["pot"]["state"] == "started"


def test_rc_that_never_ended_asks_for_a_restart(running):
    os.unlink(running.home("d1") + "/conf/.last_run_stats")
    done = execute(running)
    assert done["restart_required"] and not done["changed"]
    assert not execute(running, state="restarted")["restart_required"]


def test_lost_status_file(running):
    os.unlink(running.tmp + "/pot_status_d1")
    assert not execute(running)["changed"]
    assert execute(running, state="stopped")["pot"]["state"] == "stopped"


# --------------------------------------------------------------------------- half-created pots


def half(fake, marker=None, content=False):
    home = fake.home("d1")
    os.makedirs(home + "/m")
    fake.datasets["zroot/pot/jails/d1"] = fake.props(home)
    if content:
        fake.write(home + "/m/file", "data")
    if marker is not None:
        fake.write(fake.directory + "/db/potluck-pot-d1.creating", marker)


def test_half_created_and_empty_is_made_anew(fake):
    half(fake)
    told = execute(fake, check=True, base="13.2")
    done = execute(fake, base="13.2")
    assert (
        done["actions"][0] == "pot destroy -F -p d1"
        and done["actions"] == told["actions"]
        and done["diff"] == told["diff"]
    )
    assert not execute(fake, base="13.2")["changed"]


def test_directory_without_dataset(fake):
    os.makedirs(fake.home("d1") + "/m")
    assert execute(fake, base="13.2")["actions"][0].startswith("remove directory")
    execute(fake, state="absent")
    os.makedirs(fake.home("d1") + "/m")
    fake.write(fake.home("d1") + "/m/file", "data")
    fails(fake, "exists without dataset .*'pot destroy -F -p d1'", base="13.2")
    fails(fake, "holds files; look at them", state="absent")


def test_half_created_with_data_is_left_alone(fake):
    half(fake, content=True)
    fails(fake, "conf/pot.conf is missing. Look at it, then remove it with 'pot destroy -F -p d1'", base="13.2")
    assert os.path.exists(fake.home("d1") + "/m/file")
    execute(fake, state="absent")
    assert not os.path.exists(fake.home("d1"))


def test_creation_cut_off_is_repeated(fake):
    execute(fake, base="13.2", state="present")
    fake.write(fake.directory + "/db/potluck-pot-d1.creating", "")
    done = execute(fake, base="13.2", state="present")
    assert [a.split()[1] for a in done["actions"] if a.startswith("pot")] == ["destroy", "create"]
    fake.write(fake.directory + "/db/potluck-pot-d1.creating", "")
    fake.write(fake.home("d1") + "/conf/.last_run_stats", "{}")
    assert not execute(fake, state="present")["changed"], "a pot that ran is in use"


def test_creation_still_going_on_is_waited_for(fake, monkeypatch):
    fake.write(fake.directory + "/db/potluck-pot-d1.creating", "")
    fake.processes = ["  812 0 0 /bin/sh /usr/local/bin/pot create -p d1 -t single -b 13.2"]

    def later(seconds):
        fake.pot_create(["-p", "d1", "-t", "single", "-b", "13.2"])
        fake.pot_start(["d1"])
        fake.processes = []

    monkeypatch.setattr(time, "sleep", later)
    assert not [
        a for a in execute(fake)["actions"] if not a.endswith(("(the guard)", "(datasets that must be mounted)"))
    ]
    assert not os.listdir(fake.directory + "/db"), "a pot that runs is in use"
    assert not execute(fake, state="stopped")["actions"][1:]


def test_unmounted_pot_is_no_empty_pot(fake):
    execute(fake, base="13.2", state="present")
    os.unlink(fake.home("d1") + "/m/bin/freebsd-version")
    for path in ("bin", "mnt", "usr"):
        os.rmdir(fake.home("d1") + "/m/" + path)
    fake.datasets["zroot/pot/jails/d1/m"]["mounted"] = "no"
    fails(fake, "zroot/pot/jails/d1/m is not mounted")


# --------------------------------------------------------------------------- destruction


def test_absent(running):
    told = execute(running, state="absent", check=True)
    done = execute(running, state="absent")
    assert told["actions"] == done["actions"] == ["pot stop d1", "pot destroy -p d1"] and told["diff"] == done["diff"]
    assert not execute(running, state="absent")["changed"]


def test_absent_leaves_nothing_of_the_pot_on_the_host_and_all_of_others(running):
    running.redirections.update({"pot-rdr/d1": "rdr pass on em0 …", "pot-rdr/d10": "rdr pass on em0 …"})
    running.limits.update({"jail:d1": "jail:d1:memoryuse:deny=1G\n", "jail:d10": "jail:d10:memoryuse:deny=1G\n"})
    told = execute(running, state="absent", check=True)
    assert told["actions"] == execute(running, state="absent")["actions"] == ["pot stop d1", "pot destroy -p d1"]
    assert running.status("d1") == ""
    assert (list(running.redirections), list(running.limits)) == (["pot-rdr/d10"], ["jail:d10"])


def test_absent_finds_what_is_left_of_a_pot_that_is_gone(running):
    execute(running, state="absent")
    running.status("d1", "stopped")
    running.redirections["pot-rdr/d1"] = "rdr pass on em0 …"
    running.limits["jail:d1"] = "jail:d1:memoryuse:deny=1G\n"
    told = execute(running, state="absent", check=True)
    done = execute(running, state="absent")
    assert (
        told["actions"]
        == done["actions"]
        == [
            f"remove {running.tmp}/pot_status_d1",
            "pfctl -a pot-rdr/d1 -F nat",
            "rctl -r jail:d1",
        ]
    )
    assert not execute(running, state="absent")["changed"]


def test_absent_needs_neither_a_packet_filter_nor_limits(running):
    def missing(_args):
        raise Sentence("Cannot run it: No such file or directory.")

    running.pfctl = running.rctl = missing
    assert execute(running, state="absent")["actions"] == ["pot stop d1", "pot destroy -p d1"]
    assert not execute(running, state="absent")["changed"]


def test_absent_refuses_while_something_is_mounted_below(fake):
    execute(fake, base="13.2", state="present")
    fake.mounted.append(("/data", fake.home("d1") + "/m/mnt", "nullfs", "rw"))
    fails(fake, "is still mounted below it; unmount it first", state="absent")
    assert not any("destroy" in c for c in fake.commands)


def test_absent_refuses_with_a_foreign_dataset_below(fake):
    execute(fake, base="13.2", state="present")
    fake.datasets["zroot/pot/jails/d1/precious"] = fake.props("/precious")
    fails(fake, "dataset zroot/pot/jails/d1/precious lies below it", state="absent")


def test_absent_refuses_when_others_are_built_on_it(fake):
    execute(fake, base="13.2", state="present")
    execute(fake, name="d2", base="13.2", state="present")
    fake.write(fake.home("d2") + "/conf/pot.conf", fake.conf("d2").replace("potbase=", "potbase=d1"))
    fails(fake, "d2 is built on it", state="absent")


# --------------------------------------------------------------------------- exit codes that mislead


def test_rc0_stop_of_an_unknown_pot(fake):
    execute(fake, base="13.2", state="present")
    fake.status("d1", "started")
    fake.faults["stop"] = lambda args: (0, "###>  The pot d1 is not a valid pot\n", "")
    fails(fake, "Cannot stop pot d1: The pot d1 is not a valid pot")


def test_rc0_stop_with_a_living_jail(running):
    calls = []

    def stop(args):
        calls.append(args)
        running.status("d1", "stopped")
        return (0, "", "") if len(calls) < 2 else None

    running.faults["stop"] = stop
    assert execute(running, state="stopped")["pot"]["state"] == "stopped" and len(calls) == 2
    execute(running)
    running.faults["stop"] = lambda args: (0, "", "")
    fails(running, "its jail still runs after two attempts", state="stopped")


def test_rc0_create_that_made_nothing(fake):
    fake.faults["create"] = lambda args: (
        0,
        "===>  Creating a new pot\n",
        "cannot create 'zroot/pot/jails/d1': out of space\n",
    )
    fails(fake, "Cannot create pot d1: cannot create 'zroot/pot/jails/d1': out of space", base="13.2")
    assert not os.listdir(fake.directory + "/db")


def test_rc0_create_that_left_an_empty_dataset(fake):
    def create(args):
        half(fake)
        return 0, "", "cannot receive: failed\n"

    fake.faults["create"] = create
    fails(fake, "cannot receive: failed", base="13.2")
    assert not os.path.exists(fake.home("d1")) and "zroot/pot/jails/d1" not in fake.datasets


def test_rc1_create_that_left_the_half_of_a_pot(fake):
    def create(args):
        half(fake, content=True)
        return 1, "===>  Fetching FreeBSD 13.2\n###>  13.2 fetch failed\npot create [-hv]\n", ""

    fake.faults["create"] = create
    fails(fake, "Cannot create pot d1: 13.2 fetch failed$", base="13.2")
    assert "zroot/pot/jails/d1" not in fake.datasets


def test_rc1_create_because_somebody_else_was_faster(fake):
    def create(args):
        fake.pot_create(args)
        return 1, "###>  pot d1 already exists\n", ""

    fake.faults["create"] = create
    fails(fake, "already exists", base="13.2")
    assert "zroot/pot/jails/d1" in fake.datasets, "not ours to destroy"


def test_a_flavour_that_fails_leaves_no_pot_whatever_it_says(fake):
    def create(args):
        fake.pot_create(args)
        return 1, "pw: group name 'people' already exists\n###>  flavour failed\n", ""

    fake.faults["create"] = create
    fails(fake, "flavour failed", base="13.2")
    assert "zroot/pot/jails/d1" not in fake.datasets


def test_two_slashes_at_the_beginning_of_a_mount(running):
    (one,) = data(running, "one")
    fails(running, "tmpfs|/tmp", mounts=[{"source": one, "target": "//tmp"}])


def test_rc0_clone_that_made_nothing(fake):
    execute(fake, name="template", state="present", base="13.2")
    fake.snapshot("template")
    fake.faults["clone"] = lambda args: (
        0,
        "###>  zroot/pot/jails/template/m has no snap - please take a snapshot of template\n",
        "",
    )
    fails(fake, "has no snap - please take a snapshot", clone_from="template")


def test_rc0_import_that_made_nothing(fake):
    fake.faults["import"] = lambda args: (
        0,
        "===>  importing\n",
        "cannot receive new filesystem stream: out of space\n",
    )
    fails(fake, "Cannot import image i 1: cannot receive new filesystem stream", image={"name": "i", "tag": "1"})


def test_a_mount_that_fails_at_the_start_leaves_the_pot_as_it_was(running):
    one, two = data(running, "one", "two")
    execute(running, mounts=[{"source": one, "target": "/mnt"}], restart_on_change=True)
    former = running.conf("d1"), running.fscomp("d1")

    def start(args):
        if two in running.fscomp("d1"):
            return 1, f"###>  Error mounting {two} on d1\n###>  Mount failed \n", ""
        return running.pot_start(args)

    running.faults["start"] = start
    message = fails(
        running,
        "Cannot start pot d1: Error mounting .*; Mount failed",
        state="restarted",
        env={"A": "1"},
        mounts=[{"source": two, "target": "/mnt"}],
        mounts_exact=True,
    )
    assert message.endswith("It runs again with the configuration that it had before.")
    assert (running.conf("d1"), running.fscomp("d1")) == former and "d1" in running.jails


def test_a_new_pot_that_does_not_start_keeps_what_is_wanted(fake):
    fake.faults["start"] = lambda args: (1, "###>  Mount failed \n", "")
    (one,) = data(fake, "one")
    fails(fake, "Cannot start pot d1: Mount failed", base="13.2", mounts=[{"source": one, "target": "/mnt"}])
    assert fake.fscomp("d1") == one + " /mnt\n"


def test_rc0_mount_out_is_not_used(running):
    (one,) = data(running, "one")
    execute(running, mounts=[{"source": one, "target": "/mnt"}])
    execute(running, mounts=[], mounts_exact=True)
    assert not any(c.startswith("pot mount-out") for c in running.commands) and running.fscomp("d1") == ""


def test_rc0_start_whose_command_failed(fake):
    def start(args):
        fake.pot_start(args)
        fake.write(fake.home("d1") + "/conf/.last_run_stats", '{ "ExitCode": 3 }')
        return 0, "===>  Starting the pot d1\n", "rc: broken\n"

    fake.faults["start"] = start
    fails(fake, "its start command 'sh /etc/rc' ended with exit code 3: rc: broken", base="13.2")


def test_rc0_start_without_a_jail(fake):
    fake.faults["start"] = lambda args: (0, "", "")
    fails(fake, "Cannot start pot d1: exit code 0, and no jail runs", base="13.2")


def test_rc0_start_without_a_recorded_end(fake):
    def start(args):
        fake.pot_start(args)
        os.unlink(fake.home("d1") + "/conf/.last_run_stats")
        return 0, "", ""

    fake.faults["start"] = start
    fails(fake, "Cannot prove that pot d1 has started", base="13.2")


def test_rc1_start_says_why(fake):
    fake.faults["start"] = lambda args: (1, "###>  Error mounting /x on d1\n###>  Mount failed \n", "")
    fails(fake, "Cannot start pot d1: Error mounting /x on d1; Mount failed", base="13.2")


def test_start_that_takes_too_long_is_stopped(fake):
    def start(args):
        fake.pot_start(args)
        raise CommandTimeout("'pot start d1' did not end within 5 seconds.")

    fake.faults["start"] = start
    fails(fake, "did not end within 5 seconds. The pot was stopped again", base="13.2")
    assert not fake.jails


def test_rc0_lines_of_a_flavour_that_pot_ignored_are_told(fake):
    fake.write(fake.directory + "/usr/local/etc/pot/flavours/mine", "")

    def create(args):
        fake.pot_create([a for a in args if a not in ("-f", "mine")])
        return (
            0,
            "###>  Flavor mine: line nonsense not valid - ignoring\n###>  Flavor mine: line # a comment not valid - "
            "ignoring\n",
            "",
        )

    fake.faults["create"] = create
    assert execute(fake, base="13.2", flavours=["mine"])["warnings"] == [
        "Flavor mine: line nonsense not valid - ignoring"
    ]


def test_rc1_stop_of_a_pot_never_started_is_not_even_asked(fake):
    execute(fake, base="13.2", state="stopped")
    assert not any(c.startswith("pot stop") for c in fake.commands)


def test_rc1_destroy_of_a_missing_pot_is_not_even_asked(fake):
    assert not execute(fake, state="absent")["changed"]
    assert not any(c.startswith("pot destroy") for c in fake.commands)


def test_rc1_destroy_says_why(fake):
    execute(fake, base="13.2", state="present")
    fake.faults["destroy"] = lambda args: (
        1,
        "===>  Destroying pot d1\n###>  zfs failed to destroy the dataset zroot/pot/jails/d1\n",
        "cannot destroy 'zroot/pot/jails/d1': dataset is busy\n",
    )
    fails(fake, "Cannot destroy pot d1: zfs failed to destroy .*dataset is busy", state="absent")


def test_potnet_without_an_address(running):
    running.potnet = lambda args: (1, "", "potnet: no free address\n")
    fails(running, "Cannot get a free address from potnet: potnet: no free address", network_type="public-bridge")


# --------------------------------------------------------------------------- other pots


@pytest.mark.parametrize("state", ["stopped", "started"])
def test_an_address_of_another_pot_is_refused(fake, state):
    execute(fake, name="other", base="13.2", state=state, network_type="alias", ip=["vtnet0|10.0.2.50"])
    before = sorted(os.listdir(fake.fs_root + "/jails"))
    for check in (True, False):
        message = fails(
            fake,
            "Address 10.0.2.50 belongs to pot other",
            check=check,
            base="13.2",
            network_type="alias",
            ip=["10.0.2.50"],
        )
        assert "'pot stop other; pot rename -p other -n d1'" in message and "pot destroy -p other" in message
    assert sorted(os.listdir(fake.fs_root + "/jails")) == before
    execute(fake, base="13.2", network_type="alias", ip=["10.0.2.51"])
    fails(fake, "belongs to pot other", network_type="alias", ip=["10.0.2.50"], restart_on_change=True)
    assert "d1" in fake.jails and "10.0.2.51" in fake.conf("d1")
    assert not execute(fake, name="other", state=state, network_type="alias", ip=["10.0.2.50"])["changed"], (
        "its own is no conflict"
    )


def test_data_of_another_pot_are_refused(fake):
    one, two = data(fake, "one", "two")
    os.makedirs(one + "/sub")
    os.symlink(one, fake.directory + "/link")
    fake.datasets["zroot/one"] = fake.props(one)
    execute(
        fake,
        name="other",
        base="13.2",
        state="stopped",
        mounts=[{"source": "zroot/one", "kind": "dataset", "target": "/mnt"}],
    )
    for source in (one, one + "/sub", os.path.dirname(one), fake.directory + "/link", "zroot/one"):
        kind = "directory" if source.startswith("/") else "dataset"
        for check in (True, False):
            message = fails(
                fake,
                "pot other mounts .* must not write the same data",
                check=check,
                base="13.2",
                mounts=[{"source": source, "kind": kind, "target": "/mnt"}],
            )
            assert "pot rename -p other -n d1" in message
    assert os.listdir(fake.fs_root + "/jails") == ["other"]
    execute(
        fake,
        base="13.2",
        mounts=[{"source": two, "target": "/mnt"}, {"source": one, "target": "/media", "read_only": True}],
    )
    fails(
        fake,
        "must not write the same data",
        mounts=[{"source": one, "target": "/mnt"}],
        mounts_exact=True,
        restart_on_change=True,
    )
    assert "d1" in fake.jails and fake.fscomp("d1").startswith(two)


# --------------------------------------------------------------------------- several runs at once


@pytest.mark.parametrize(
    "process", ["  812 4 0 /bin/sh /usr/local/bin/pot start d1", "  812 0 1001 /bin/sh /usr/local/bin/pot start d1"]
)
def test_a_process_of_a_jail_or_of_a_user_makes_nobody_wait(fake, monkeypatch, process):
    execute(fake, base="13.2", state="stopped")
    fake.status("d1", "starting")
    fake.processes = [process]
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("waited"))
    assert execute(fake)["pot"]["state"] == "started"


def test_a_run_whose_ansible_has_gone_does_nothing_after_a_wait(fake, monkeypatch):
    execute(fake, base="13.2", state="stopped")
    fake.status("d1", "starting")
    fake.processes = ["  812 0 0 /bin/sh /usr/local/bin/pot start d1"]
    monkeypatch.setattr(caller.CALLER, "gone", lambda: True)
    fails(fake, "The connection to Ansible was lost while this run waited")
    assert not [c for c in fake.commands if c.startswith("pot ")] and fake.status("d1") == "starting"


@pytest.mark.parametrize("how", ["parent", "pipe"])
def test_that_ansible_has_gone_is_noticed(how, tmp_path):
    """A grandchild waits for a lock; its parent dies, or nobody reads its output any more."""
    child = (
        "import os, sys, time\nfrom {} import caller\nsys.stdout.flush()\nbefore = caller.CALLER.gone()\nopen({!r}, "
        "'w').write(str(os.getpid()))\n"
        "deadline = time.monotonic() + 20\nwhile not caller.CALLER.gone() and time.monotonic() < deadline: "
        "time.sleep(0.05)\n"
        "open({!r}, 'w').write('%s %s' % (before, caller.CALLER.gone()))\n".format(
            caller.__package__, str(tmp_path / "started"), str(tmp_path / "result")
        )
    )
    script = [sys.executable, "-c", child]
    if how == "parent":
        process = subprocess.Popen(
            ["/bin/sh", "-c", '"$@" & wait', "sh", *script], env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
        )
    else:
        process = subprocess.Popen(
            script, stdout=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
        )
    deadline = time.monotonic() + 30
    while not (tmp_path / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    if how == "parent":
        process.kill()
        process.wait()
    else:
        process.stdout.close()
    while not (tmp_path / "result").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    assert (tmp_path / "result").read_text() == "False True"
    process.wait(10)


def _hold(path, ready, release):
    locks.LOCK_DIR = path
    with lock("potluck-pot-d1", 1):
        ready.set()
        release.wait(10)


def test_two_processes_take_turns(fake):
    context = multiprocessing.get_context("fork")
    ready, release = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(fake.directory + "/run", ready, release))
    process.start()
    try:
        assert ready.wait(10)
        with pytest.raises(Sentence, match="Another run has held"), lock("potluck-pot-d1", 0.3):
            pass
        with lock("potluck-pot-d2", 0.3):
            pass
    finally:
        release.set()
        process.join(10)
    with lock("potluck-pot-d1", 0.3):
        pass


# --------------------------------------------------------------------------- as Ansible calls it


def call(fake, capsys, monkeypatch, **arguments):
    monkeypatch.setattr(
        pot_module, "Machine", lambda check, timeout, machine=Machine: machine(fake, fake.pot, check, timeout)
    )
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with patch_module_args({"name": "d1", **arguments}), pytest.raises(SystemExit) as caught:
        pot_module.main()
    return caught.value.code, capsys.readouterr().out


def test_no_secret_in_any_output(fake, capsys, monkeypatch):
    secret = 'sesame "open" $now'
    code, out = call(fake, capsys, monkeypatch, base="13.2", env={"TOKEN": secret}, _ansible_diff=True)
    result = json.loads(out)
    assert code == 0 and result["changed"] and result["pot"]["env_names"] == ["TOKEN"]
    assert "sesame" not in out and "sesame" not in str(fake.commands)
    assert decode_env(PotConf(fake.conf("d1")).get("pot.env")) == ("TOKEN", secret)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "a.b"}, "'a.b' is not a valid name for a pot"),
        ({"base": "13.2", "clone_from": "x"}, "mutually exclusive"),
        ({"network_type": "alias"}, "missing: ip"),
        ({"network_type": "private-bridge"}, "missing: bridge"),
        ({"clone_snapshot": "1"}, "missing parameter(s) required by 'clone_snapshot': clone_from"),
        ({"attributes": {"nosuch": 1}}, "Unsupported parameters"),
        ({"base": "99.9"}, "99.9 is not a release"),
    ],
)
def test_failures_are_sentences(fake, capsys, monkeypatch, arguments, message):
    code, out = call(fake, capsys, monkeypatch, **arguments)
    result = json.loads(out)
    assert code == 1 and result["failed"] and message in result["msg"]


def test_only_root(fake, capsys, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1001)
    with patch_module_args({"name": "d1"}), pytest.raises(SystemExit):
        pot_module.main()
    assert "only be managed as root: use become" in capsys.readouterr().out
