# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong around a run while it is under way: the run ends with words, and the next plain run ends at the
wanted state.

Each fault strikes while another upload size is on its way into a running homeserver. After each, users, media, keys and
certificate are as before.
"""

from __future__ import annotations

import itertools
import re
import time

import pytest
from thorough import some

UPLOAD_SIZES = itertools.count(61)
WRITES = "Put Synapse's files in place and restart it if it has not read them"
RESTARTS = WRITES
DEAD = "192.0.2.53"


class Fault:
    """One change of the inventory, and the run that brings it and is disturbed."""

    def __init__(self, site):
        self.site = site
        self.size = next(UPLOAD_SIZES)
        self.variables = {"matrix_max_upload_size": "%dM" % self.size}

    def strike(self, task, act, seconds=300):
        """Begin the run, act when the task of that name begins, and wait for the end; (exit code, output with single
        blanks).
        """
        process, path = self.site.begin(**self.variables)
        until = time.monotonic() + seconds
        reached = f"TASK [potluck.matrix.synapse : {task}]"
        while reached not in path.read_text(encoding="utf-8", errors="replace"):
            assert process.poll() is None and time.monotonic() < until, path.read_text(encoding="utf-8")
            time.sleep(0.05)
        act()
        process.wait(timeout=seconds)
        return process.returncode, " ".join(path.read_text(encoding="utf-8").split())

    def heal(self, life):
        """The next plain run reaches the wanted state."""
        self.site.usual.update(self.variables)
        self.site.succeed()
        client = self.site.client()
        client.use_token(life.token)
        assert client.call("GET", "/_matrix/client/v1/media/config").json()["m.upload.size"] == self.size * 1024 * 1024
        life.goes_on()


@pytest.fixture
def fault(site, life):
    struck = Fault(site)
    with site.way_back():
        yield struck


@pytest.mark.thorough
def test_ssh_that_is_cut(site, life, fault):
    code, said = fault.strike(WRITES, lambda: site.inside("pkill", "-f", "sshd: root", check=False))
    # Ansible's own attempts may have got through a cut of that length.
    assert code == 0 or "UNREACHABLE" in said or "unreachable=1" in said, said[-3000:]
    fault.heal(life)


@pytest.mark.thorough
def test_a_pot_that_is_stopped_by_hand(site, life, fault):
    code, said = fault.strike(WRITES, lambda: site.inside("pot", "stop", site.machine))
    assert code != 0
    # A pot that is still going down runs, as its host has it.
    named = rf'pot "?{site.machine}"?.{{0,40}} is (stopped|not running)|It was ended by SIG(TERM|KILL)'
    assert re.search(named, said), said[-3000:]
    fault.heal(life)


@pytest.mark.thorough
def test_a_reboot_in_the_middle(site, life, fault):
    code, said = fault.strike(RESTARTS, lambda: site.power("reboot"))
    assert code == 0 or "unreachable=1" in said or "failed=1" in said, said[-3000:]
    fault.heal(life)


def test_a_power_cut_in_the_middle(site, life, fault):
    code, said = fault.strike(RESTARTS, lambda: site.power("crash"))
    assert code == 0 or "unreachable=1" in said or "failed=1" in said, said[-3000:]
    fault.heal(life)


def test_a_disk_that_fills(site, life, fault):
    def fill():
        free = site.inside(
            "/.double/usr/bin/python3", "-c", "import os; f = os.statvfs('/'); print(f.f_bavail * f.f_frsize)"
        ).stdout
        site.inside("/.double/usr/bin/fallocate", "-l", str(int(free) - 8192), "/var/fill")

    try:
        code, said = fault.strike(WRITES, fill)
        assert code != 0 and "No space left on device" in said, said[-3000:]
        # What ran goes on with what it has.
        assert site.client().versions()
    finally:
        site.inside("rm", "-f", "/var/fill")
    fault.heal(life)


def test_two_runs_at_once(site, life, fault):
    first, first_path = site.begin(**fault.variables)
    second, second_path = site.begin(**fault.variables)
    codes = [process.wait(timeout=600) for process in (first, second)]
    said = first_path.read_text(encoding="utf-8") + second_path.read_text(encoding="utf-8")
    assert 0 in codes, said
    assert "Traceback" not in said, said
    fault.heal(life)


@pytest.mark.thorough
def test_names_that_nobody_resolves(site, life, fault):
    files = {where: site.inside("cat", "/etc/resolv.conf", pot=where).stdout for where in (None, site.machine)}

    def write(text, where):
        site.inside("/bin/sh", "-c", "cat >/etc/resolv.conf", pot=where, input=text)

    try:
        for where in files:
            write(f"nameserver {DEAD}\n", where)
        began = time.monotonic()
        outcome = site.play(**fault.variables)
        # Nothing of a plain change needs a name; what does has to say so, and soon.
        assert outcome.code == 0 or "resol" in outcome.words, outcome
        assert time.monotonic() - began < 300
        assert site.client().versions()
    finally:
        for where, text in files.items():
            write(text, where)
    fault.heal(life)


def test_a_ca_that_refuses(site, life):
    # The CA resolves it to an address where nothing answers.
    outcome = site.play("--tags", "tls", matrix_extra_domains=["refused.test"])
    assert outcome.code != 0 and outcome.output.count("fatal:") == 1, outcome
    assert "gave no certificate for site.test: " in outcome.words and "//refused.test:80/" in outcome.words, outcome
    assert "nginx goes on with the certificate it has" in outcome.words and "run the playbook again" in outcome.words, (
        outcome
    )
    life.goes_on()
    site.succeed()


@pytest.mark.parametrize("days", some([-3, 3], 3))
@pytest.mark.thorough
def test_a_clock_that_jumped(site, life, fault, days):
    """Files of another day: written before the clock was set back, or forward."""
    directory = "/usr/local/etc/matrix-synapse/homeserver.d/"
    day = time.strftime("%Y%m%d%H%M", time.gmtime(time.time() + days * 86400))
    for path in (directory + "homeserver.yaml", "/usr/local/etc/nginx/nginx.conf"):
        site.inside("touch", "-t", day, path, pot=site.machine)
    site.inside("touch", "-t", day, f"/opt/pot/jails/{site.machine}/conf/pot.conf")
    fault.heal(life)
    # What seems to have been written after the start of its service is no reason to restart it for days.
    site.succeed(changed=0)


def test_one_more_run_has_nothing_to_do(site):
    site.succeed(changed=0)
