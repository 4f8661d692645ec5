# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that moves from FreeBSD 13.2 to 15.0 under its pot, and the pot after it. The tests build on each other."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", autouse=True)
def machine(lab):
    lab.start("old", options=("--release", "13.2"))
    lab.serve("one", "old")
    result = lab.play()
    assert result.code == 0, result


def base(lab):
    return lab.run("old", "sed -n s/^pot.base=//p /opt/pot/jails/one/conf/pot.conf").strip()


def said(result, sentence):
    return sentence in " ".join(result.output.split())


@pytest.mark.thorough
def test_the_machine_first(lab):
    assert base(lab) == "13.2"
    lab.power("upgrade", "old", "--release", "15.0")
    result = lab.play()
    assert (result.code, result.changed) == (0, 0), result
    assert said(result, "FreeBSD 13.2, which the pot one has, is unsupported since 2024-06-30"), result
    assert base(lab) == "13.2" and "one" in lab.run("old", "jls name").split()


@pytest.mark.thorough
def test_the_pot_after_it(lab):
    lab.run("old", "pot stop one; pot destroy -p one")
    result = lab.play()
    assert result.code == 0 and not said(result, "which the pot one has"), result
    assert base(lab) == "15.0"
    assert lab.run("old", "jexec -l one cat /mnt/written-in-the-pot").strip() == "one"
    result = lab.play()
    assert (result.code, result.changed) == (0, 0), result


@pytest.mark.thorough
def test_a_pot_that_is_newer_than_its_machine_is_refused(lab):
    result = lab.play("-e", "matrix_pot_release=15.9")
    assert result.code != 0
    assert said(
        result,
        "pot_jail_release (matrix_pot_release): a pot with FreeBSD 15.9 cannot run on this host, which has 15.0",
    ), result
