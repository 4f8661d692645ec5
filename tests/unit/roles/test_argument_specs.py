# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role's argument_specs document exactly what its defaults hold."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleUndefinedVariable
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLES = sorted(path for path in (Path(__file__).parents[3] / "roles").iterdir() if path.is_dir())


VOCABULARY = next(role for role in ROLES if role.name == "homeserver")


def options_of(role):
    documented = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
    return {name: option for entry in documented.values() for name, option in entry.get("options", {}).items()}


def first_options_of(role):
    documented = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
    return next(iter(documented.values())).get("options", {})


def defaults_of(role):
    path = role / "defaults/main.yml"
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


def without_inventory(template, defaults):
    """What a default comes to when the inventory sets nothing; None when it cannot be known without one."""
    known = {**defaults_of(VOCABULARY), **defaults}
    variables = {**{name: _trusted(value) for name, value in known.items()}, "inventory_hostname": "matrix1"}
    try:
        return Templar(loader=DataLoader(), variables=variables).template(_trusted(template))
    except AnsibleUndefinedVariable:
        return None


def _trusted(value):
    return trust_as_template(value) if isinstance(value, str) else value


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_default_is_documented_with_its_value(role):
    """A text may be documented as the template it is, or in words; what has another type with what it comes to."""
    defaults = defaults_of(role)
    for name, option in options_of(role).items():
        if name not in defaults:
            # Those of other entry points are given by whoever calls them.
            assert option.get("required") or name not in first_options_of(role), name
            continue
        actual, documented = defaults[name], option.get("default")
        if documented == actual or option.get("required"):
            continue
        assert isinstance(actual, str) and "{{" in actual, name
        if documented is None:
            assert "default" in str(option["description"]), name
        elif option["type"] != "str":
            assert without_inventory(actual, defaults) == documented, name


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_default_is_an_option(role):
    assert set(defaults_of(role)) <= set(options_of(role))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_every_option_carries_the_role_name_and_a_description(role):
    for name, option in options_of(role).items():
        # The vocabulary's own words are those of the inventory.
        assert name.startswith("matrix_" if role.name == "homeserver" else role.name + "_")
        assert option.get("description")
