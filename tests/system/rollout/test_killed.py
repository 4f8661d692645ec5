# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A run that is killed, at any moment, is completed by the next one. With KILLS=10 at ten moments instead of three."""

from __future__ import annotations

import os

import pytest

ALL_PARTS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]
PARTS = ALL_PARTS if int(os.environ.get("KILLS") or 0) >= len(ALL_PARTS) else [0.7]


@pytest.fixture(scope="module")
def tasks(lab):
    """Start a host and count the tasks of a run that finds the packages there and nothing else."""
    lab.start("k")
    lab.serve("only", "k")
    assert lab.play().code == 0
    raze(lab)
    result = lab.play()
    assert result.code == 0
    return result.output.count("\nTASK [")


def raze(lab):
    """Back to a host that has Python and the package pot only."""
    lab.run(
        "k",
        "pot destroy -Fp only; zfs destroy -r zroot/only; zfs destroy -r zroot/pot; rm -rf /opt/pot; "
        "rm /usr/local/etc/pot/pot.conf; sysrc -x pot_enable",
        check=False,
    )


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.thorough
def test_the_next_run_completes(lab, tasks, part):
    raze(lab)
    assert lab.killed_play(round(tasks * part))
    result = lab.play()
    assert result.code == 0, result
    assert lab.run("k", "jls name").split() == ["only"]
    assert lab.run("k", "cat /mnt/only/written-in-the-pot").strip() == "only"
    assert lab.run("k", "cat /opt/pot/jails/only/conf/fscomp.conf").split() == ["/mnt/only", "/mnt"]
    again = lab.play()
    assert again.code == 0 and again.changed == 0, again
