# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From bare hosts to pots that Ansible works in: three servers, two of them on one host. The tests build on each
other.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import time
from pathlib import Path

import pytest
from thorough import some

from .conftest import TOP

SERVERS = {"one": "a", "two": "a", "three": "b"}
# Everything on the host but what logging in itself leaves behind.
TREE = (
    "{ zfs list -H -o name,mountpoint,quota; cat /etc/rc.conf; find / -xdev -not -path '/.double*' -not -path "
    "'/var/log*' -not -path '/var/run*' "
    "-not -path '*/__pycache__*' -not -path '/root/.ansible*' -not -path '/tmp/*' -not -path '/dev*' -not -path "
    "'/proc*' | sort; }"
)


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


# In place of pkg: itself, a bit later, and it notes whether another one is at work.
PKG = """#!/bin/sh
mkdir /root/pkg-works 2>/dev/null || touch /root/two-at-once
sleep 3
/root/pkg "$@"
code=$?
rmdir /root/pkg-works
exit $code
"""


def test_bootstrap_installs_python_once(lab):
    """Two servers share a host: one of them installs, the other one waits for it and finds it done."""
    lab.run("a", f"mv /usr/sbin/pkg /root/pkg; cat >/usr/sbin/pkg <<'END'\n{PKG}END\nchmod 755 /usr/sbin/pkg")
    try:
        result = succeeded(lab.play(playbook="potluck.matrix.bootstrap"), changed=2)
    finally:
        lab.run("a", "mv /root/pkg /usr/sbin/pkg")
    assert lab.run("a", "ls /root/pkg-works /root/two-at-once 2>/dev/null", check=False) == "", result
    succeeded(lab.play(playbook="potluck.matrix.bootstrap"), changed=0)


@pytest.mark.thorough
def test_a_python_that_an_upgrade_of_freebsd_has_broken(lab):
    """The old system's libraries are gone, and its packages are still there."""
    lab.run(
        "b",
        "mv /usr/local/bin/python3.11 /root/; printf '#!/bin/sh\nexit 1\n' >/usr/local/bin/python3.11; chmod 755 "
        "/usr/local/bin/python3.11",
    )
    try:
        result = lab.play("--limit", "three", playbook="potluck.matrix.bootstrap")
    finally:
        lab.run("b", "mv /root/python3.11 /usr/local/bin/")
    assert result.code != 0, result
    assert "is there and does not run, as after an upgrade of FreeBSD; run 'pkg-static upgrade -f'" in " ".join(
        result.output.split()
    ), result


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


@pytest.mark.thorough
def test_half_a_python_is_made_a_whole_one(lab):
    """As a power cut leaves it in the middle of its installation: pkg does not know of it yet."""
    half = "pkg delete -fy python311; echo 'exit 1' >/usr/local/bin/python3.11; chmod 755 /usr/local/bin/python3.11"
    lab.run("b", half)
    succeeded(lab.play("--limit", "three", playbook="potluck.matrix.bootstrap"), changed=1)
    lab.run("b", f"jexec -l three /bin/sh <<'END'\n{half}\nEND")
    succeeded(lab.play("--limit", "three"), changed=1)
    succeeded(lab.play("--limit", "three"), changed=0)


def test_the_pots_start_at_boot_and_stop_cleanly(lab):
    configuration = lab.run("a", "cat /opt/pot/jails/one/conf/pot.conf")
    assert "pot.attr.start-at-boot=YES" in configuration
    assert "pot.attr.exec_stop=/bin/sh /etc/rc.shutdown jail" in configuration
    assert "pot.attr.stop_timeout=120" in configuration
    assert lab.run("a", "sysrc -n pot_enable").strip() == "YES"


def test_pot_left_the_files_of_the_machine_alone(lab):
    # And, without a "=", the lines that call the guard.
    assert lab.run("a", "grep -v '^#' /usr/local/etc/pot/pot.conf | grep =").split() == ["POT_EXTIF=vtnet0"]
    # A "pot init" without -m gives syslogd the flags of a bridge, and keeps the former rc.conf beside.
    assert "syslogd_flags" not in lab.run("a", "cat /etc/rc.conf")
    assert lab.run("a", "test -e /etc/rc.conf.bkp-pot || echo none").strip() == "none"
    assert lab.run("a", "test -e /etc/pf.conf.bkp-pot || echo none").strip() == "none"


def test_second_run_changes_nothing(lab):
    succeeded(lab.play(), changed=0)
    succeeded(lab.play("--check", "--diff"), changed=0)


def test_mitogen_runs_it_as_well(lab, monkeypatch):
    """Another strategy of talking to hosts, which is told in Ansible's own settings; a pot is talked to as always."""
    strategies = Path(importlib.util.find_spec("ansible_mitogen").origin).parent / "plugins/strategy"
    monkeypatch.setitem(lab.environment, "ANSIBLE_STRATEGY_PLUGINS", str(strategies))
    monkeypatch.setitem(lab.environment, "ANSIBLE_STRATEGY", "mitogen_linear")
    succeeded(lab.play(), changed=0)
    lab.run("b", "pot stop three")
    succeeded(lab.play("--limit", "three"), changed=1)
    assert "three" in running(lab)


def test_budget_of_remote_operations(lab):
    done = subprocess.run(
        [
            TOP / "tests/tools/count-operations",
            "--by-role",
            "-i",
            lab.inventory(),
            TOP / "tests/system/rollout/machines.yml",
        ],
        env=lab.environment,
        capture_output=True,
        text=True,
        check=True,
    )
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


@pytest.mark.thorough
def test_limits_that_are_taken_out_are_none_and_an_ipv6_address_is_one(lab):
    del lab.servers["one"]["pot_jail_limits"]
    ipv4, ipv6 = lab.servers["one"]["matrix_ip"], "fd00:199::5"
    lab.servers["one"]["matrix_ip"] = ipv6
    refused = lab.play()
    assert refused.code != 0 and "pot_jail_ip (matrix_ip): IPv6 is switched off on vtnet0 of the host" in refused.words
    lab.run("a", "ifconfig vtnet0 inet6 fd00:199::4 prefixlen 64 alias -ifdisabled")
    try:
        # The pot, and the script with which its services wait for the address.
        assert succeeded(lab.play(), changed=2).recap["one"]["changed"] == 2
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


def test_a_pot_does_not_start_without_its_dataset(lab):
    """It would have the empty directory below it, on which a homeserver would be made anew."""
    lab.run("b", "pot stop three >/tmp/said 2>&1; zfs unmount zroot/three; pot start three >/tmp/said 2>&1; true")
    assert "is not mounted" in lab.run("b", "cat /tmp/said")
    assert running(lab) == set(SERVERS) - {"three"}
    succeeded(lab.play())
    assert running(lab) == set(SERVERS)
    assert lab.run("b", "jexec three cat /mnt/written-in-the-pot").strip() == "three"
    succeeded(lab.play(), changed=0)


@pytest.mark.thorough
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


@pytest.mark.parametrize("verb", some(["reboot", "crash"], "crash"))
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


BAD = [
    (
        {"matrix_dataset": "tank/one"},
        "zfs_dataset_name (matrix_dataset): there is no pool 'tank' on this host for the dataset tank/one; it has "
        "zroot.",
    ),
    (
        {"matrix_dataset_mountpoint": "/mnt/two"},
        "zfs_dataset_mountpoint (matrix_dataset_mountpoint): /mnt/two is already the mountpoint of the dataset "
        "zroot/two.",
    ),
    (
        {"matrix_dataset_mountpoint": "/usr/local"},
        "zfs_dataset_mountpoint (matrix_dataset_mountpoint): '/usr/local' is a directory of the system",
    ),
    (
        {"matrix_dataset_properties": {"quota": "much"}},
        "zfs_dataset_properties (matrix_dataset_properties): quota: 'much' is not a size",
    ),
    (
        {"matrix_dataset_properties": {"nosuch": "1"}},
        "zfs_dataset_properties (matrix_dataset_properties): 'zfs set nosuch=1 zroot/one' failed",
    ),
    ({"zfs_dataset_minimum_free": "100G"}, "zfs_dataset_minimum_free: zroot/one has "),
    (
        {"matrix_pot_release": "19.9"},
        "pot_jail_release (matrix_pot_release): pot knows no FreeBSD release '19.9' for this host; it knows",
    ),
    ({"matrix_pot_name": "a.b"}, "holds a dot, which pot does not allow"),
    (
        {"matrix_pot_interface": "em7"},
        "pot_jail_interface (matrix_pot_interface): the host has no network interface 'em7'; it has",
    ),
    (
        {"matrix_pot_extif": "em7"},
        "pot_jail_settings, pot_jail_extif (matrix_pot_extif): POT_EXTIF: the host has no network interface 'em7'",
    ),
    (
        {"pot_jail_settings": {"POT_ZFS_ROOT": "tank/pot"}},
        "POT_ZFS_ROOT is tank/pot, and this host has no such pool; it has zroot.",
    ),
    ({"matrix_pot_name": "renamed"}, "pot_jail_ip (matrix_ip): Address 10.199.0."),
    (
        {"matrix_pot_name": "renamed", "matrix_ip": "10.199.0.99"},
        "pot_jail_dataset_mountpoint (matrix_dataset): /mnt/one cannot be mounted in pot renamed, because pot one "
        "mounts it",
    ),
    (
        {"matrix_pot_network_type": "public-bridge", "matrix_ip": "10.192.0.10", "pot_jail_configure_pf": True},
        "pot_jail_settings.POT_NETWORK: pot's network 10.192.0.0/10 takes in the address 10.199.0.",
    ),
    (
        {
            "matrix_pot_network_type": "public-bridge",
            "matrix_ip": "172.20.0.10",
            "pot_jail_configure_pf": True,
            "pot_jail_settings": {"POT_NETWORK": "172.20.0.0/16"},
        },
        "pot_jail_settings.POT_NETWORK: POT_NETMASK is '255.192.0.0'",
    ),
    (
        {"matrix_pot_network_type": "alias", "matrix_ip": ""},
        "matrix_ip is not set, but matrix_pot_network_type is alias",
    ),
]


def test_bad_input_ends_in_one_sentence(lab):
    """Each by a server of its own, that is server one but for what is bad."""
    servers = dict(lab.servers)
    for number, (variables, _sentence) in enumerate(BAD):
        lab.servers[f"bad{number}"] = {**servers["one"], "matrix_pot_name": "one", **variables}
    try:
        result = lab.play("--limit", "bad*")
    finally:
        lab.servers = servers
    assert result.code != 0
    told = dict(
        re.findall(
            r"^fatal: \[(bad[0-9]+)\]: (.*?)(?=^fatal: |^\[ERROR\]|^TASK |^PLAY |\Z)", result.output, re.M | re.S
        )
    )
    for number, (variables, sentence) in enumerate(BAD):
        assert sentence in " ".join(told[f"bad{number}"].split()), (variables, result)
    assert result.output.count("fatal:") == len(BAD), result
    succeeded(lab.play("--limit", "one"), changed=0)


@pytest.mark.parametrize(
    "variables, sentence",
    [
        (
            {"matrix_pkg_repository_url": "http://127.0.0.1:1/nothing"},
            "matrix_pkg_repository_url: the repository has to run, with no packet filter in the way. The pot three "
            "does not reach its package repository "
            "127.0.0.1, port 1: it refuses the connection.",
        ),
        (
            {"matrix_pkg_repository_url": "https://pkg.nowhere.invalid/nothing"},
            "/etc/resolv.conf of the host: name servers are needed that answer the pot. The pot three does not reach "
            "its package repository "
            "pkg.nowhere.invalid, port 443: its name does not resolve.",
        ),
        # An address for which the host has a route that nobody answers on.
        (
            {"matrix_pkg_repository_url": "http://10.199.0.254/nothing"},
            "matrix_ip: the pot needs a way out with this address. The pot three does not reach its package repository "
            "10.199.0.254, port 80: there is no route "
            "to it, or no answer comes back.",
        ),
        (
            {
                "matrix_pkg_repository_url": "http://10.199.0.254:8080/nothing",
                "matrix_pot_interface": "em1",
                "matrix_ip": "10.198.0.5",
            },
            "matrix_pot_interface: the address of the pot is on em1, but the default route of the host leaves by "
            "vtnet0, and so does what the pot sends",
        ),
    ],
)
def test_a_pot_without_a_way_to_its_packages_is_told_in_seconds(lab, variables, sentence):
    # A second interface, as of another network.
    link = "/.double/usr/bin/ip"
    lab.run(
        "b",
        f"pot destroy -Fp three; {link} link add em1 type veth peer name em2 && {link} address add 10.198.0.1/24 dev "
        f"em1 && {link} link set em1 up",
    )
    good = dict(lab.servers["three"])
    lab.servers["three"].update(variables)
    begun = time.monotonic()
    try:
        result = lab.play("--limit", "three")
    finally:
        lab.servers["three"] = good
        lab.run("b", f"pot destroy -Fp three; {link} link delete em1")
    assert result.code != 0 and result.output.count("fatal:") == 1, result
    assert sentence in " ".join(result.output.split()), result
    # With the whole run before it, on a host that does much else.
    assert time.monotonic() - begun < 200


@pytest.mark.thorough
def test_another_package_repository(lab):
    lab.servers["three"].pop("matrix_pkg_repository_url", None)
    succeeded(lab.play("--limit", "three"))
    assert lab.run("b", "jexec -l three ls /usr/local/etc/pkg/repos 2>/dev/null || true").split() == []
    # Another repository is a change of one file, told beforehand, and its password is not shown.
    lab.servers["three"]["matrix_pkg_repository_url"] = "http://user:s3cr3t@127.0.0.1:1/nothing"
    for arguments in (["--check", "--diff"], ["--diff"]):
        assert "s3cr3t" not in succeeded(lab.play("--limit", "three", *arguments), changed=1).output
    assert "s3cr3t" in lab.run("b", "jexec -l three cat /usr/local/etc/pkg/repos/potluck-matrix.conf")
    del lab.servers["three"]["matrix_pkg_repository_url"]
    succeeded(lab.play("--limit", "three"), changed=1)
    succeeded(lab.play("--limit", "three"), changed=0)


@pytest.mark.thorough
def test_a_running_pot_follows_its_machines_resolver(lab):
    jid = lab.run("b", "jls -j three jid")
    lab.run("b", "cp -p /etc/resolv.conf /root/; echo nameserver 10.199.0.2 >/etc/resolv.conf")
    try:
        former = lab.run("b", "jexec three cat /etc/resolv.conf")
        succeeded(lab.play("--limit", "three", "--check"), changed=1)
        assert lab.run("b", "jexec three cat /etc/resolv.conf") == former
        succeeded(lab.play("--limit", "three"), changed=1)
        assert lab.run("b", "jexec three cat /etc/resolv.conf") == "nameserver 10.199.0.2\n"
        succeeded(lab.play("--limit", "three"), changed=0)
        # A link that the pot has put there is replaced, and what it names in the pot as on the host is left alone.
        lab.run(
            "b",
            "echo precious >/root/precious; jexec three sh -c 'echo precious >/root/precious; ln -sf /root/precious "
            "/etc/resolv.conf'",
        )
        succeeded(lab.play("--limit", "three"), changed=1)
        assert lab.run("b", "cat /root/precious; jexec three cat /root/precious /etc/resolv.conf").split("\n")[:3] == [
            "precious",
            "precious",
            "nameserver 10.199.0.2",
        ]
    finally:
        lab.run("b", "mv /root/resolv.conf /etc/resolv.conf")
    succeeded(lab.play("--limit", "three"), changed=1)
    assert lab.run("b", "jls -j three jid") == jid
    # Where the pot has a resolver of its own the host's is nothing to follow.
    lab.servers["three"]["pot_jail_dns"] = "custom"
    try:
        succeeded(lab.play("--limit", "three"), changed=1)
        succeeded(lab.play("--limit", "three"), changed=0)
        assert lab.run("b", "jexec three cat /etc/resolv.conf") == "nameserver 127.0.0.1\n"
    finally:
        del lab.servers["three"]["pot_jail_dns"]
        succeeded(lab.play("--limit", "three"), changed=1)


@pytest.mark.thorough
def test_releases_of_pot_and_machine(lab):
    conf = "/opt/pot/jails/three/conf/pot.conf"
    base = lab.run("b", f"sed -n s/^pot.base=//p {conf}").strip()

    def make(release):
        # As old as it was: what is newer than the pot's start is a change that the pot does not have yet.
        lab.run(
            "b",
            f"touch -r {conf} /root/as-old; sed -i '' s/^pot.base=.*/pot.base={release}/ {conf}; touch -r "
            f"/root/as-old {conf}",
        )

    try:
        # Made on an older host, whose release pot knows no more: it goes on.
        make("12.0")
        result = succeeded(lab.play("--limit", "three"), changed=0)
        assert "FreeBSD 12.0, which the pot three has, is unsupported since 2023-12-31" in " ".join(
            result.output.split()
        )
        make("99.0")
        result = lab.play("--limit", "three")
        assert result.code != 0 and "the pot three has FreeBSD 99.0, which is newer than this host's" in " ".join(
            result.output.split()
        ), result
    finally:
        make(base)
    succeeded(lab.play("--limit", "three"), changed=0)


def test_nobody_but_root_reaches_a_dataset(lab):
    # Those that could not fetch packages have left none.
    lab.servers["three"].pop("matrix_pkg_repository_url", None)
    succeeded(lab.play("--limit", "three"))
    assert lab.run("b", "zfs get -H -o value setuid zroot/three").strip() == "off"
    assert lab.run("b", "stat -f %Lp /mnt /mnt/three").split() == ["700", "755"]
    assert (
        lab.run("b", "su -m nobody -c 'cat /mnt/three/written-in-the-pot' 2>/dev/null || echo closed").strip()
        == "closed"
    )
    # One that was made without this collection gets what it lacks.
    lab.run("b", "zfs set setuid=on zroot/three; chmod 755 /mnt")
    foretold = succeeded(lab.play("--limit", "three", "--check", "--diff"), changed=1)
    assert re.search(r"(?m)^\+.*setuid.*off", foretold.output) and re.search(
        r"(?m)^\+.*mode of /mnt.*0700", foretold.output
    ), foretold
    succeeded(lab.play("--limit", "three"), changed=1)
    assert lab.run("b", "zfs get -H -o value setuid zroot/three; stat -f %Lp /mnt").split() == ["off", "700"]


@pytest.mark.thorough
def test_a_homeserver_has_one_dataset_of_its_own(lab):
    def refused(sentence, **variables):
        good = dict(lab.servers["three"])
        lab.servers["three"].update(variables)
        before = look(lab)
        try:
            result = lab.play("--limit", "three")
        finally:
            lab.servers["three"] = good
        assert result.code != 0 and sentence in " ".join(result.output.split()), result
        assert look(lab) ^ before == set()

    home = {"matrix_domain": "three.test"}
    key = "/mnt/three/matrixdata/matrix-synapse/signing.key"
    refused("holds something else than a homeserver's data (written-in-the-pot)", **home)
    lab.run("b", "zfs create -o mountpoint=/srv/homes zroot/homes; mkdir /srv/homes/alice")
    refused(
        "zfs_dataset_name (matrix_dataset): zroot/homes holds something else than a homeserver's data (alice)",
        matrix_dataset="zroot/homes",
        **home,
    )
    lab.run("b", "zfs destroy zroot/homes")
    lab.run("b", f"jexec three rm /mnt/written-in-the-pot; mkdir -p $(dirname {key}); echo ed25519 a_1 x >{key}")
    lab.servers["three"].update(home)
    try:
        # The mark, and the file that was removed.
        succeeded(lab.play("--limit", "three"), changed=2)
        succeeded(lab.play("--limit", "three"), changed=0)
        assert lab.run("b", "zfs get -H -o value potluck.matrix:homeserver zroot/three").strip() == "three.test"
        refused(
            "the homeserver three.test lives on the dataset zroot/three, and would get a new identity on zroot/empty",
            matrix_dataset="zroot/empty",
        )
        refused(
            "zfs_dataset_homeserver (matrix_domain): zroot/three holds the homeserver three.test, which cannot be "
            "renamed",
            matrix_domain="other.test",
        )
        lab.run("b", f"mv {key} /root/")
        refused("zroot/three was the home of the homeserver three.test and has lost its signing key")
        lab.run("b", f"mv /root/signing.key {key}")
        succeeded(lab.play("--limit", "three"), changed=0)
    finally:
        lab.servers["three"].pop("matrix_domain")
        lab.run("b", "zfs inherit potluck.matrix:homeserver zroot/three")
