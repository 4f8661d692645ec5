# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugins are a house of floors: nothing imports what is above it or itself, and no room is too large to look
over.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
COLLECTION = "ansible_collections.potluck.matrix.plugins."
FILES = sorted(PLUGINS.rglob("*.py"))
# A package of module_utils imports from its own and from those on floors below it.
FLOORS = (("_freebsd",), ("_matrix", "_certificate"), ("_database", "_pot", "_probe", "_synapse"), ("_postgresql",))
FLOOR = {package: number for number, packages in enumerate(FLOORS) for package in packages}

LONGEST_FILE, LONGEST_CLASS = 350, 250
# Half of it is the documentation.
LONGEST_DOCUMENTED = 430


def name_of(path: Path) -> str:
    """The dotted name of a file below plugins, that of a package for its __init__.py."""
    parts = path.relative_to(PLUGINS).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in FILES}


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements but those that only a type checker reads."""
    for statement in body:
        if isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"):
            continue
        yield statement
        for field in ("body", "orelse", "finalbody"):
            yield from statements(getattr(statement, field, []))
        for handler in getattr(statement, "handlers", []):
            yield from statements(handler.body)


def imported(path: Path) -> set[str]:
    """Absolute names of all that a file imports; with a dot in front where it says so relative to itself."""
    found = set()
    for statement in statements(tree(path).body):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom):
            source = "." * statement.level + (statement.module or "")
            found |= {f"{source}.{alias.name}" for alias in statement.names}
    return found


def ours(path: Path) -> set[str]:
    """The files of the collection that a file imports, by their names."""
    names = {name.removeprefix(COLLECTION) for name in imported(path) if name.startswith(COLLECTION)}
    return {name if name in MODULES else name.rpartition(".")[0] for name in names} & set(MODULES)


def package(name: str) -> str:
    """The package of module_utils that a file is in."""
    return name.split(".")[1]


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith("module_utils.")])
def test_nothing_is_imported_from_above(name):
    above = {
        other
        for other in ours(MODULES[name])
        if not other.startswith("module_utils.")
        or (package(other) != package(name) and FLOOR[package(other)] >= FLOOR[package(name)])
    }
    assert not above


def test_every_package_has_a_floor():
    assert {name.split(".")[1] for name in MODULES if name.startswith("module_utils.")} == set(FLOOR)
    assert not [path for path in (PLUGINS / "module_utils").glob("*.py") if path.stem != "__init__"]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_nothing_runs_in_circles(name):
    seen, todo = set(), list(ours(MODULES[name]))
    while todo:
        other = todo.pop()
        assert other != name
        if other not in seen:
            seen.add(other)
            todo += ours(MODULES[other])


@pytest.mark.parametrize("name", sorted(MODULES))
def test_imports_are_absolute(name):
    """Ansible ships with a module what it finds that way."""
    assert not [each for each in imported(MODULES[name]) if each.startswith(".")]


@pytest.mark.parametrize("name", [name for name in MODULES if name.startswith(("module_utils.", "modules."))])
def test_what_runs_on_a_host_needs_nothing_of_the_controller(name):
    foreign = {each for each in imported(MODULES[name]) if each.split(".")[0] == "ansible"}
    assert not [each for each in foreign if not each.startswith("ansible.module_utils.")]
    assert not [each for each in ours(MODULES[name]) if not each.startswith("module_utils.")]


@pytest.mark.parametrize("directory", sorted({path.parent for path in FILES}), ids=lambda path: path.name)
def test_packages_are_packages(directory):
    """Ansible finds nothing in a directory below module_utils or plugin_utils without it."""
    inside = directory.relative_to(PLUGINS).parts
    assert len(inside) < 2 or (directory / "__init__.py").is_file()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PLUGINS)))
def test_no_file_and_no_class_is_too_long(path):
    documented = any(
        isinstance(statement, ast.Assign) and getattr(statement.targets[0], "id", None) == "DOCUMENTATION"
        for statement in tree(path).body
    )
    longest = LONGEST_DOCUMENTED if documented else LONGEST_FILE
    assert len(path.read_text(encoding="utf-8").splitlines()) <= longest
    classes = [node for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]
    assert not [node.name for node in classes if (node.end_lineno or 0) - node.lineno + 1 > LONGEST_CLASS]
