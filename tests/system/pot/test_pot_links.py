# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A jail plants links where pot writes and mounts; pot starts and stops by the module, by hand, at the boot and after a
power cut.
"""

from __future__ import annotations

import time

import pytest
from thorough import some

# What pot writes or mounts on, and a link there that leads to the host's files.
PLANTS = {
    "hosts": "ln -sf /root/victim/file /etc/hosts",
    "resolv.conf": "ln -sf /root/victim/file /etc/resolv.conf",
    "new file": "ln -sf /root/victim/made /etc/hosts",
    "environment": "mount > /dev/null; ln -sf /root/victim/file /tmp/environment.sh",
    "target": "rmdir /srv/x; rmdir /srv; ln -s /root/victim /srv",
    "tmp": "ln -s /root/victim /tmp",
    "dev": "ln -s /root/victim /dev",
}
VICTIM = (
    "rm -rf /root/victim; mkdir -p /root/victim/x; "
    "echo precious > /root/victim/file; echo precious > /root/victim/x/file"
)
CHECK = "cd /root/victim && find . | sort | tr '\\n' ' '; cat file x/file"
INTACT = ". ./file ./x ./x/file precious\nprecious\n"


@pytest.fixture(name="pot")
def fixture_pot(machine, name):
    """A running pot that is started at the boot, with a mount of the host's."""
    machine.sh(VICTIM + "; mkdir -p /data/links; echo 1 > /data/links/f")
    machine.good(
        name,
        base=machine.release,
        attributes={"start_at_boot": True, "no_tmpfs": True},
        mounts=[{"source": "/data/links", "target": "/srv/x"}],
    )
    return name


def plant(machine, name, *which):
    """As the jail's root left it: written into the files of the stopped pot, where the jail had all the time to do
    so.
    """
    root = f"/opt/pot/jails/{name}/m"
    for key in which:
        script = PLANTS[key]
        if key in ("tmp", "dev"):
            script = f"rm -rf /{key} 2>/dev/null; rmdir /{key} 2>/dev/null; {script}"
        for place in ("/etc/", "/tmp/", "/srv"):
            script = script.replace(" " + place, " " + root + place)
        script = (
            script.replace(" /tmp", f" {root}/tmp")
            .replace("rf /dev ", f"rf {root}/dev ")
            .replace(" /dev;", f" {root}/dev;")
        )
        if key in ("tmp", "dev"):
            script = f"rm -rf {root}/{key}; ln -s /root/victim {root}/{key}"
        machine.sh(script)


def wait_for(machine, name):
    """Until the boot has started the pot."""
    deadline = time.monotonic() + 60
    while name not in machine.sh("jls name", check=False).split() or not machine.sh(
        f"ls /opt/pot/jails/{name}/m/var/run/cron.pid", check=False
    ):
        assert time.monotonic() < deadline, machine.sh("cat /var/log/messages /var/log/console.log", check=False)
        time.sleep(0.5)


def good(machine, name):
    """The host is as it was, and the pot runs with all that pot makes in it."""
    assert machine.sh(CHECK) == INTACT
    assert machine.sh("mount -p | awk '$2 ~ /^.root.victim/'") == ""
    assert machine.sh(f"jexec -l {name} cat /srv/x/f") == "1\n"
    assert "localhost" in machine.sh(f"jexec -l {name} cat /etc/hosts")


@pytest.mark.parametrize("key", some(sorted(PLANTS), "hosts", "tmp"))
def test_start(machine, pot, key):
    for start in ("module", "by hand"):
        machine.sh("pot stop " + pot)
        plant(machine, pot, key)
        said = machine.good(pot)["output"] if start == "module" else machine.sh(f"pot start {pot} < /dev/null")
        good(machine, pot)
        assert "and was removed" in said
    assert "and was removed" in machine.sh(
        "cat /var/log/auth.log /var/log/messages 2>/dev/null | grep potluck-pot-guard"
    )


def test_reboot_and_power_cut(machine, pot):
    machine.sh("sysrc pot_enable=YES")
    for way in ("reboot", "crash"):
        machine.sh("pot stop " + pot)
        plant(machine, pot, *sorted(PLANTS))
        # The jail may have planted it before the host went down, so the pot's own stop must not tidy up here.
        machine.sh(f"echo pot.status=stopped, > /tmp/pot_status_{pot}")
        machine.double(way, machine.name)
        wait_for(machine, pot)
        good(machine, pot)
    machine.sh("sysrc -x pot_enable")


def test_stop(machine, pot):
    """pot removes etc/resolv.conf and unmounts by path, when the jail has ended; the jail could plant until then."""
    machine.sh(
        "echo precious > /root/victim/resolv.conf; mkdir -p /data/host /root/victim/x; echo 2 > /data/host/f; "
        "mount -t nullfs /data/host /root/victim/x"
    )
    machine.sh(
        f"jexec -l {pot} /bin/sh -c 'mv /etc /etc.kept; ln -s /root/victim /etc; "
        "mv /srv /srv.kept; ln -s /root/victim /srv'",
        check=False,
    )
    assert machine.sh(f"readlink /opt/pot/jails/{pot}/m/etc") == "/root/victim\n"
    machine.sh("pot stop " + pot)
    assert (
        machine.sh("cat /root/victim/resolv.conf /root/victim/x/f; mount -p | grep -c /root/victim/x")
        == "precious\n2\n1\n"
    )
    assert "is not a directory" in machine.sh(f"pot start {pot}; true") or "etc" in machine.bad(pot)
    machine.sh(f"umount /root/victim/x; mv /opt/pot/jails/{pot}/m/etc.kept /opt/pot/jails/{pot}/m/etc")


def test_an_etc_that_is_a_link_is_refused(machine, pot):
    root = f"/opt/pot/jails/{pot}/m"
    machine.sh(f"pot stop {pot}; mv {root}/etc {root}/kept; ln -s /root/victim {root}/etc")
    assert f"/etc in pot {pot} is not a directory" in machine.sh(f"pot start {pot}; true")
    assert f"/etc in pot {pot} is not a directory" in machine.bad(pot)
    assert machine.sh(CHECK) == INTACT and machine.sh("jls name").split().count(pot) == 0
    machine.sh(f"rm {root}/etc; mv {root}/kept {root}/etc")
    machine.good(pot)
    good(machine, pot)


def test_nothing_is_mounted_in_a_running_jail(machine, pot):
    machine.sh("mkdir -p /data/more")
    machine.sh(f"jexec -l {pot} ln -s /root/victim /media/x")
    mounts = [{"source": "/data/links", "target": "/srv/x"}, {"source": "/data/more", "target": "/media/x"}]
    before = machine.sh("mount -p")
    assert machine.good(pot, mounts=mounts)["restart_required"] and machine.sh("mount -p") == before
    machine.good(pot, mounts=mounts, state="restarted")
    assert machine.sh("mount -p | grep -c /data/more") == "1\n"
    good(machine, pot)


def test_words_that_pot_would_hand_on(machine, name):
    """sysrc -f has sh read the jail's rc.conf on the host, and the release becomes parameters of jail(8)."""
    machine.sh("rm -f /root/ran")
    machine.good(name, base=machine.release, network_type="public-bridge")
    machine.sh(f"pot stop {name}; echo 'a=$(touch /root/ran)' >> /opt/pot/jails/{name}/m/etc/rc.conf")
    assert f"of /etc/rc.conf in pot {name} does more than set a variable" in machine.sh(f"pot start {name}; true")
    assert "does more than set a variable" in machine.bad(name)
    machine.sh(f"sed -i '' '/touch/d' /opt/pot/jails/{name}/m/etc/rc.conf")
    machine.good(name)
    machine.sh("test ! -e /root/ran")


def test_data_that_are_not_mounted(machine, name):
    """An empty directory in their place would be filled anew: another identity."""
    machine.sh("zfs create -o mountpoint=/mnt/late zroot/late; echo 1 > /mnt/late/f")
    try:
        machine.good(
            name,
            base=machine.release,
            attributes={"start_at_boot": True},
            mounts=[{"source": "/mnt/late", "target": "/mnt"}],
        )
        machine.sh(f"pot stop {name}; zfs unmount zroot/late")
        assert "dataset zroot/late is not mounted on /mnt/late" in machine.sh(f"pot start {name}; true")
        for options in ({}, {"mounts": []}, {"mounts": [{"source": "/mnt/late", "target": "/mnt"}]}):
            assert "is not mounted" in machine.bad(name, **options)
        machine.sh("zfs set canmount=noauto zroot/late; sysrc pot_enable=YES")
        machine.double("reboot", machine.name)
        machine.sh("while ! test -e /var/run/cron.pid; do sleep 1; done; sleep 3")
        assert name not in machine.sh("jls name").split() and machine.sh("ls -A /mnt/late") == ""
        machine.sh("zfs mount zroot/late; pot start " + name)
        assert machine.sh(f"jexec -l {name} cat /mnt/f") == "1\n"
    finally:
        machine.sh(f"sysrc -x pot_enable; pot stop {name}; zfs destroy zroot/late", check=False)
