# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The datasets that an upgrade takes snapshots of, and looks for snapshots of."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

VARIABLES = Path(__file__).resolve().parents[3] / "roles/upgrade/vars/main.yml"


@pytest.mark.parametrize(
    "pot, datasets",
    [
        ({"state": "started", "dataset": "zroot/pot/jails/matrix1"}, ["zroot/matrix", "zroot/pot/jails/matrix1"]),
        # Put aside by a run that was cut off before it had made the new one.
        ({"state": "absent"}, ["zroot/matrix"]),
    ],
)
def test_a_pot_that_is_not_there_has_none(pot, datasets):
    text = yaml.safe_load(VARIABLES.read_text(encoding="utf-8"))["__upgrade_datasets"]
    variables = {"matrix_dataset": "zroot/matrix", "__upgrade_found": {"pots": [{"name": "matrix1", **pot}]}}
    assert Templar(loader=DataLoader(), variables=variables).template(trust_as_template(text)) == datasets
