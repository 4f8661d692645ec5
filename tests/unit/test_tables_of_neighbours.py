# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables that tests/system/neighbours goes by are complete and name what there is; said in a second, without its
deployment.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from ansible_collections.potluck.matrix.plugins.plugin_utils import _preflight

TOP = Path(__file__).resolve().parents[2]
NEIGHBOURS = TOP / "tests/system/neighbours"


def parsed(name):
    return ast.parse((NEIGHBOURS / name).read_text(encoding="utf-8")).body


def table(file, name):
    """The expression that a module assigns to a name; importing it would import the deployment."""
    (found,) = [
        node.value
        for node in parsed(file)
        if isinstance(node, ast.Assign) and [target.id for target in node.targets] == [name]
    ]
    return found


def variables():
    """All variables of a server: those that preflight knows something of, and those that are a role's option under
    another name.
    """
    given = {
        name
        for path in TOP.glob("roles/*/defaults/main.yml")
        for name in re.findall(r"(?<!\w)matrix_[a-z0-9_]+", path.read_text(encoding="utf-8"))
    }
    return set(_preflight.VARIABLES) | given


def test_every_variable_is_walked_or_exempt_for_a_reason():
    names = [key.value for key in table("parameters.py", "PARAMETERS").keys]
    exempt = ast.literal_eval(table("parameters.py", "EXEMPT"))
    assert sorted([*names, *exempt]) == sorted(variables())
    for reason in exempt.values():
        assert [path for path in re.findall(r"tests/\S+\.py", reason) if not (TOP / path).is_file()] == []


def test_every_test_that_shows_a_defect_absent_exists():
    named = {
        name for names in ast.literal_eval(table("test_potluck_defects.py", "ELSEWHERE")).values() for name in names
    }
    modules = {name.partition(".")[0] for name in named}
    found = {
        f"{module}.{node.name}"
        for module in modules
        for node in parsed(module + ".py")
        if isinstance(node, ast.FunctionDef)
    }
    assert named - found == set()
