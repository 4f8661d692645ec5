# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver on FreeBSD 13.2, and its way to 15.0: the host first, the pot after it. The tests build on each
other.
"""

from __future__ import annotations

import os
import signal
import time

import pytest
from deployment import DOUBLE, output

from .conftest import Life, Site

# What the mirrors of FreeBSD have for 15.0: the version that it leads to, and the files that change.
PATCH = "15.0-RELEASE-p1\n/bin/freebsd-version\n"
LATEST = "http://pkg.example.test/${ABI}/latest"


@pytest.fixture(scope="module")
def older(tmp_path_factory):
    site = Site(
        tmp_path_factory.mktemp("older"),
        "older1",
        "10.199.0.83",
        "10.199.0.13",
        "older.test",
        "10.199.0.183",
        release="13.2",
    )
    site.stop()
    try:
        site.start()
        site.deploy()
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="module")
def its_life(older):
    return Life(older)


def releases(site):
    """Of the host and of the pot's base system."""
    return [site.inside("freebsd-version", "-u", pot=pot).stdout.partition("-")[0] for pot in (None, site.machine)]


def test_a_second_run_changes_nothing(older, its_life):
    assert releases(older) == ["13.2", "13.2"]
    older.succeed(changed=0)
    older.succeed(playbook="verify")


def test_an_upgrade_of_the_packages(older, its_life):
    older.usual["matrix_pkg_repository_url"] = LATEST
    older.succeed(playbook="upgrade")
    assert older.client().call("GET", "/_matrix/federation/v1/version").json()["server"]["version"] == "1.163.2"
    its_life.goes_on()


def test_the_host_moves_under_its_pot(older, its_life):
    output(DOUBLE, "upgrade", older.machine, "--release", "15.0")
    older.wait()
    assert releases(older) == ["15.0", "13.2"]
    older.succeed(playbook="verify")
    outcome = older.succeed(changed=0)
    assert "FreeBSD 13.2, which the pot older1 has, is unsupported since" in outcome.words, outcome
    its_life.goes_on()


def pots(site):
    """Names of all pots, running or not."""
    return site.inside("ls", "/opt/pot/jails").stdout.split()


def test_a_dry_run_of_a_move_tells_of_it(older, its_life):
    with older.untouched():
        outcome = older.succeed("--check", playbook="patch", matrix_pot_release="15.0")
    assert outcome.changed > 0
    assert f"The pot {older.machine} would be made anew with FreeBSD 15.0, in place of 13.2." in outcome.words, outcome


@pytest.mark.thorough
def test_a_pot_that_cannot_follow_runs_on(older, its_life):
    outcome = older.play(playbook="patch", matrix_pot_release="15.0", matrix_certificate_warning_days=9999)
    assert outcome.code != 0 and "The former pot runs again, with FreeBSD 13.2." in outcome.words, outcome
    assert releases(older) == ["15.0", "13.2"] and pots(older) == [older.machine]
    its_life.goes_on()


def test_the_pot_follows(older, its_life):
    older.inside(
        "/bin/sh", "-c", "mkdir -p /.double/run/patches && cat >/.double/run/patches/15.0-RELEASE", input=PATCH
    )
    older.usual["matrix_pot_release"] = "15.0"
    process, path = older.begin(playbook="patch")
    while "TASK [potluck.matrix.node_exporter" not in path.read_text(encoding="utf-8") and process.poll() is None:
        time.sleep(0.1)
    assert process.poll() is None, path.read_text(encoding="utf-8")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert pots(older) == [older.machine, older.machine + "-former"]
    # After the move come the patches of the new release.
    older.succeed(playbook="patch")
    assert older.inside("freebsd-version", "-u", pot=older.machine).stdout == "15.0-RELEASE-p1\n"
    assert pots(older) == [older.machine]
    its_life.goes_on()
    older.succeed(playbook="patch", changed=0)
    older.succeed(changed=0)
