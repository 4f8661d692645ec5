# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's argument_specs document exactly what its defaults hold."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

ROLES = sorted(path for path in (Path(__file__).parents[3] / "roles").iterdir() if path.is_dir())


def options_of(role):
    return yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]["main"].get("options", {})


def defaults_of(role):
    path = role / "defaults/main.yml"
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_default_is_documented_with_its_value(role):
    documented = {name: option["default"] for name, option in options_of(role).items() if "default" in option}
    assert documented == defaults_of(role)


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_an_option_without_default_is_required(role):
    undecided = [name for name, option in options_of(role).items() if "default" not in option and not option.get("required")]
    assert undecided == []


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_option_carries_the_role_name_and_a_description(role):
    for name, option in options_of(role).items():
        assert name.startswith(role.name + "_")
        assert option.get("description")
