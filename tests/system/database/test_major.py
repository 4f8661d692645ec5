# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A repository that has moved to another major version of PostgreSQL: a real 15, and a real 18. In their order."""

from __future__ import annotations

import os
import signal
import time

import pytest
from kills import kill, wait_for_task

from .conftest import HOME, Conversation, patiently

LATEST = {"matrix_pkg_repository_url": "http://pkg.example.test/FreeBSD:13:amd64/latest"}
MANIFEST = HOME + "/upgrade/manifest.json"


@pytest.fixture(scope="module")
def conversation(again):
    """What is said before, between and after all of it."""
    found = Conversation(again)
    found.say("in 15")
    return found


def major(deployment):
    return deployment.query("SHOW server_version").partition(".")[0]


def there(deployment):
    """What is beside the cluster; nothing of a pot that is at rest."""
    return set(deployment.inside("ls", HOME, pot=deployment.machine, check=False).stdout.split())


def installed(deployment):
    found = deployment.inside("pkg", "query", "-g", "%n", "postgresql*", pot=deployment.machine, check=False)
    return set(found.stdout.split())


def waits(deployment):
    return deployment.inside("test", "-e", MANIFEST, pot=deployment.machine, check=False).returncode == 0


def upgrade_until(deployment, reached):
    """Kill an upgrade as soon as something is true."""
    process, path = deployment.begin(playbook="upgrade", **LATEST)
    try:
        deadline = time.monotonic() + 300
        while not reached(deployment):
            assert time.monotonic() < deadline and process.poll() is None, path.read_text(encoding="utf-8")
            time.sleep(0.1)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    deployment.disconnect()


def test_site_stays_and_a_version_that_is_given_holds_an_upgrade_back(again, conversation):
    before = again.postmaster()
    done = again.play("--tags", "pot_jail,postgresql", **LATEST)
    assert done.code == 0 and (again.postmaster(), major(again)) == (before, "15"), done
    done = again.play(playbook="upgrade", matrix_postgresql_version="15", **LATEST)
    assert (
        done.code != 0
        and "matrix_postgresql_version: it says 15" in done.words
        and "linked to PostgreSQL 18" in (done.words)
    ), done
    assert again.postmaster() == before


@pytest.mark.thorough
def test_an_upgrade_that_fails_goes_back(again, conversation):
    with again.half_a_repository("postgresql18-server", "missing"):
        done = again.play(playbook="upgrade", **LATEST)
    assert done.code != 0 and "postgresql18-server" in done.words, done
    again.wait()
    assert major(again) == "15" and installed(again) == {"postgresql15-server", "postgresql15-client"}
    assert not waits(again)
    conversation.all_there()
    patiently(conversation.say, "in 15 again")


@pytest.mark.thorough
def test_killed_before_the_packages_are_replaced(again, conversation):
    process, log = again.begin(playbook="upgrade", **LATEST)
    # Not by a look into the pot, which a busy machine gives when it is too late.
    assert wait_for_task(log, 0, process, name=" : Bring the data out of the cluster]"), log.read_text(encoding="utf-8")
    while "changed: " not in log.read_text(encoding="utf-8").rpartition(" : Bring the data out of the cluster]")[2]:
        assert process.poll() is None, log.read_text(encoding="utf-8")
        time.sleep(0.01)
    kill(process)
    again.disconnect()
    assert waits(again)
    assert installed(again) == {"postgresql15-server", "postgresql15-client"}
    done = again.roles("postgresql", "synapse", **LATEST)
    assert done.code == 0 and major(again) == "15" and there(again) == {"data15"}, done
    conversation.all_there()
    patiently(conversation.say, "still in 15")


@pytest.mark.thorough
def test_killed_while_the_new_cluster_is_filled(again, conversation):
    def filled(deployment):
        return "data18" in there(deployment)

    upgrade_until(again, filled)
    assert "postgresql15-server" not in installed(again)
    # What the run that was killed has running in the pot may come to its end; then this one has nothing left to do.
    again.succeed(**LATEST)
    assert major(again) == "18" and there(again) == {"data15", "data18"}
    conversation.all_there()
    patiently(conversation.say, "in 18")
    again.succeed(changed=0, **LATEST)
    again.succeed("--check", "--tags", "postgresql", changed=1, matrix_postgresql_keep=False, **LATEST)
    assert again.roles("postgresql", matrix_postgresql_keep=False, **LATEST).changed == 1
    assert there(again) == {"data18"}
    conversation.all_there()


@pytest.mark.thorough
def test_a_pot_that_is_made_anew_brings_the_data_over(once_more):
    conversation = Conversation(once_more)
    conversation.say("in 15")
    once_more.inside("pot", "destroy", "-F", "-p", once_more.machine)
    once_more.succeed(**LATEST)
    assert major(once_more) == "18" and there(once_more) == {"data15", "data18"}
    conversation.all_there()
    patiently(conversation.say, "in 18")
