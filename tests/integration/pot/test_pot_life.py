# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of pots on a machine, in check mode first, twice, interrupted, and from two runs at once."""

from __future__ import annotations

import signal
import time


def same(told, done):
    assert told["changed"] == done["changed"] and told["actions"] == done["actions"], (told["actions"], done["actions"])


def test_life(machine, name):
    machine.sh("zfs create -o mountpoint=/mnt/life zroot/life; echo precious > /mnt/life/file")
    options = dict(state="started", base=machine.release, network_type="alias", ip=["%s|%s" % (machine.extif, machine.addresses[0])],
                   attributes={"start_at_boot": True, "exec_stop": "/bin/sh /etc/rc.shutdown jail", "stop_timeout": 60},
                   mounts=[{"source": "zroot/life", "kind": "dataset", "target": "/mnt"}])
    told = machine.good(name, check=True, **options)
    assert told["changed"] and machine.sh("pot ls -q").split().count(name) == 0
    done = machine.good(name, **options)
    same(told, done)
    assert done["pot"]["state"] == "started" and not done["restart_required"]
    assert machine.sh("jexec -l %s cat /mnt/file" % name) == "precious\n"
    assert machine.sh("jls -j %s ip4.addr" % name).strip() == machine.addresses[0]
    assert machine.sh("pot get-attr -qp %s -A start-at-boot" % name) == "YES\n"
    assert "exec_stop=/bin/sh /etc/rc.shutdown jail\n" in machine.sh("cat /opt/pot/jails/%s/conf/pot.conf" % name)
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
    assert machine.addresses[0] not in machine.sh("ifconfig %s inet" % machine.extif)
    machine.sh("zfs destroy zroot/life")


def test_environment(machine, name):
    value = "a b 'c' \"d\" $HOME `id` $(id) \\ e\\"
    machine.good(name, base=machine.release, env={"SECRET": value, "OTHER": "x=y"})
    script = "jexec %s /bin/sh -c '. /tmp/environment.sh; printf %%s \"$SECRET\"'" % name
    assert machine.sh(script) == value
    log = machine.sh("cat /var/log/messages /var/log/*pot* 2>/dev/null; true")
    assert "e\\" not in log and "SECRET=" not in log
    result = machine.good(name, env={"OTHER": "z"})
    assert result["diff"]["before"]["env"] == {"SECRET": "(set)", "OTHER": "(set)"} and result["diff"]["after"]["env"] == {"OTHER": "(changed)"}
    assert result["restart_required"] and not result["pot"].get("env")
    assert machine.good(name)["restart_required"], "a later run tells it too"
    machine.sh("printf '#!/bin/sh\\n# PROVIDE: envdump\\n# REQUIRE: LOGIN\\nenv > /root/env\\n' | jexec -l %s /bin/sh -c "
               "'mkdir -p /usr/local/etc/rc.d; cat > /usr/local/etc/rc.d/envdump; chmod 755 /usr/local/etc/rc.d/envdump'" % name)
    assert not machine.good(name, state="restarted")["restart_required"]
    assert machine.sh(script) == ""
    seen = machine.sh("jexec -l %s cat /root/env" % name)
    assert "PATH=" in seen and "SSH_" not in seen and "ANSIBLE" not in seen


def test_all_of_the_configuration(machine, name):
    machine.good(name, base=machine.release)
    options = dict(cmd="sh /etc/rc", ports=["tcp:80:8080"], hosts={"consul1": "192.0.2.1"}, limits={"memory": "512M"}, hostname="matrix.example.test",
                   dns="off", restart_on_change=True)
    told = machine.good(name, check=True, **options)
    done = machine.good(name, **options)
    same(told, done)
    assert told["diff"] == done["diff"] and not done["restart_required"]
    assert machine.sh("jexec -l %s hostname" % name) == "matrix.example.test\n"
    assert "192.0.2.1 consul1\n" in machine.sh("jexec -l %s cat /etc/hosts" % name)
    assert "max amount memory: 512M" in machine.sh("pot info -vp %s" % name)
    assert not machine.good(name, **options)["changed"]
    assert machine.good(name, network_type="alias", ip=[machine.addresses[1]], restart_on_change=True)["changed"]
    assert machine.sh("jls -j %s ip4.addr" % name).strip() == machine.addresses[1]
    machine.good(name, network_type="alias", ip=[machine.addresses[2]])
    machine.good(name, state="restarted")
    assert machine.addresses[1] not in machine.sh("ifconfig %s inet" % machine.extif)
    machine.good(name, network_type="inherit", restart_on_change=True)
    assert machine.addresses[2] not in machine.sh("ifconfig %s inet" % machine.extif)


def test_bridges(machine, name):
    machine.good(name, base=machine.release, network_type="private-bridge", bridge="lan", bridge_hosts=4)
    assert machine.sh("pot info -p %s" % name).count("bridge : lan") == 1
    assert not machine.good(name, network_type="private-bridge", bridge="lan", ip=["auto"])["changed"]
    done = machine.good(name, network_type="public-bridge", ports=["80:8080"], restart_on_change=True)
    assert done["pot"]["ip"][0].startswith("10.") and not done["restart_required"]
    assert done["pot"]["ip"][0] in machine.sh("jexec -l %s ifconfig" % name)
    assert "is not inside" in machine.bad(name, network_type="public-bridge", ip=["192.0.2.1"])


def test_multi(machine, name):
    assert "is not a base of this machine" in machine.bad(name, type="multi", base=machine.release)
    machine.sh("pot create-base -r %s" % machine.release, check=False)
    machine.sh("mkdir -p /data/multi")
    options = dict(type="multi", base=machine.release, mounts=[{"source": "/data/multi", "target": "/var/db/x"}])
    done = machine.good(name, **options)
    assert done["pot"]["mounts"][-1]["target"] == "/opt/custom/var/db/x"
    assert not machine.good(name, **options)["changed"]
    machine.good(name, state="stopped", **options)
    assert not machine.good(name, state="stopped", **options)["changed"]
    machine.good(name, state="stopped", mounts=[], mounts_exact=True)
    assert [m["own"] for m in machine.good(name)["pot"]["mounts"]] == [True, True, True]
    machine.good(name, state="absent")
    machine.sh("pot destroy -rb %s" % machine.release, check=False)


def test_mounts(machine, name):
    machine.sh("mkdir -p /data/one /data/two; echo 1 > /data/one/f; echo 2 > /data/two/f")
    one, two = {"source": "/data/one", "target": "/srv/x"}, {"source": "/data/two", "target": "/srv/x", "read_only": True}
    machine.good(name, base=machine.release, mounts=[one])
    assert machine.sh("jexec -l %s cat /srv/x/f" % name) == "1\n"
    told = machine.good(name, check=True, mounts=[two])
    done = machine.good(name, mounts=[two])
    same(told, done)
    assert machine.sh("jexec -l %s cat /srv/x/f" % name) == "2\n"
    assert machine.sh("mount -p | grep %s/m/srv/x" % name).split()[3].startswith("ro")
    machine.good(name, state="stopped")
    assert not machine.good(name, state="stopped", mounts=[two])["changed"], "pot may have rewritten the line meanwhile"
    machine.good(name)
    assert machine.sh("jexec -l %s touch /srv/x/g || echo no" % name) == "no\n"
    machine.good(name, mounts=[dict(one, target="/media"), two])
    assert not machine.good(name, mounts=[dict(one, target="/media"), two])["changed"]
    machine.sh("umount /opt/pot/jails/%s/m/media" % name)
    assert machine.good(name)["changed"]
    assert machine.sh("jexec -l %s cat /media/f" % name) == "1\n"
    machine.good(name, mounts=[], mounts_exact=True)
    assert "/data" not in machine.sh("mount -p; cat /opt/pot/jails/%s/conf/fscomp.conf" % name)
    machine.sh("zfs create -o mountpoint=/mnt/out zroot/out; zfs unmount zroot/out")
    assert "zroot/out to mount is not mounted" in machine.bad(name, mounts=[{"source": "zroot/out", "kind": "dataset", "target": "/x"}])
    assert "is not mounted" in machine.bad(name, mounts=[{"source": "/mnt/out", "target": "/x"}])
    machine.sh("zfs destroy zroot/out")


def test_clones(machine, name):
    clone = name + "2"
    machine.good(name, base=machine.release, state="stopped")
    assert "has no snapshot" in machine.bad(clone, clone_from=name)
    machine.sh("pot start %s; jexec %s touch /root/mark; pot stop %s; pot snapshot -p %s" % (name, name, name, name))
    machine.good(clone, clone_from=name)
    machine.sh("jexec -l %s test -f /root/mark" % clone)
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
    machine.sh("cd /.double/disk; /.double/usr/bin/fallocate -l $(($(/.double/usr/bin/stat -f -c '%a*%S' .) - 1000000)) fill")
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
    machine.sh("jail -r %s" % name)
    assert machine.sh("pot start %s || echo refused" % name).endswith("refused\n")
    done = machine.good(name)
    assert done["actions"][1:] == ["pot stop " + name, "pot start " + name]
    assert not machine.good(name)["changed"]


def test_stuck_starting(machine, name):
    machine.good(name, base=machine.release, state="stopped")
    machine.sh("echo pot.status=starting, > /tmp/pot_status_%s" % name)
    assert machine.good(name)["pot"]["state"] == "started"


def test_never_started_is_stopped(machine, name):
    machine.good(name, base=machine.release, state="present")
    assert not machine.good(name, state="stopped")["changed"]


def test_half_created(machine, name):
    machine.sh("zfs create zroot/pot/jails/%s" % name)
    done = machine.good(name, base=machine.release)
    assert done["actions"][0] == "pot destroy -F -p " + name
    machine.good(name, state="absent")
    machine.sh("zfs create zroot/pot/jails/%s; mkdir /opt/pot/jails/%s/m; echo precious > /opt/pot/jails/%s/m/file" % (name, name, name))
    assert "'pot destroy -F -p %s'" % name in machine.bad(name, base=machine.release)
    assert machine.sh("cat /opt/pot/jails/%s/m/file" % name) == "precious\n"


def test_something_of_the_user_is_mounted_below(machine, name):
    machine.good(name, base=machine.release, state="stopped")
    machine.sh("mkdir -p /data/keep; echo precious > /data/keep/file; mount -t nullfs /data/keep /opt/pot/jails/%s/m/mnt" % name)
    assert "is still mounted below it" in machine.bad(name, state="absent")
    machine.sh("umount /opt/pot/jails/%s/m/mnt" % name)
    machine.good(name, state="absent")
    assert machine.sh("cat /data/keep/file") == "precious\n"


def test_nothing_is_lost_through_what_is_mounted_below(machine, name):
    """A bare 'pot destroy' deletes what lies behind a mount it does not know of; the module never lets it come to that."""
    target = "/opt/pot/jails/%s/m" % name
    options = dict(base=machine.release, mounts=[{"source": "/data/behind", "target": "/srv/x"}])
    files = "cat /data/behind/file /data/behind/deep/file"
    machine.sh("mkdir -p /data/behind/deep; echo precious > /data/behind/file; echo more > /data/behind/deep/file")

    # The pot's own mount, left behind by a jail that was removed without pot.
    machine.good(name, **options)
    machine.sh("jail -r %s" % name)
    assert target + "/srv/x" in machine.sh("mount -p")
    assert machine.good(name, state="absent")["actions"][0] == "pot stop " + name
    assert machine.sh(files) == "precious\nmore\n" and target not in machine.sh("mount -p")

    # The same, and the pot's state says that it is still starting: pot itself stops nothing then.
    machine.good(name, **options)
    machine.sh("jail -r %s; echo pot.status=starting, > /tmp/pot_status_%s" % (name, name))
    machine.good(name, state="absent")
    assert machine.sh(files) == "precious\nmore\n" and target not in machine.sh("mount -p")

    # Somebody's own mount in a running pot, below the pot's own.
    machine.good(name, **options)
    machine.sh("mkdir %s/srv/y && mount -t nullfs /data/behind %s/srv/y" % (target, target))
    machine.pot(name, state="absent")
    assert machine.sh(files) == "precious\nmore\n"

    # A pot that is none any more, which only 'pot destroy -F' removes.
    machine.good(name, **options)
    machine.sh("rm /opt/pot/jails/%s/conf/pot.conf" % name)
    machine.pot(name, state="absent")
    assert machine.sh(files) == "precious\nmore\n"
    machine.sh("jail -r %s; umount -f %s/srv/x" % (name, target), check=False)
    machine.sh("pot destroy -Fp %s" % name, check=False)
    machine.good(name, state="absent")

    # That the danger is one: the same without the module.
    machine.good(name, state="stopped", base=machine.release)
    machine.sh("mount -t nullfs /data/behind %s/mnt; pot destroy -p %s" % (target, name))
    assert machine.sh("ls /data/behind") == ""


def test_run_killed_while_it_creates(machine, name):
    process = machine.start("pot", name=name, base=machine.release, timeout=120)
    deadline = time.time() + 60
    marker = "test -e /var/db/potluck-pot-%s.creating && echo yes; true" % name
    while not machine.sh(marker) and process.poll() is None and time.time() < deadline:
        time.sleep(0.05)
    pids = machine.sh("ps -axww -o pid,command | awk '/AnsiballZ_pot|ansible_pot_payload|pot create/ && !/awk/ {print $1}'").split()
    assert pids and machine.sh(marker) == "yes\n", "there is nothing to kill any more"
    machine.sh("kill -9 %s" % " ".join(pids), check=False)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    done = machine.good(name, base=machine.release)
    assert done["pot"]["state"] == "started"
    assert not machine.good(name, base=machine.release)["changed"]
    assert machine.sh(marker) == ""


def test_two_runs_for_one_pot(machine, name):
    options = dict(name=name, base=machine.release, timeout=120, env={"A": "1"}, attributes={"stop_timeout": 30})
    runs = [machine.start("pot", **options) for _number in range(2)]
    results = [machine.result(run) for run in runs]
    assert not any(r.get("failed") for r in results), results
    assert sorted(r["changed"] for r in results) == [False, True]
    assert machine.sh("grep -c pot.env /opt/pot/jails/%s/conf/pot.conf" % name) == "1\n"


def test_two_runs_for_two_pots(machine, name):
    runs = [machine.start("pot", name=n, base=machine.release, timeout=120) for n in (name, name + "2")]
    try:
        results = [machine.result(run) for run in runs]
        assert all(r["changed"] and r["pot"]["state"] == "started" for r in results), results
    finally:
        machine.good(name + "2", state="absent")


def test_power_cut(machine, name):
    options = dict(base=machine.release, attributes={"stop_timeout": 30})
    machine.good(name, **options)
    machine.double("crash", machine.name)
    assert machine.module("pot_info", names=[name])["pots"][0]["state"] == "stopped"
    done = machine.good(name, **options)
    assert done["pot"]["state"] == "started" and done["actions"] == ["pot start " + name]
    assert not machine.good(name, **options)["changed"]
