# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that is killed, at any moment, is completed by the next one. KILLS says how many moments (1; "KILLS=10
tests/run kills" for all).
"""

from __future__ import annotations

import os
import re
import signal
import time

import pytest
from kills import kill, wait_for_task

KILLS = int(os.environ.get("KILLS") or 1)
# Where a rebuilt pot differs from the one before by nature: package database, database and log positions of services,
# keys of a sshd that does not run.
NEVER_THE_SAME = re.compile(
    r"/matrix_homeserver\.db|/var/db/|/etc/ssh/ssh_host_|/spwd\.db$|/pwd\.db$|^meta/|^ufs/opt/pot/cache|__pycache__|/\.rnd$"
)


def state(site):
    """What has to be the same after every run: content, mode and owner of all files."""
    found = {path: entry[:4] for path, entry in site.look().items() if not NEVER_THE_SAME.search(path)}
    assert any(path.endswith("/homeserver.d/homeserver.yaml") for path in found) and any(
        path.endswith("/signing.key") for path in found
    )
    return found


def destroy(site):
    site.inside("pot", "destroy", "-F", "-p", site.machine)


@pytest.fixture(scope="module")
def undisturbed(site, life):
    """(when each task of a run began that makes the pot anew, in seconds; the state after it)."""
    with site.way_back():
        destroy(site)
        began = time.monotonic()
        process, path = site.begin()
        moments = []
        while process.poll() is None:
            count = path.read_text(encoding="utf-8").count("\nTASK [")
            moments += [time.monotonic() - began] * (count - len(moments))
            time.sleep(0.02)
        assert process.returncode == 0, path.read_text(encoding="utf-8")
        site.succeed(changed=0)
        return moments, state(site)


@pytest.mark.parametrize("number", range(KILLS))
def test_the_next_run_completes(site, life, undisturbed, number):
    moments, wanted = undisturbed
    with site.way_back():
        kill_a_run(site, moments, number)
        site.succeed()
        life.goes_on()
        site.succeed(changed=0)
        assert site.differences(wanted, state(site)) == {}


def kill_a_run(site, moments, number):
    """Begin to make the pot anew and kill that, at the moment of that number."""
    destroy(site)
    # Told by the task and the time since it began, and over when the next one begins: this run may be much faster than
    # the undisturbed one was.
    moment = moments[-1] * (number + 0.5) / KILLS
    task = max(index for index, began in enumerate(moments[:-1]) if began <= moment)
    process, path = site.begin()
    assert wait_for_task(path, task, process), path.read_text(encoding="utf-8")
    wait_for_task(path, task + 1, process, moment - moments[task])
    # Every other time the workers and the ssh connections live on.
    assert kill(process, hard=bool(number % 2)) == -signal.SIGKILL, path.read_text(encoding="utf-8")
    killed = path.read_text(encoding="utf-8").rpartition("\nTASK [")[2].partition("]")[0]
    print(f"\nkilled after {moment:.1f} of {moments[-1]:.1f} s in: {killed}")
    if number % 2:
        site.disconnect()
