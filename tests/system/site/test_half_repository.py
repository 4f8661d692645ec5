# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A first run from a package repository that serves only half of what it lists, as mirrors do while they are filled: it
fails with what to do, and the next plain run, from a whole repository, reaches the wanted state.
"""

from __future__ import annotations

import pytest
from thorough import some

# In the order in which a run comes to them: the pot's Python is there before there are modules in it.
FAULTS = [("python311", "short"), ("py311-matrix-synapse", "missing"), ("nginx", "needs ghost")]


@pytest.mark.thorough
def test_a_first_run(site, life):
    site.inside("pot", "destroy", "-F", "-p", site.machine)
    for package, fault in some(FAULTS, FAULTS[1]):
        with site.half_a_repository(package, fault):
            outcome = site.play()
            assert outcome.code != 0 and package in outcome.words and "run again" in outcome.words, outcome
    site.succeed()
    life.goes_on()
    site.succeed(changed=0)
