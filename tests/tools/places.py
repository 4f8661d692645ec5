# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints for every variable of a homeserver the places of the product that read it, those with the most first.

A place is a role, a file of plugins/, or the playbooks as a whole. Reading is an expression of Jinja in which the
variable occurs, or a string of Python that is its name; a sentence that tells an administrator which variable to look
at reads nothing.
"""

from __future__ import annotations

import ast
import pathlib
import typing as t

import jinja2
import jinja2.meta
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Keywords of a task whose value is an expression without braces.
EXPRESSIONS = {"when", "that", "failed_when", "changed_when", "until", "var"}


class Anything(dict[str, t.Any]):
    """Every filter and test that a template may name: it is read here, and never run."""

    def __contains__(self, name):
        return True

    def __missing__(self, name):
        return lambda *arguments, **options: None

    def get(self, name, default=None):
        return self[name]


ENVIRONMENT = jinja2.Environment(extensions=["jinja2.ext.do", "jinja2.ext.loopcontrols"])
ENVIRONMENT.filters = Anything()
ENVIRONMENT.tests = Anything()


class Loader(yaml.SafeLoader):
    """Takes tags such as !unsafe for the text behind them."""


Loader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node))


def in_template(text: str) -> set[str]:
    """Names that a template takes from outside."""
    return jinja2.meta.find_undeclared_variables(ENVIRONMENT.parse(text))


def in_document(node, keyword="") -> set[str]:
    """Names that the templates of a YAML document take from outside, and those that it gives a value."""
    if isinstance(node, dict):
        return {str(key) for key in node}.union(*(in_document(value, key) for key, value in node.items()))
    if isinstance(node, list):
        return set().union(*(in_document(each, keyword) for each in node))
    if not isinstance(node, str):
        return set()
    return in_template(f"{{{{ {node} }}}}" if keyword in EXPRESSIONS and "{{" not in node else node)


def names_read(path: pathlib.Path) -> set[str]:
    """Every name that a file of the product reads, of whatever kind."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return {
            node.value
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    if path.suffix == ".yml":
        return set().union(*(in_document(each) for each in yaml.load_all(text, Loader)))
    return in_template(text)


def product():
    """The files that can read a variable. An argument_specs.yml says what there is, and reads nothing."""
    for top in ("roles", "plugins", "playbooks"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in (".py", ".yml", ".j2") and path.name != "argument_specs.yml":
                yield path


def places() -> dict[str, list[str]]:
    """The places of every variable of a homeserver."""
    specs = yaml.safe_load((ROOT / "roles/homeserver/meta/argument_specs.yml").read_text(encoding="utf-8"))
    found: dict[str, set[str]] = {
        name: set() for entry in specs["argument_specs"].values() for name in entry["options"]
    }
    for path in product():
        parts = path.relative_to(ROOT).parts
        place = {"roles": "/".join(parts[:2]), "playbooks": "playbooks"}.get(parts[0], "/".join(parts))
        for name in names_read(path) & found.keys():
            found[name].add(place)
    return {name: sorted(each) for name, each in found.items()}


if __name__ == "__main__":
    for variable, its_places in sorted(places().items(), key=lambda each: -len(each[1])):
        print(variable, len(its_places), *its_places)
