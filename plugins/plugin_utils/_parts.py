# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plates of the parts: what each role states about itself in its meta/part.yml.

A plate is plain data, made of the role's options: read on the controller, without a task and without a remote
operation.
"""

from __future__ import annotations

import pathlib
import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

# Not resolved: what Ansible has read of a role it remembers by the path under which it knows the collection.
ROLES = pathlib.Path(__file__).parents[2] / "roles"
_VOCABULARY = "homeserver"
# What a plate can state, each a list.
_KEYS = (
    "ports",
    "services",
    "logs",
    "data",
    "datasets",
    "attributes",
    "packages",
    "rc_services",
    "certificate_copies",
    "before_upgrade",
    "farewells",
    "checks_host",
    "checks_inside",
    "checks_outside",
)
# What a part states that is off: checks that pass where an earlier run has left something of it.
_REMAINS = "remains"
# What is listed without the part it belongs to would say nothing.
_OWNED = ("packages", _REMAINS)
# In every element of a list, whether it is stated at all; an element that is a text then has the text under the other.
_CONDITION, _TEXT = "when", "each"


class BadPlate(Exception):
    """One sentence about a plate that is not what a plate has to be."""


class Reader:
    """Reads plates.

    load: makes a structure with templates of a YAML file; templater: makes, of variables, what works a structure out.
    """

    def __init__(
        self, load: t.Callable[[pathlib.Path], t.Any], templater: t.Callable[[dict], t.Callable[[t.Any], t.Any]]
    ):
        self._load = load
        self._templater = templater
        self._roles = ROLES

    def names(self) -> list[str]:
        """All parts: those of the host, then those of the pot in the order in which role parts lists them."""
        listed = [str(name) for name in self._load(self._roles / "parts/vars/main.yml")["__parts_list"]]
        found = sorted(path.parents[1].name for path in self._roles.glob("*/meta/part.yml"))
        return sorted(set(found) - set(listed), reverse=True) + [name for name in listed if name in found]

    def plate(self, name: str, variables: t.Mapping, keys: t.Collection[str] = _KEYS) -> dict[str, t.Any]:
        """What a part states under some keys for a server; BadPlate when it states what no part does, or what
        templating raises.

        A part that is off states nothing but that, and what it may have left. Whether one that states nothing under
        the keys is on is not worked out, since that is dear; without keys it is all there is to know.
        """
        stated = self._read(name, "meta/part.yml")
        unknown = set(stated) - {"enabled", _REMAINS, *_KEYS}
        if unknown:
            raise BadPlate(f"meta/part.yml of role {name} has {sorted(unknown)[0]}, which is no statement of a part.")
        if keys and not any(stated.get(key) for key in keys):
            return {"name": name, **{key: [] for key in keys}}
        template = self._templater(
            {
                **self._read(_VOCABULARY, "defaults/main.yml"),
                **self._read(name, "defaults/main.yml"),
                **variables,
                **self._read(name, "vars/main.yml"),
            }
        )
        enabled = boolean(template(stated.get("enabled", True)))
        wanted = {key: stated.get(key, []) if enabled is not (key == _REMAINS) else [] for key in keys}
        return {"name": name, "enabled": enabled, **_worked_out(wanted, template)}

    def _read(self, role: str, path: str) -> dict:
        file = self._roles / role / path
        return (self._load(file) or {}) if file.is_file() else {}


def _worked_out(wanted: dict[str, list], template: t.Callable[[t.Any], t.Any]) -> dict[str, list]:
    """The elements whose condition holds; what is not stated is not worked out either.

    All of them at once: to begin with a template costs more than the template.
    """
    conditional = [each for elements in wanted.values() for each in elements if _has_condition(each)]
    holds = iter(template([each[_CONDITION] for each in conditional]) if conditional else [])
    stated = {
        key: [_without_condition(each) for each in elements if not _has_condition(each) or boolean(next(holds))]
        for key, elements in wanted.items()
    }
    return template(stated) if any(stated.values()) else stated


def _has_condition(element) -> bool:
    return isinstance(element, dict) and _CONDITION in element


def _without_condition(element):
    if not _has_condition(element):
        return element
    if set(element) == {_CONDITION, _TEXT}:
        return element[_TEXT]
    return {key: value for key, value in element.items() if key != _CONDITION}


def listed(plates: t.Iterable[dict], key: str) -> list:
    """What several plates state under a key; packages with their C(part), and what is left of a part by its name."""
    if key not in _OWNED:
        return [each for plate in plates for each in plate[key]]
    owner = "name" if key == _REMAINS else "part"
    return [{**each, owner: plate["name"]} for plate in plates for each in plate[key]]


def ordered_checks(plates: t.Iterable[dict], where: str) -> list[dict]:
    """The checks of several plates, each with the tag of its part, which is the part's name, and after those that it
    requires; otherwise in the order of the parts.
    """
    waiting = [{**check, "tag": plate["name"]} for plate in plates for check in plate["checks_" + where]]
    names = {check["name"] for check in waiting}
    done: list[dict] = []
    while waiting:
        # What is required and stands nowhere is somebody else's to know.
        open_ = names - {check["name"] for check in done}
        ready = next((check for check in waiting if not open_ & set(check.get("requires") or ())), waiting[0])
        waiting.remove(ready)
        done.append(ready)
    return done
