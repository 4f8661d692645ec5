# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From bare machines to pots that Ansible works in: three servers, two of them on one machine. The tests build on each other."""

from __future__ import annotations

import re
import subprocess

import pytest

from .conftest import TOP

SERVERS = {"one": "a", "two": "a", "three": "b"}
# Everything on the machine but what logging in itself leaves behind.
TREE = ("{ zfs list -H -o name,mountpoint,quota; cat /etc/rc.conf; find / -xdev -not -path '/.double*' -not -path '/var/log*' -not -path '/var/run*' "
        "-not -path '*/__pycache__*' -not -path '/root/.ansible*' -not -path '/tmp/*' -not -path '/dev*' -not -path '/proc*' | sort; }")


@pytest.fixture(scope="module", autouse=True)
def machines(lab):
    lab.start("a", "b")
    for server, machine in SERVERS.items():
        lab.serve(server, machine)


def look(lab):
    return {(machine, line) for machine in "ab" for line in lab.run(machine, TREE).splitlines()}


def running(lab):
    return {server for server, machine in SERVERS.items() if server in lab.run(machine, "jls name").split()}


def succeeded(result, changed=None):
    assert result.code == 0, result
    if changed is not None:
        assert result.changed == changed, result
    return result


def test_check_of_bare_machines_touches_nothing(lab):
    before = look(lab)
    result = succeeded(lab.play("--check", "--diff"))
    assert "python311 would be installed" in result.output
    assert look(lab) ^ before == set()


def test_bootstrap_installs_python_once(lab):
    result = succeeded(lab.play(playbook="potluck.matrix.bootstrap"))
    # Two servers share a machine: one of them installs, the other one may find it done.
    assert result.changed in (2, 3)
    succeeded(lab.play(playbook="potluck.matrix.bootstrap"), changed=0)


def test_check_of_machines_with_python_touches_nothing(lab):
    before = look(lab)
    result = succeeded(lab.play("--check", "--diff"))
    assert result.changed > 0 and "can only be checked after that" in result.output
    assert look(lab) ^ before == set()


def test_three_servers_in_one_run(lab):
    succeeded(lab.play())
    assert running(lab) == set(SERVERS)
    for server, machine in SERVERS.items():
        assert lab.run(machine, f"cat /mnt/{server}/written-in-the-pot").strip() == server


def test_the_pots_start_at_boot_and_stop_cleanly(lab):
    configuration = lab.run("a", "cat /opt/pot/jails/one/conf/pot.conf")
    assert "pot.attr.start-at-boot=YES" in configuration
    assert "pot.attr.exec_stop=/bin/sh /etc/rc.shutdown jail" in configuration
    assert "pot.attr.stop_timeout=120" in configuration
    assert lab.run("a", "sysrc -n pot_enable").strip() == "YES"


def test_pot_left_the_files_of_the_machine_alone(lab):
    assert lab.run("a", "grep -v '^#' /usr/local/etc/pot/pot.conf").split() == ["POT_EXTIF=vtnet0"]
    assert "syslogd_flags=\"-ss\"" in lab.run("a", "cat /etc/rc.conf")
    assert lab.run("a", "test -e /etc/pf.conf.bkp-pot || echo none").strip() == "none"


def test_second_run_changes_nothing(lab):
    succeeded(lab.play(), changed=0)
    succeeded(lab.play("--check", "--diff"), changed=0)


def test_budget_of_remote_operations(lab):
    done = subprocess.run([TOP / "tests/count-operations", "--by-role", "-i", lab.inventory(), TOP / "tests/integration/rollout/machines.yml"],
                          env=lab.environment, capture_output=True, text=True, check=True)
    counts = re.findall(r"^  (zfs_dataset|pot_jail) +([0-9]+) ", done.stdout, re.MULTILINE)
    assert len(counts) == 6
    for role, operations in counts:
        assert int(operations) <= {"zfs_dataset": 4, "pot_jail": 12}[role], done.stdout


def test_check_and_diff_show_one_changed_variable(lab):
    lab.servers["one"]["matrix_dataset_properties"] = {"quota": "2G"}
    for arguments in (["--check", "--diff"], ["--diff"]):
        result = succeeded(lab.play(*arguments), changed=1)
        assert re.search(r"^\+.*2147483648", result.output, re.MULTILINE)
    assert lab.run("a", "zfs get -H -p -o value quota zroot/one").strip() == "2147483648"
    succeeded(lab.play(), changed=0)


def test_a_change_that_needs_a_restart_restarts_that_pot_only(lab):
    before = lab.run("a", "jls -j one jid").split(), lab.run("a", "jls -j two jid").split()
    lab.servers["one"]["pot_jail_limits"] = {"cpus": 1}
    foretold = succeeded(lab.play("--check"), changed=1)
    assert foretold.recap["one"]["changed"] == 1
    assert lab.run("a", "jls -j one jid").split() == before[0]
    succeeded(lab.play(), changed=1)
    assert lab.run("a", "jls -j one jid").split() != before[0] and lab.run("a", "jls -j two jid").split() == before[1]
    succeeded(lab.play(), changed=0)


def test_limits_that_are_taken_out_are_none_and_an_ipv6_address_is_one(lab):
    del lab.servers["one"]["pot_jail_limits"]
    ipv4, ipv6 = lab.servers["one"]["matrix_ip"], "fd00:199::5"
    lab.servers["one"]["matrix_ip"] = ipv6
    try:
        assert succeeded(lab.play(), changed=1).recap["one"]["changed"] == 1
        configuration = lab.run("a", "cat /opt/pot/jails/one/conf/pot.conf")
        assert "pot.rss" not in configuration and "pot.stack=ipv6" in configuration
        assert lab.run("a", "jls -j one ip6.addr").strip() == ipv6
        succeeded(lab.play(), changed=0)
    finally:
        lab.servers["one"]["matrix_ip"] = ipv4
        succeeded(lab.play())
    assert lab.run("a", "jls -j one ip4.addr").strip() == ipv4
    succeeded(lab.play(), changed=0)


def test_a_destroyed_pot_comes_back_with_its_data(lab):
    lab.run("a", "pot destroy -Fp one")
    assert lab.run("a", "cat /mnt/one/written-in-the-pot").strip() == "one"
    result = succeeded(lab.play())
    assert [server for server in SERVERS if result.recap[server]["changed"]] == ["one"]
    assert running(lab) == set(SERVERS)
    # In the run that made the pot anew nothing had to be written to the dataset.
    assert "TASK [Write to the dataset from inside]" in result.output and result.recap["one"]["failed"] == 0
    succeeded(lab.play(), changed=0)


def test_a_dataset_that_was_mounted_after_the_pot_had_started(lab):
    """The pot has the empty directory below it, on which a homeserver would be made anew."""
    lab.run("b", "pot stop three >/tmp/said 2>&1; zfs unmount zroot/three && pot start three >/tmp/said 2>&1; zfs mount zroot/three")
    assert lab.run("b", "jexec three ls /mnt").split() == [] and lab.run("b", "ls /mnt/three").split()
    foretold = succeeded(lab.play("--check"))
    # What is inside of the pot looks in a dry run as it does now.
    assert foretold.changed == foretold.recap["three"]["changed"] > 0
    result = succeeded(lab.play())
    assert result.recap["three"]["changed"] == 1 and result.changed == 1
    assert lab.run("b", "jexec three cat /mnt/written-in-the-pot").strip() == "three"
    succeeded(lab.play(), changed=0)


def test_a_jail_killed_behind_pots_back(lab):
    lab.run("b", "jail -r three")
    result = succeeded(lab.play())
    assert result.recap["three"]["changed"] == 1 and running(lab) == set(SERVERS)


def test_drift_is_repaired_and_reported(lab):
    lab.run("b", "pot set-attr -p three -A start-at-boot -V NO")
    lab.run("b", "sysrc pot_enable=NO")
    result = succeeded(lab.play())
    assert result.recap["three"]["changed"] == 2 and result.changed == 2
    succeeded(lab.play(), changed=0)


@pytest.mark.parametrize("verb", ["reboot", "crash"])
def test_the_machine_comes_back(lab, verb):
    lab.power(verb, "a")
    assert running(lab) == set(SERVERS)
    succeeded(lab.play(), changed=0)


def test_one_servers_failure_does_not_stop_the_others(lab):
    lab.run("a", "zfs set canmount=noauto zroot/two")
    try:
        result = lab.play()
    finally:
        lab.run("a", "zfs set canmount=on zroot/two")
    assert result.code != 0
    assert {server: counts["failed"] for server, counts in result.recap.items() if counts["failed"]} == {"two": 1}
    assert result.recap["one"]["ok"] == result.recap["three"]["ok"] > result.recap["two"]["ok"]


@pytest.mark.parametrize("variables, sentence", [
    ({"matrix_dataset": "tank/one"}, "zfs_dataset_name (matrix_dataset): there is no pool 'tank' on this machine for the dataset tank/one; it has zroot."),
    ({"matrix_dataset_mountpoint": "/mnt/two"},
     "zfs_dataset_mountpoint (matrix_dataset_mountpoint): /mnt/two is already the mountpoint of the dataset zroot/two."),
    ({"matrix_dataset_mountpoint": "/usr/local"}, "zfs_dataset_mountpoint (matrix_dataset_mountpoint): the directory /usr/local is not empty"),
    ({"matrix_dataset_properties": {"quota": "much"}}, "zfs_dataset_properties (matrix_dataset_properties): quota: 'much' is not a size"),
    ({"matrix_dataset_properties": {"nosuch": "1"}}, "zfs_dataset_properties (matrix_dataset_properties): 'zfs set nosuch=1 zroot/one' failed"),
    ({"zfs_dataset_minimum_free": "100G"}, "zfs_dataset_minimum_free: zroot/one has "),
    ({"matrix_pot_release": "99.9"}, "pot_jail_release (matrix_pot_release): pot knows no FreeBSD release '99.9' for this machine; it knows"),
    ({"matrix_pot_name": "a.b"}, "pot_jail_name (matrix_pot_name): 'a.b' can not be the name of a pot"),
    ({"matrix_pot_interface": "em7"}, "pot_jail_interface (matrix_pot_interface): the machine has no network interface 'em7'; it has"),
    ({"matrix_pot_extif": "em7"}, "pot_jail_settings, pot_jail_extif (matrix_pot_extif): POT_EXTIF: the machine has no network interface 'em7'"),
    ({"pot_jail_settings": {"POT_ZFS_ROOT": "tank/pot"}}, "POT_ZFS_ROOT is tank/pot, and this machine has no such pool; it has zroot."),
    ({"matrix_pot_network_type": "alias", "matrix_ip": ""}, "pot_jail_ip (matrix_ip): a pot with pot_jail_network_type alias needs an address."),
])
def test_bad_input_ends_in_one_sentence(lab, variables, sentence):
    good = dict(lab.servers["one"])
    lab.servers["one"].update(variables)
    try:
        result = lab.play("--limit", "one")
    finally:
        lab.servers["one"] = good
    assert result.code != 0
    assert sentence in " ".join(result.output.split()), result
    assert result.output.count("fatal:") == 1, result
    succeeded(lab.play("--limit", "one"))


def test_packages_that_can_not_be_fetched(lab):
    lab.run("b", "pot destroy -Fp three")
    lab.servers["three"]["matrix_pkg_repository_url"] = "http://127.0.0.1:1/nothing"
    result = lab.play("--limit", "three")
    assert result.code != 0 and result.output.count("fatal:") == 1, result
    assert "could not be installed in the pot three: pkg: Error fetching http://127.0.0.1:1/nothing" in " ".join(result.output.split()), result
    del lab.servers["three"]["matrix_pkg_repository_url"]
    succeeded(lab.play("--limit", "three"))
    assert lab.run("b", "jexec -l three ls /usr/local/etc/pkg/repos").split() == []
    # Another repository is a change of one file, told beforehand, and its password is not shown.
    lab.servers["three"]["matrix_pkg_repository_url"] = "http://user:s3cr3t@127.0.0.1:1/nothing"
    for arguments in (["--check", "--diff"], ["--diff"]):
        assert "s3cr3t" not in succeeded(lab.play("--limit", "three", *arguments), changed=1).output
    assert "s3cr3t" in lab.run("b", "jexec -l three cat /usr/local/etc/pkg/repos/potluck-matrix.conf")
    del lab.servers["three"]["matrix_pkg_repository_url"]
    succeeded(lab.play("--limit", "three"), changed=1)
    succeeded(lab.play("--limit", "three"), changed=0)
