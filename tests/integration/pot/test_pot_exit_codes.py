# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where pot's exit code misleads, the module does not."""

from __future__ import annotations

import contextlib


@contextlib.contextmanager
def fault(machine, name):
    """A step of pot fails on this machine."""
    machine.sh("mkdir -p /.double/run/faults; touch /.double/run/faults/" + name)
    try:
        yield
    finally:
        machine.sh("rm -f /.double/run/faults/" + name)


def gone(machine, name):
    return name not in machine.sh("pot ls -q; zfs list -H -o name; ls /opt/pot/jails /var/db").split()


def test_create_that_reports_success(machine, name):
    with fault(machine, "create-zfs"):
        assert machine.sh("pot create -p %s -t single -b %s > /dev/null 2>&1; echo $?" % (name, machine.release)) == "0\n"
        machine.sh("pot destroy -Fp %s; rm -rf /opt/pot/jails/%s" % (name, name), check=False)
        assert "Cannot create pot " + name in machine.bad(name, base=machine.release)
    assert gone(machine, name)
    machine.good(name, base=machine.release)


def test_create_that_leaves_half_a_pot(machine, name):
    with fault(machine, "fetch-base"):
        assert "Cannot create pot " + name in machine.bad(name, base=machine.release)
    assert gone(machine, name)


def test_mount_in_that_reports_success(machine, name):
    machine.sh("mkdir -p /data/lie")
    machine.good(name, base=machine.release)
    with fault(machine, "nullfs"):
        assert "Cannot mount /data/lie at /mnt" in machine.bad(name, mounts=[{"source": "/data/lie", "target": "/mnt"}])
    assert "/data/lie" not in machine.sh("cat /opt/pot/jails/%s/conf/fscomp.conf" % name)
    machine.good(name, mounts=[{"source": "/data/lie", "target": "/mnt"}])
    assert "/data/lie" in machine.sh("mount -p")


def test_stop_that_reports_success(machine, name):
    machine.good(name, base=machine.release)
    with fault(machine, "jail-remove"):
        assert "its jail still runs after two attempts" in machine.bad(name, state="stopped")
        assert "its jail still runs after two attempts" in machine.bad(name, state="absent")
    assert machine.good(name)["pot"]["state"] == "started"
    assert machine.good(name, state="stopped")["pot"]["state"] == "stopped"


def test_start_that_reports_success(machine, name):
    machine.good(name, base=machine.release, state="stopped")
    assert "its start command 'sh /nonexistent/etc/rc' ended with exit code" in machine.bad(name, cmd="sh /nonexistent/etc/rc")
    assert machine.good(name, cmd="sh /etc/rc", state="restarted")["pot"]["state"] == "started"


def test_import_that_reports_success(machine, name):
    machine.good(name, base=machine.release, state="stopped")
    machine.sh("pot snapshot -p %s; mkdir -p /images; pot export -p %s -t 1.0 -D /images" % (name, name))
    image = {"name": name, "tag": "1.0", "url": "file:///images"}
    clone = name + "2"
    try:
        with fault(machine, "zfs-receive"):
            assert "Cannot import image %s 1.0" % name in machine.bad(clone, image=image)
        assert gone(machine, clone) and gone(machine, name + "_1_0")
        done = machine.good(clone, image=image)
        assert done["pot"]["state"] == "started" and not machine.good(clone, image=image)["changed"]
    finally:
        machine.good(clone, state="absent")
        machine.good(name + "_1_0", state="absent")


def test_stop_and_destroy_of_unknown_pots_are_not_believed(machine, name):
    assert not machine.good(name, state="absent")["changed"]
