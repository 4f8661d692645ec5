# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host loses its power in the middle of what a rollout, a move to another release, a way back or a removal does to
a pot, and the same again completes it. KILLS says at how many of the moments (1; "tests/run kills" for all).
"""

from __future__ import annotations

import os
import subprocess

import pytest

from .conftest import DOUBLE

KILLS = int(os.environ.get("KILLS") or 1)
TAG = "upgrade-cut"
# Everything that a module has started stands still as soon as something is so.
FREEZE = """
freeze() { for pid in "$@"; do kill -STOP $pid; freeze $(pgrep -P $pid); done; }
count=0
until %s; do
    count=$((count + 1))
    [ $count -lt 3000 ] || exit 1
    sleep 0.01
done >/dev/null 2>&1
freeze $(pgrep python3.11) 2>/dev/null
"""
# What is on its way, and what is so in the middle of it; N is the pot's name.
CUTS = [
    ("put aside", "test -d /opt/pot/jails/N-former"),
    ("went back", "test ! -e /mnt/N/newer"),
    ("removed", "test ! -d /opt/pot/jails/N/m/etc"),
    ("made", "test -d /opt/pot/jails/N"),
    ("made", "test -s /opt/pot/jails/N/conf/pot.conf"),
    ("made", "test -s /opt/pot/jails/N/conf/fscomp.conf"),
    ("put aside", "grep -q start-at-boot=NO /opt/pot/jails/N/conf/pot.conf"),
    ("put aside", "grep -q N-former /opt/pot/jails/N-former/conf/fscomp.conf /opt/pot/jails/N-former/conf/pot.conf"),
    ("brought back", "test -d /opt/pot/jails/N"),
    ("forgotten", "test ! -d /opt/pot/jails/N-former/m/etc"),
    ("forgotten", "test ! -d /opt/pot/jails/N-former/conf"),
    ("went back", "zfs get -H -o value potluck.matrix:going-back zroot/N | grep -q upgrade"),
    ("removed", "! jls -j N"),
]


class Life:
    """A pot with data and an address, and what may be done to it."""

    def __init__(self, machine, name):
        self.machine, self.name = machine, name
        self.options = {
            "name": name,
            "base": machine.release,
            "timeout": 120,
            "network_type": "alias",
            "ip": [f"{machine.extif}|{machine.addresses[4]}"],
            "mounts": [{"source": f"zroot/{name}", "kind": "dataset", "target": "/mnt"}],
            "attributes": {"start_at_boot": True, "stop_timeout": 30},
        }
        self.snapshot = {"name": TAG, "datasets": [f"zroot/{name}", f"zroot/pot/jails/{name}"]}
        machine.sh(f"zfs create -o mountpoint=/mnt/{name} zroot/{name}; echo precious >/mnt/{name}/file")
        machine.sh("sysrc pot_enable=YES")

    def do(self, module, **arguments):
        done = self.machine.module(module, **arguments)
        assert not done.get("failed"), done["msg"]
        return done

    def make(self):
        self.do("pot", **self.options)

    def former(self, state):
        self.do("pot_former", name=self.name, state=state)

    def before(self, act):
        """Come to where an act begins; what it is: (module, arguments)."""
        name = self.name
        if act == "made":
            return "pot", self.options
        self.make()
        self.machine.sh(f"jexec -l {name} touch /root/first")
        if act == "removed":
            return "pot", {"name": name, "state": "absent", "timeout": 120}
        if act == "went back":
            self.do("pot", name=name, state="stopped", timeout=120)
            self.do("zfs_snapshot", **self.snapshot)
            self.machine.sh(f"touch /mnt/{name}/newer /opt/pot/jails/{name}/m/root/newer")
            return "zfs_snapshot", {**self.snapshot, "state": "rolled_back"}
        state = {"put aside": "aside", "brought back": "back", "forgotten": "absent"}[act]
        if state != "aside":
            self.former("aside")
        if state == "absent":
            self.make()
        return "pot_former", {"name": name, "state": state}

    def cut(self, act, moment):
        """Do that, and take the power away in the middle of it; whether it was the middle."""
        module, arguments = self.before(act)
        script = FREEZE % moment.replace("N", self.name)
        inside = [DOUBLE, "exec", self.machine.name, "--", "/bin/sh", "-c"]
        watch = subprocess.Popen([*inside, script], stdin=subprocess.DEVNULL)
        process = self.machine.start(module, **arguments)
        assert watch.wait() == 0, process.communicate()
        middle = process.poll() is None
        self.machine.double("crash", self.machine.name)
        process.kill()
        process.communicate()
        assert middle, "it had ended before"
        return module, arguments

    def pots(self):
        return self.machine.sh("ls /opt/pot/jails").split()

    def running(self):
        return self.machine.sh("jls name").split()

    def files(self):
        """In the pot's own tree and on its dataset."""
        return self.machine.sh(f"jexec -l {self.name} /bin/sh -c 'ls -d /root/first /root/newer; ls /mnt'", check=False)


@pytest.mark.parametrize(("act", "moment"), CUTS[:KILLS] if KILLS < 10 else CUTS)
def test_the_same_again_completes_it(machine, name, act, moment):
    name = name[:20].strip("-")
    life = Life(machine, name)
    try:
        module, arguments = life.cut(act, moment)
        if act == "went back":
            assert life.running() == []
        life.do(module, **arguments)
        assert life.do(module, **arguments)["changed"] is (act == "went back")
        if act == "put aside":
            assert life.pots() == [name + "-former"]
            life.make()
            assert life.files() == "file\n" and life.running() == [name]
            life.former("absent")
        elif act == "removed":
            assert life.pots() == [] and life.running() == []
            left = f"zfs list -H -o name | grep jails/{name}; ifconfig | grep -w {machine.addresses[4]}"
            assert machine.sh(left, check=False) == ""
        life.make()
        assert life.pots() == life.running() == [name]
        first = "" if act in ("made", "put aside", "removed", "forgotten") else "/root/first\n"
        assert life.files() == first + "file\n"
        assert machine.sh("zfs list -H -o name | grep former", check=False) == ""
        assert not life.do("pot", **life.options)["changed"]
    finally:
        machine.sh(
            f"for pot in {name} {name}-former; do pot stop $pot; pot destroy -Fp $pot; done >/dev/null 2>&1; "
            f"zfs destroy -r zroot/{name}",
            check=False,
        )
