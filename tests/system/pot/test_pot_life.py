# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of pots on a host, in check mode first, twice, interrupted, and from two runs at once."""

from __future__ import annotations

import signal
import time

import pytest


def same(told, done):
    assert told["changed"] == done["changed"] and told["actions"] == done["actions"], (told["actions"], done["actions"])


def test_life(machine, name):
    machine.sh("zfs create -o mountpoint=/mnt/life zroot/life; echo precious > /mnt/life/file")
    options = {
        "state": "started",
        "base": machine.release,
        "network_type": "alias",
        "ip": [f"{machine.extif}|{machine.addresses[0]}"],
        "attributes": {"start_at_boot": True, "exec_stop": "/bin/sh /etc/rc.shutdown jail", "stop_timeout": 60},
        "mounts": [{"source": "zroot/life", "kind": "dataset", "target": "/mnt"}],
    }
    told = machine.good(name, check=True, **options)
    assert told["changed"] and machine.sh("pot ls -q").split().count(name) == 0
    done = machine.good(name, **options)
    same(told, done)
    assert done["pot"]["state"] == "started" and not done["restart_required"]
    assert machine.sh(f"jexec -l {name} cat /mnt/file") == "precious\n"
    assert machine.sh(f"jls -j {name} ip4.addr").strip() == machine.addresses[0]
    assert machine.sh(f"pot get-attr -qp {name} -A start-at-boot") == "YES\n"
    assert "exec_stop=/bin/sh /etc/rc.shutdown jail\n" in machine.sh(f"cat /opt/pot/jails/{name}/conf/pot.conf")
    for check in (False, True):
        again = machine.good(name, check=check, **options)
        assert not again["changed"] and again["actions"] == []
    facts = machine.module("pot_info", names=[name])["pots"][0]
    assert facts["state"] == "started" and facts["mounts"][0]["source"] == "zroot/life" and facts["start_at_boot"]
    told = machine.good(name, check=True, state="absent")
    done = machine.good(name, state="absent")
    same(told, done)
    assert machine.sh("cat /mnt/life/file; pot ls -q") == "precious\n"
    assert not machine.good(name, state="absent")["changed"]
    assert machine.addresses[0] not in machine.sh(f"ifconfig {machine.extif} inet")
    machine.sh("zfs destroy zroot/life")


@pytest.mark.thorough
def test_environment(machine, name):
    value = "a b 'c' \"d\" $HOME `id` $(id) \\ e\\"
    machine.good(name, base=machine.release, env={"SECRET": value, "OTHER": "x=y"})
    script = f"jexec {name} /bin/sh -c '. /tmp/environment.sh; printf %s \"$SECRET\"'"
    assert machine.sh(script) == value
    log = machine.sh("cat /var/log/messages /var/log/*pot* 2>/dev/null; true")
    assert "e\\" not in log and "SECRET=" not in log
    result = machine.good(name, env={"OTHER": "z"})
    assert result["diff"]["before"]["env"] == {"SECRET": "(set)", "OTHER": "(set)"} and result["diff"]["after"][
        "env"
    ] == {"OTHER": "(changed)"}
    assert result["restart_required"] and not result["pot"].get("env")
    assert machine.good(name)["restart_required"], "a later run tells it too"
    machine.sh(
        f"printf '#!/bin/sh\\n# PROVIDE: envdump\\n# REQUIRE: LOGIN\\nenv > /root/env\\n' | jexec -l {name} /bin/sh -c "
        "'mkdir -p /usr/local/etc/rc.d; cat > /usr/local/etc/rc.d/envdump; chmod 755 /usr/local/etc/rc.d/envdump'"
    )
    assert not machine.good(name, state="restarted")["restart_required"]
    assert machine.sh(script) == ""
    seen = machine.sh(f"jexec -l {name} cat /root/env")
    assert "PATH=" in seen and "SSH_" not in seen and "ANSIBLE" not in seen


def test_all_of_the_configuration(machine, name):
    machine.good(name, base=machine.release)
    options = {
        "cmd": "sh /etc/rc",
        "ports": ["tcp:80:8080"],
        "hosts": {"consul1": "192.0.2.1"},
        "limits": {"memory": "512M"},
        "hostname": "matrix.example.test",
        "dns": "off",
        "restart_on_change": True,
    }
    told = machine.good(name, check=True, **options)
    done = machine.good(name, **options)
    same(told, done)
    assert told["diff"] == done["diff"] and not done["restart_required"]
    assert machine.sh(f"jexec -l {name} hostname") == "matrix.example.test\n"
    assert "192.0.2.1 consul1\n" in machine.sh(f"jexec -l {name} cat /etc/hosts")
    assert "max amount memory: 512M" in machine.sh(f"pot info -vp {name}")
    assert not machine.good(name, **options)["changed"]
    assert machine.good(name, network_type="alias", ip=[machine.addresses[1]], restart_on_change=True)["changed"]
    assert machine.sh(f"jls -j {name} ip4.addr").strip() == machine.addresses[1]
    machine.good(name, network_type="alias", ip=[machine.addresses[2]])
    machine.good(name, state="restarted")
    assert machine.addresses[1] not in machine.sh(f"ifconfig {machine.extif} inet")
    machine.good(name, network_type="inherit", restart_on_change=True)
    assert machine.addresses[2] not in machine.sh(f"ifconfig {machine.extif} inet")


def test_bridges(machine, name):
    machine.good(name, base=machine.release, network_type="private-bridge", bridge="lan", bridge_hosts=4)
    assert machine.sh(f"pot info -p {name}").count("bridge : lan") == 1
    assert not machine.good(name, network_type="private-bridge", bridge="lan", ip=["auto"])["changed"]
    done = machine.good(name, network_type="public-bridge", ports=["80:8080"], restart_on_change=True)
    assert done["pot"]["ip"][0].startswith("172.20.") and not done["restart_required"]
    assert done["pot"]["ip"][0] in machine.sh(f"jexec -l {name} ifconfig")
    assert "is not inside" in machine.bad(name, network_type="public-bridge", ip=["192.0.2.1"])


@pytest.mark.thorough
def test_multi(machine, name):
    assert "is not a base of this host" in machine.bad(name, type="multi", base=machine.release)
    machine.sh(f"pot create-base -r {machine.release}", check=False)
    machine.sh("mkdir -p /data/multi")
    options = {"type": "multi", "base": machine.release, "mounts": [{"source": "/data/multi", "target": "/var/db/x"}]}
    done = machine.good(name, **options)
    assert done["pot"]["mounts"][-1]["target"] == "/opt/custom/var/db/x"
    assert not machine.good(name, **options)["changed"]
    machine.good(name, state="stopped", **options)
    assert not machine.good(name, state="stopped", **options)["changed"]
    machine.good(name, state="stopped", mounts=[], mounts_exact=True)
    assert [m["own"] for m in machine.good(name)["pot"]["mounts"]] == [True, True, True]
    machine.good(name, state="absent")
    machine.sh(f"pot destroy -rb {machine.release}", check=False)


def test_mounts(machine, name):
    machine.sh("mkdir -p /data/one /data/two; echo 1 > /data/one/f; echo 2 > /data/two/f")
    one, two = (
        {"source": "/data/one", "target": "/srv/x"},
        {"source": "/data/two", "target": "/srv/x", "read_only": True},
    )
    machine.good(name, base=machine.release, mounts=[one])
    assert machine.sh(f"jexec -l {name} cat /srv/x/f") == "1\n"
    waits = machine.good(name, mounts=[two], mounts_exact=True)
    assert waits["restart_required"] and machine.sh(f"jexec -l {name} cat /srv/x/f") == "1\n", (
        "nothing is mounted in a running pot"
    )
    machine.good(name, mounts=[one], mounts_exact=True, restart_on_change=True)
    told = machine.good(name, check=True, mounts=[two], restart_on_change=True)
    done = machine.good(name, mounts=[two], restart_on_change=True)
    same(told, done)
    assert not done["restart_required"]
    assert machine.sh(f"jexec -l {name} cat /srv/x/f") == "2\n"
    assert machine.sh(f"mount -p | grep {name}/m/srv/x").split()[3].startswith("ro")
    machine.good(name, state="stopped")
    assert not machine.good(name, state="stopped", mounts=[two])["changed"], "pot may have rewritten the line meanwhile"
    machine.good(name)
    assert machine.sh(f"jexec -l {name} touch /srv/x/g || echo no") == "no\n"
    machine.good(name, mounts=[dict(one, target="/media"), two], restart_on_change=True)
    assert not machine.good(name, mounts=[dict(one, target="/media"), two])["changed"]
    machine.sh(f"umount /opt/pot/jails/{name}/m/media")
    assert machine.good(name)["restart_required"] and machine.good(name, restart_on_change=True)["changed"]
    assert machine.sh(f"jexec -l {name} cat /media/f") == "1\n"
    machine.good(name, mounts=[], mounts_exact=True)
    machine.sh(f"pot stop {name}; pot start {name}")
    assert "/data" not in machine.sh("mount -p"), "a restart by hand takes it away as well"
    machine.good(name, mounts=[dict(one, target="/media")], restart_on_change=True)
    machine.good(name, mounts=[], mounts_exact=True, restart_on_change=True)
    assert "/data" not in machine.sh(f"mount -p; cat /opt/pot/jails/{name}/conf/fscomp.conf")
    machine.sh("zfs create -o mountpoint=/mnt/out zroot/out; zfs unmount zroot/out")
    assert "zroot/out to mount is not mounted" in machine.bad(
        name, mounts=[{"source": "zroot/out", "kind": "dataset", "target": "/x"}]
    )
    assert "is not mounted" in machine.bad(name, mounts=[{"source": "/mnt/out", "target": "/x"}])
    machine.sh("zfs destroy zroot/out")


@pytest.mark.thorough
def test_clones(machine, name):
    clone = name + "2"
    machine.good(name, base=machine.release, state="stopped")
    assert "has no snapshot" in machine.bad(clone, clone_from=name)
    machine.sh(f"pot start {name}; jexec {name} touch /root/mark; pot stop {name}; pot snapshot -p {name}")
    machine.good(clone, clone_from=name)
    machine.sh(f"jexec -l {clone} test -f /root/mark")
    assert "depends on its snapshots" in machine.bad(name, state="absent")
    machine.good(clone, state="absent")
    machine.good(name, state="absent")


def test_refusals(machine, name):
    assert "99.9 is not a " in machine.bad(name, base="99.9")
    assert "does not exist" in machine.bad(name, base=machine.release, network_type="private-bridge", bridge="nope")
    assert "not a valid IP" in machine.bad(name, base=machine.release, network_type="alias", ip=["1.2.3"])
    assert "Flavour nope was not found" in machine.bad(name, base=machine.release, flavours=["nope"])
    assert name not in machine.sh("pot ls -q")


def test_full_pool(machine, name):
    # Taking the space of the pool away is nothing FreeBSD's own tools in the double could do quickly.
    machine.sh(
        "cd /.double/disk; /.double/usr/bin/fallocate -l $(($(/.double/usr/bin/stat -f -c '%a*%S' .) - 1000000)) fill"
    )
    try:
        message = machine.bad(name, base=machine.release)
    finally:
        machine.sh("rm /.double/disk/fill")
    assert "o space left on device" in message or "out of space" in message, message
    assert name not in machine.sh("pot ls -q; zfs list -H -o name")
    machine.good(name, base=machine.release)


# --------------------------------------------------------------------------- things that went wrong before


def test_jail_killed(machine, name):
    machine.good(name, base=machine.release)
    machine.sh(f"jail -r {name}")
    assert machine.sh(f"pot start {name} || echo refused").endswith("refused\n")
    done = machine.good(name)
    assert done["actions"][1:] == ["pot stop " + name, "pot start " + name]
    assert not machine.good(name)["changed"]


def test_stuck_starting(machine, name):
    machine.good(name, base=machine.release, state="stopped")
    machine.sh(f"echo pot.status=starting, > /tmp/pot_status_{name}")
    assert machine.good(name)["pot"]["state"] == "started"


def test_never_started_is_stopped(machine, name):
    machine.good(name, base=machine.release, state="present")
    assert not machine.good(name, state="stopped")["changed"]


@pytest.mark.thorough
def test_half_created(machine, name):
    machine.sh(f"zfs create zroot/pot/jails/{name}")
    done = machine.good(name, base=machine.release)
    assert done["actions"][0] == "pot destroy -F -p " + name
    machine.good(name, state="absent")
    machine.sh(
        f"zfs create zroot/pot/jails/{name}; mkdir /opt/pot/jails/{name}/m; echo precious > "
        f"/opt/pot/jails/{name}/m/file"
    )
    assert f"'pot destroy -F -p {name}'" in machine.bad(name, base=machine.release)
    assert machine.sh(f"cat /opt/pot/jails/{name}/m/file") == "precious\n"


def test_something_of_the_user_is_mounted_below(machine, name):
    machine.good(name, base=machine.release, state="stopped")
    machine.sh(
        f"mkdir -p /data/keep; echo precious > /data/keep/file; mount -t nullfs /data/keep /opt/pot/jails/{name}/m/mnt"
    )
    assert "is still mounted below it" in machine.bad(name, state="absent")
    machine.sh(f"umount /opt/pot/jails/{name}/m/mnt")
    machine.good(name, state="absent")
    assert machine.sh("cat /data/keep/file") == "precious\n"


def test_nothing_is_lost_through_what_is_mounted_below(machine, name):
    """A bare 'pot destroy' deletes what lies behind a mount it does not know of; the module never lets it come to
    that.
    """
    target = f"/opt/pot/jails/{name}/m"
    options = {"base": machine.release, "mounts": [{"source": "/data/behind", "target": "/srv/x"}]}
    files = "cat /data/behind/file /data/behind/deep/file"
    machine.sh("mkdir -p /data/behind/deep; echo precious > /data/behind/file; echo more > /data/behind/deep/file")

    # The pot's own mount, left behind by a jail that was removed without pot.
    machine.good(name, **options)
    machine.sh(f"jail -r {name}")
    assert target + "/srv/x" in machine.sh("mount -p")
    assert machine.good(name, state="absent")["actions"][0] == "pot stop " + name
    assert machine.sh(files) == "precious\nmore\n" and target not in machine.sh("mount -p")

    # The same, and the pot's state says that it is still starting: pot itself stops nothing then.
    machine.good(name, **options)
    machine.sh(f"jail -r {name}; echo pot.status=starting, > /tmp/pot_status_{name}")
    machine.good(name, state="absent")
    assert machine.sh(files) == "precious\nmore\n" and target not in machine.sh("mount -p")

    # Somebody's own mount in a running pot, below the pot's own.
    machine.good(name, **options)
    machine.sh(f"mkdir {target}/srv/y && mount -t nullfs /data/behind {target}/srv/y")
    machine.pot(name, state="absent")
    assert machine.sh(files) == "precious\nmore\n"

    # A pot that is none any more, which only 'pot destroy -F' removes.
    machine.good(name, **options)
    machine.sh(f"rm /opt/pot/jails/{name}/conf/pot.conf")
    machine.pot(name, state="absent")
    assert machine.sh(files) == "precious\nmore\n"
    machine.sh(f"jail -r {name}; umount -f {target}/srv/x", check=False)
    machine.sh(f"pot destroy -Fp {name}", check=False)
    machine.good(name, state="absent")

    # That the danger is one: the same without the module.
    machine.good(name, state="stopped", base=machine.release)
    machine.sh(f"mount -t nullfs /data/behind {target}/mnt; pot destroy -p {name}")
    assert machine.sh("ls /data/behind") == ""


def test_run_killed_while_it_creates(machine, name):
    process = machine.start("pot", name=name, base=machine.release, timeout=120)
    deadline = time.time() + 60
    marker = f"test -e /var/db/potluck-pot-{name}.creating && echo yes; true"
    while not machine.sh(marker) and process.poll() is None and time.time() < deadline:
        time.sleep(0.05)
    pids = machine.sh(
        "ps -axww -o pid,command | awk '/AnsiballZ_pot|ansible_pot_payload|pot create/ && !/awk/ {print $1}'"
    ).split()
    assert pids and machine.sh(marker) == "yes\n", "there is nothing to kill any more"
    machine.sh("kill -9 {}".format(" ".join(pids)), check=False)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = machine.good(name, base=machine.release)
    assert done["pot"]["state"] == "started"
    assert not machine.good(name, base=machine.release)["changed"]
    assert machine.sh(marker) == ""


def test_two_runs_for_one_pot(machine, name):
    options = {
        "name": name,
        "base": machine.release,
        "timeout": 120,
        "env": {"A": "1"},
        "attributes": {"stop_timeout": 30},
    }
    runs = [machine.start("pot", **options) for _number in range(2)]
    results = [machine.result(run) for run in runs]
    assert not any(r.get("failed") for r in results), results
    assert sorted(r["changed"] for r in results) == [False, True]
    assert machine.sh(f"grep -c pot.env /opt/pot/jails/{name}/conf/pot.conf") == "1\n"


def test_two_runs_for_two_pots(machine, name):
    runs = [machine.start("pot", name=n, base=machine.release, timeout=120) for n in (name, name + "2")]
    try:
        results = [machine.result(run) for run in runs]
        assert all(r["changed"] and r["pot"]["state"] == "started" for r in results), results
    finally:
        machine.good(name + "2", state="absent")


def test_power_cut(machine, name):
    options = {"base": machine.release, "attributes": {"stop_timeout": 30}}
    machine.good(name, **options)
    machine.double("crash", machine.name)
    assert machine.module("pot_info", names=[name])["pots"][0]["state"] == "stopped"
    done = machine.good(name, **options)
    assert done["pot"]["state"] == "started" and done["actions"] == ["pot start " + name]
    assert not machine.good(name, **options)["changed"]


@pytest.mark.thorough
def test_a_renamed_pot_is_no_second_one(machine, name):
    """The same address and data under another name are refused; the way that the message offers leads to one pot with
    the same data.
    """
    new = name[:40] + "-new"
    machine.sh("zfs create -o mountpoint=/mnt/renamed zroot/renamed; echo precious > /mnt/renamed/file")
    options = {
        "base": machine.release,
        "network_type": "alias",
        "ip": [f"{machine.extif}|{machine.addresses[4]}"],
        "mounts": [{"source": "zroot/renamed", "kind": "dataset", "target": "/mnt"}],
    }
    try:
        machine.good(name, **options)
        machine.sh(f"jexec -l {name} touch /root/kept")
        message = machine.bad(new, **options)
        assert f"Address {machine.addresses[4]} belongs to pot {name}." in message
        assert "must not write the same data" in machine.bad(new, base=machine.release, mounts=options["mounts"])
        assert new not in machine.sh("pot ls -q; ls /opt/pot/jails").split()
        offered = f"pot stop {name}; pot rename -p {name} -n {new}"
        assert f"'{offered}'" in message
        machine.sh(offered)
        done = machine.good(new, **options)
        assert done["pot"]["state"] == "started" and machine.sh(f"jexec -l {new} cat /mnt/file") == "precious\n"
        machine.sh(f"jexec -l {new} test -e /root/kept")
        assert name not in machine.sh("pot ls -q").split() and not machine.good(new, **options)["changed"]
    finally:
        machine.sh(f"pot stop {new}; pot destroy -p {new}; zfs destroy zroot/renamed", check=False)


def test_a_process_of_a_jail_makes_nobody_wait(machine, name):
    other = name[:40] + "-other"
    try:
        machine.good(other, base=machine.release)
        machine.good(name, base=machine.release, state="stopped")
        machine.sh(
            f"jexec -l {other} /bin/sh -c \"printf '#!/bin/sh\\nsleep 600\\n' > /tmp/pot; "
            f'chmod 755 /tmp/pot; nohup /tmp/pot start {name} > /dev/null 2>&1 &"'
        )
        assert "/tmp/pot start " + name in machine.sh("ps -axww -o pid,jid,uid,command")
        machine.sh(f"echo pot.status=starting, > /tmp/pot_status_{name}")
        begun = time.monotonic()
        assert machine.good(name)["pot"]["state"] == "started" and time.monotonic() - begun < 100
    finally:
        machine.good(other, state="absent")


def test_a_run_that_is_cut_off_while_it_waits_does_nothing(machine, name):
    """ssh is cut while the module waits for somebody else's pot command; when that has ended, nobody starts the pot."""
    machine.good(name, base=machine.release, state="stopped")
    machine.sh(
        "printf '#!/bin/sh\\nwhile test -e /root/busy; do sleep 1; done\\n' > /root/pot; chmod 755 /root/pot; touch "
        "/root/busy;"
        f"echo pot.status=starting, > /tmp/pot_status_{name}; daemon -f /root/pot start {name}"
    )
    process = machine.start("pot", name=name, timeout=120)
    pids = "ps -axww -o pid,command | awk '$2 ~ /python3/ {print $1}'"
    deadline = time.monotonic() + 60
    while not machine.sh(pids) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert machine.sh(pids)
    # The connection, and with it sshd's process of this session.
    process.send_signal(signal.SIGKILL)
    process.communicate()
    machine.sh("pkill -f 'sshd: root@notty'; pkill -f 'sshd: root \\[priv\\]'; true")
    deadline = time.monotonic() + 30
    while machine.sh(pids) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert machine.sh(pids) == "", "it still waits"
    machine.sh("rm /root/busy; sleep 3")
    assert (
        name not in machine.sh("jls name").split()
        and machine.sh(f"cat /tmp/pot_status_{name}") == "pot.status=starting,\n"
    )
