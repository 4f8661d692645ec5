# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a bare host to a homeserver that people use, and what must not hurt it. The tests build on each other."""

from __future__ import annotations

import re
import subprocess

import pytest
from deployment import TOP
from thorough import some


def touches_nothing(site):
    before = site.look()
    outcome = site.succeed("--check", "--diff")
    assert outcome.changed > 0, outcome
    assert site.differences(before, site.look()) == {}


def test_check_of_a_bare_machine_touches_nothing(bare):
    touches_nothing(bare)


def test_check_of_a_machine_with_python_touches_nothing(with_python):
    touches_nothing(with_python)


@pytest.mark.thorough
def test_check_of_an_empty_pot_touches_nothing(with_pot):
    touches_nothing(with_pot)


def test_a_client_can_use_it(site):
    assert {
        name: problem for name, problem in site.client().check_all("admin", site.remembered("admin")) if problem
    } == {}


def test_second_run_changes_nothing_in_few_operations(site):
    arguments = [TOP / "tests/tools/count-operations", "--by-role", "-i", site.inventory]
    done = subprocess.run(arguments, env=site.environment(), cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(
        rf"^{site.machine} +: ok=[0-9]+ +changed=0 +unreachable=0 +failed=0 ", done.stdout, re.MULTILINE
    ), done.stdout
    # Up to the empty line: the report comes after it.
    table = done.stdout.partition("server  ")[2].partition("\n\n")[0]
    print("\nserver  " + table)
    (name, operations, tasks), *roles = [line.split() for line in table.splitlines()[1:]]
    assert name == site.machine
    assert sum(int(each[1]) for each in roles) == int(operations) <= 24
    assert int(tasks) <= 60


def changes(outcome):
    """The lines that a diff adds and removes, by file."""
    found = {}
    path = None
    for line in outcome.output.splitlines():
        if line.startswith("--- before"):
            path = line.partition(": ")[2].strip()
        elif path and line.startswith(("+", "-")) and not line.startswith("+++ after"):
            found.setdefault(path, []).append(line)
        elif line.startswith(("TASK", "PLAY")):
            path = None
    return found


def test_check_and_diff_show_one_changed_variable(site):
    before = site.look()
    expected = {
        "/usr/local/etc/matrix-synapse/homeserver.d/homeserver.yaml": [
            "-max_upload_size: 50M",
            "+max_upload_size: 33M",
        ],
        "/usr/local/etc/nginx/nginx.conf": ["-    client_max_body_size 50M;", "+    client_max_body_size 33M;"],
    }
    outcome = site.succeed("--check", "--diff", matrix_max_upload_size="33M")
    assert changes(outcome) == expected, outcome
    assert site.differences(before, site.look()) == {}
    processes = [site.jid(), site.pid("nginx.pid"), site.pid("matrix-synapse/homeserver.pid")]

    real = site.succeed("--diff", matrix_max_upload_size="33M")
    assert changes(real) == expected, real
    # Two files, each with the process that reads it.
    assert real.changed == outcome.changed == 2, real
    again = [site.jid(), site.pid("nginx.pid"), site.pid("matrix-synapse/homeserver.pid")]
    assert again[:2] == processes[:2] and again[2] != processes[2]
    assert "client_max_body_size 33M" in site.read("/usr/local/etc/nginx/nginx.conf")
    for shown in (outcome, real):
        assert [secret for secret in site.secrets() if secret in shown.output] == []

    site.succeed(matrix_max_upload_size="33M", changed=0)


def test_a_destroyed_pot_comes_back_with_everything(site, life):
    site.inside("pot", "destroy", "-F", "-p", site.machine)
    site.succeed()
    life.goes_on()
    site.succeed(changed=0)


@pytest.mark.thorough
def test_a_package_put_in_the_place_of_a_running_synapse_s(site, life):
    """As when packages move to another Python: the rc script that knew the process is gone."""
    before = site.pid("matrix-synapse/homeserver.pid")
    site.inside("pkg", "delete", "-fy", "py311-matrix-synapse", pot=site.machine)
    site.succeed()
    assert site.pid("matrix-synapse/homeserver.pid") != before
    assert site.inside("ps", "-p", before, pot=site.machine, check=False).returncode == 1
    life.goes_on()
    site.succeed(changed=0)


@pytest.mark.parametrize("verb", some(["reboot", "crash"], "crash"))
def test_it_answers_again_without_ansible(site, life, verb):
    if verb == "crash":
        # The lock that Synapse leaves, with the id of a process that there is after the boot as well.
        site.inside("/bin/sh", "-c", "ln -shf 1 /var/run/matrix-synapse/synapse.sock.lock", pot=site.machine)
    site.power(verb)
    site.wait()
    life.goes_on()
    if verb == "crash":
        site.succeed(changed=0)
