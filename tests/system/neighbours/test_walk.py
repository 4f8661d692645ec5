# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Walks over all parameters: a dry run for each, with another value.

To save time those that concern different things share a run, and runs for a few are for the thorough suite; with
POTLUCK_WALK=alone ("tests/run walk") each has its own.
"""

from __future__ import annotations

import os

import pytest
from thorough import THOROUGH

from .parameters import PARAMETERS, companies, would_change_all

ALONE = os.environ.get("POTLUCK_WALK") == "alone"
GROUPS = [names for names in companies(ALONE) if ALONE or THOROUGH or len(names) > 3]


@pytest.fixture(scope="module")
def changes(site):
    # What an earlier test left would be counted for every parameter.
    done = site.ansible("site")
    assert done.code == 0, done.output[-4000:]
    return would_change_all(site, GROUPS)


@pytest.mark.parametrize("name", [name for name in PARAMETERS if any(name in names for names in GROUPS)])
def test_one_parameter_concerns_its_files_and_services_only(changes, name):
    wanted, (files, services, (code, lines, shown)) = changes[name]
    assert code == 0, shown
    assert (files, services) == wanted, lines
