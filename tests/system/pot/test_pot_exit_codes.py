# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where pot's exit code misleads, the module does not."""

from __future__ import annotations

import contextlib


@contextlib.contextmanager
def fault(machine, name):
    """A step of pot fails on this host."""
    machine.sh("mkdir -p /.double/run/faults; touch /.double/run/faults/" + name)
    try:
        yield
    finally:
        machine.sh("rm -f /.double/run/faults/" + name)


def gone(machine, name):
    return name not in machine.sh("pot ls -q; zfs list -H -o name; ls /opt/pot/jails /var/db").split()


def test_create_that_reports_success(machine, name):
    with fault(machine, "create-zfs"):
        assert machine.sh(f"pot create -p {name} -t single -b {machine.release} > /dev/null 2>&1; echo $?") == "0\n"
        machine.sh(f"pot destroy -Fp {name}; rm -rf /opt/pot/jails/{name}", check=False)
        assert "Cannot create pot " + name in machine.bad(name, base=machine.release)
    assert gone(machine, name)
    machine.good(name, base=machine.release)


def test_create_that_leaves_half_a_pot(machine, name):
    with fault(machine, "fetch-base"):
        assert "Cannot create pot " + name in machine.bad(name, base=machine.release)
    assert gone(machine, name)


def test_mount_that_fails_at_the_start(machine, name):
    """The pot runs again with the mounts that it had."""
    machine.sh("mkdir -p /data/good /data/lie; echo 1 > /data/good/f")
    good, lie = {"source": "/data/good", "target": "/mnt"}, {"source": "/data/lie", "target": "/media"}
    machine.good(name, base=machine.release, mounts=[good])
    machine.sh(
        f"printf '#!/bin/sh\\nrm -rf /data/lie\\n' > /opt/pot/jails/{name}/conf/prestop.sh; chmod 755 "
        f"/opt/pot/jails/{name}/conf/prestop.sh"
    )
    message = machine.bad(name, mounts=[good, lie], restart_on_change=True)
    assert "Error mounting /data/lie" in message and message.endswith(
        "It runs again with the configuration that it had before."
    ), message
    assert "/data/lie" not in machine.sh(f"cat /opt/pot/jails/{name}/conf/fscomp.conf; mount -p")
    assert machine.sh(f"jexec -l {name} cat /mnt/f") == "1\n"
    machine.sh(f"rm /opt/pot/jails/{name}/conf/prestop.sh; mkdir /data/lie")
    machine.good(name, mounts=[good, lie], restart_on_change=True)
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
    assert "its start command 'sh /nonexistent/etc/rc' ended with exit code" in machine.bad(
        name, cmd="sh /nonexistent/etc/rc"
    )
    assert machine.good(name, cmd="sh /etc/rc", state="restarted")["pot"]["state"] == "started"


def test_import_that_reports_success(machine, name):
    machine.good(name, base=machine.release, state="stopped")
    machine.sh(f"pot snapshot -p {name}; mkdir -p /images; pot export -p {name} -t 1.0 -D /images")
    image = {"name": name, "tag": "1.0", "url": "file:///images"}
    clone = name + "2"
    try:
        with fault(machine, "zfs-receive"):
            assert f"Cannot import image {name} 1.0" in machine.bad(clone, image=image)
        assert gone(machine, clone) and gone(machine, name + "_1_0")
        done = machine.good(clone, image=image)
        assert done["pot"]["state"] == "started" and not machine.good(clone, image=image)["changed"]
    finally:
        machine.good(clone, state="absent")
        machine.good(name + "_1_0", state="absent")


def test_stop_and_destroy_of_unknown_pots_are_not_believed(machine, name):
    assert not machine.good(name, state="absent")["changed"]
