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

ROLES = pathlib.Path(__file__).resolve().parents[2] / "roles"
_VOCABULARY = "homeserver"
_COLLECTION = "potluck.matrix."
# What a plate can state, each a list.
_KEYS = (
    "ports",
    "services",
    "logs",
    "data",
    "datasets",
    "attributes",
    "rc_services",
    "checks_host",
    "checks_inside",
    "checks_outside",
)
# In every element of a list, whether it is stated at all.
_CONDITION = "when"


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
        listed = [
            str(each["role"] if isinstance(each, dict) else each).replace(_COLLECTION, "")
            for each in self._load(self._roles / "parts/meta/main.yml")["dependencies"]
        ]
        found = sorted(path.parents[1].name for path in self._roles.glob("*/meta/part.yml"))
        return sorted(set(found) - set(listed), reverse=True) + [name for name in listed if name in found]

    def plate(self, name: str, variables: t.Mapping, keys: t.Collection[str] = _KEYS) -> dict[str, t.Any]:
        """What a part states under some keys for a server; BadPlate when it states what no part does, or what
        templating raises.

        A part that is off states nothing but that.
        """
        stated = self._read(name, "meta/part.yml")
        unknown = set(stated) - {"enabled", *_KEYS}
        if unknown:
            raise BadPlate(f"meta/part.yml of role {name} has {sorted(unknown)[0]}, which is no statement of a part.")
        template = self._templater(
            {
                **self._read(_VOCABULARY, "defaults/main.yml"),
                **self._read(name, "defaults/main.yml"),
                **variables,
                **self._read(name, "vars/main.yml"),
            }
        )
        enabled = boolean(template(stated.get("enabled", True)))
        found = {key: _stated(stated.get(key, []), template) if enabled else [] for key in keys}
        return {"name": name, "enabled": enabled, **found}

    def _read(self, role: str, path: str) -> dict:
        file = self._roles / role / path
        return (self._load(file) or {}) if file.is_file() else {}


def _stated(wanted, template: t.Callable[[t.Any], t.Any]) -> list:
    """The elements whose condition holds, worked out; what is not stated is not worked out either."""
    found = []
    for element in wanted:
        if isinstance(element, dict) and _CONDITION in element:
            if not boolean(template(element[_CONDITION])):
                continue
            element = {key: value for key, value in element.items() if key != _CONDITION}
        found.append(template(element))
    return found


def ordered_checks(plates: t.Iterable[dict], where: str) -> list[dict]:
    """The checks of several plates, each after those that it requires; otherwise in the order of the parts."""
    waiting = [check for plate in plates for check in plate["checks_" + where]]
    names = {check["name"] for check in waiting}
    done: list[dict] = []
    while waiting:
        # What is required and stands nowhere is somebody else's to know.
        open_ = names - {check["name"] for check in done}
        ready = next((check for check in waiting if not open_ & set(check.get("requires") or ())), waiting[0])
        waiting.remove(ready)
        done.append(ready)
    return done
