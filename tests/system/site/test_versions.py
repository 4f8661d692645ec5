# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oldest and the newest Synapse that count: the one of FreeBSD's quarterly packages and the newest release."""

from __future__ import annotations

import re

import pytest

LATEST = "http://pkg.example.test/FreeBSD:13:amd64/latest"
# What a repository makes of Synapse's package, and what pkg says of that.
FAULTS = {
    "missing": "/All/py311-matrix-synapse-1.163.2.pkg: Not Found",
    "short": "py311-matrix-synapse-1.163.2: missing or size mismatch, cannot continue",
    "damaged": "py311-matrix-synapse-1.163.2 failed checksum from repository",
    "needs ghost": "py311-matrix-synapse has a missing dependency: ghost",
}


def version(site):
    return site.client().call("GET", "/_matrix/federation/v1/version").json()["server"]["version"]


def snapshots(site):
    return set(site.inside("zfs", "list", "-H", "-o", "name", "-t", "snapshot").stdout.split())


def test_an_upgrade_has_a_way_back(site, life):
    assert version(site) == "1.135.0"
    before = snapshots(site)
    assert site.succeed("--check", playbook="upgrade", matrix_pkg_repository_url=LATEST).changed > 0
    assert version(site) == "1.135.0" and snapshots(site) == before
    # Well upgraded, but for a certificate that does not last as long as is asked here.
    outcome = site.play(playbook="upgrade", matrix_pkg_repository_url=LATEST, matrix_certificate_warning_days=9999)
    assert outcome.code != 0 and version(site) == "1.163.2", str(outcome)
    assert {name.partition("@")[0] for name in snapshots(site) - before} == {
        "zroot/matrixdata",
        "zroot/pot/jails/" + site.machine,
        f"zroot/pot/jails/{site.machine}/m",
    }
    back = re.search(r"potluck\.matrix\.rollback --limit \S+ -e matrix_snapshot=(upgrade-\w+)", str(outcome))
    assert back, str(outcome)[-3000:]
    assert back.group(1) in site.succeed(playbook="rollback", changed=0).words
    site.succeed("-e", "matrix_snapshot=" + back.group(1), playbook="rollback")
    assert version(site) == "1.135.0"
    life.goes_on()


@pytest.mark.parametrize("fault", FAULTS)
def test_an_upgrade_from_half_a_repository(site, life, fault):
    """It fails with what to do, and the homeserver runs on."""
    process, before, taken = site.pid("matrix-synapse/homeserver.pid"), version(site), snapshots(site)
    with site.half_a_repository("py311-matrix-synapse", fault):
        outcome = site.play(playbook="upgrade", matrix_pkg_repository_url=LATEST)
        assert outcome.code != 0 and outcome.output.count("fatal:") == 1, outcome
        assert FAULTS[fault] in outcome.words and "run again when the repository is whole" in outcome.words, outcome
        assert version(site) == before and site.pid("matrix-synapse/homeserver.pid") == process
        assert snapshots(site) == taken
        life.goes_on()


def test_an_upgrade_in_place(site, life):
    assert version(site) == "1.135.0"
    site.succeed(playbook="upgrade", matrix_pkg_repository_url=LATEST)
    assert version(site) == "1.163.2"
    life.goes_on()
    taken = snapshots(site)
    site.succeed(playbook="upgrade", matrix_pkg_repository_url=LATEST, changed=0)
    site.succeed(matrix_pkg_repository_url=LATEST, changed=0)
    assert snapshots(site) == taken


def test_a_pot_with_newer_packages_goes_on(site, life):
    site.inside("pot", "destroy", "-F", "-p", site.machine)
    site.succeed(matrix_pkg_repository_url=LATEST)
    assert version(site) == "1.163.2"
    life.goes_on()
    assert {
        name: problem for name, problem in site.client().check_all("admin", site.remembered("admin")) if problem
    } == {}
    site.succeed(matrix_pkg_repository_url=LATEST, changed=0)
