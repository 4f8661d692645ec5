# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of roles: every one that the inventory sets, directly or through a variable of ours, against the role's own
documentation.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import vocabulary
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.parts import OPTIONS, VARIABLES
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.report import is_secret, shown
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Unusable


@dataclasses.dataclass(frozen=True)
class Role:
    """One role of the collection.

    options: its argument spec; sources: for an option the variables its default is made of, directly or through theirs;
    values: for each server the options that the inventory decides, templated or Unusable;
    follows: for an option the one variable whose value it takes as it is.
    """

    name: str
    options: dict[str, dict]
    sources: dict[str, tuple[str, ...]]
    values: dict[str, dict[str, t.Any]] = dataclasses.field(default_factory=dict)
    follows: dict[str, str] = dataclasses.field(default_factory=dict)


def settable(entry_points: dict[str, dict], defaults: dict[str, t.Any]) -> dict[str, dict]:
    """The specs of the options that are anybody's to set, of a role's argument_specs. Those of other entry points have
    a default then, and without one are between roles.
    """
    return {
        name: spec
        for entry, described in entry_points.items()
        for name, spec in (described.get("options") or {}).items()
        if entry == "main" or name in defaults
    }


def check_spellings(server: Server, roles: list[Role]) -> None:
    """Refuse an option that stands for a variable: the other parts go by the variable, and would not hear of it.

    An option with a rule of its own may say something else, since what the others need to know of it stands on the
    part's plate.
    """
    for role in roles:
        for option, name in role.follows.items():
            if option in server.given and option not in OPTIONS:
                problem = f"is for the role {role.name} used by itself; in an inventory set {name}"
                server.report(option, problem, _spec_example(name, role.options[option]))


def check_usable(server: Server, names: set[str], roles: list[Role]) -> None:
    """Variables that only a role knows: what they hold is the role's business, that they hold something is not."""
    for name in ("ansible_host", "ansible_port"):
        value = server.given.get(name)
        if isinstance(value, Unusable):
            server.report(
                name, f"the value {value.reason}", "{}: {}".format(name, "192.0.2.1" if name == "ansible_host" else 22)
            )
    for name in sorted(names - set(VARIABLES)):
        value = server.given.get(name)
        if isinstance(value, Unusable):
            specs = [
                role.options[option] for role in roles for option, sources in role.sources.items() if name in sources
            ]
            server.report(name, f"the value {value.reason}", _spec_example(name, specs[0] if specs else {}))


def check_options(server: Server, roles: list[Role]) -> None:
    """Report options that are not of the type that their role documents, or hold what cannot stand where the role
    writes it.
    """
    for role in roles:
        for option, value in role.values.get(server.host, {}).items():
            direct = option in server.given
            if direct and option in role.follows and option not in OPTIONS:
                # Refused whatever it says.
                continue
            sources = [name for name in role.sources.get(option, ()) if name in server.given]
            if not direct and (not sources or server.bad & set(sources)):
                continue
            name = option if direct else sources[0]
            spec = role.options[option]
            if isinstance(value, Unusable):
                server.report(name, f"the value {value.reason}", _spec_example(name, spec))
                continue
            problem = _against_spec(spec, value, is_secret(name) or is_secret(option))
            if problem:
                subject = "the value" if value is None else shown(option if direct else name, value)
                server.report(name, f"{subject} {problem}", _spec_example(name, spec))
                continue
            known = OPTIONS.get(option)
            # A variable itself has been judged already.
            if known and (direct or name not in VARIABLES):
                server.judge(name, known, value)


def _against_spec(spec: dict, value, hidden: bool) -> str | None:
    """What is wrong with a value by the argument spec, as the end of a sentence; in general words where it may hold a
    secret.

    It is stricter than Ansible, which makes a list of a text, a text of a list and true of "t", while a role uses what
    the inventory holds.
    """
    if value is None:
        return "is missing after the colon"
    hidden = hidden or "no_log" in str(spec)
    if spec.get("choices") and not isinstance(value, (list, dict)):
        if any(str(value) == str(choice) and not isinstance(value, bool) for choice in spec["choices"]):
            return None
        return "is none of {}".format(", ".join(str(choice) for choice in spec["choices"] if choice != ""))
    try:
        _judge(spec, value)
    except ValueError as error:
        if spec.get("type") == "bool":
            return str(error)
        nested = spec.get("options") and not hidden and isinstance(value, (list, dict))
        return f"is not right: {error}" if nested else f"is not what it should be: {_type_words(spec)}"
    return None


def _judge(spec: dict, value) -> None:
    """ValueError unless the value is of the type and so are all parts of it that the spec describes."""
    kind = spec.get("type", "str")
    if kind in ("str", "path"):
        # Ansible would make a text of anything.
        if isinstance(value, (list, tuple, dict, bool)):
            raise ValueError(f"it is {names.kind(value)}")
    elif kind == "bool":
        values.boolean(value)
    elif kind == "int":
        values.whole_number(-(2**63), 2**63 - 1)(value)
    elif kind == "float":
        if (
            isinstance(value, bool)
            or not isinstance(value, (int, float))
            and not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", names.text(value))
        ):
            raise ValueError("it is no number")
    elif kind == "list":
        for number, item in enumerate(values.items(value), 1):
            try:
                _judge({"type": spec.get("elements", "raw"), "options": spec.get("options")}, item)
            except ValueError as error:
                raise ValueError(f"item {number}: {error}") from None
    elif kind == "dict":
        _judge_dictionary(spec.get("options"), value)


def _judge_dictionary(options: dict | None, value) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"it is {names.kind(value)}")
    if not options:
        return
    for key in value:
        if key not in options:
            raise ValueError("{} is not known; there are {}".format(key, ", ".join(sorted(options))))
    for key, spec in options.items():
        if value.get(key) is None:
            if spec.get("required") or key in value:
                raise ValueError(f"{key} is missing")
            continue
        problem = _against_spec(spec, value[key], True)
        if problem:
            raise ValueError(f"{key} {problem}")


def _type_words(spec: dict) -> str:
    words = {
        "str": "a text",
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "list": "a list",
        "dict": "a dictionary",
        "path": "a path",
    }
    found = words.get(spec.get("type", "str"), "a value of type {}".format(spec.get("type")))
    if spec.get("elements"):
        found += ", each item {}".format(words.get(spec["elements"], spec["elements"]))
    return found


def _spec_example(name: str, spec: dict) -> str:
    """A good value for an option: one of its choices, its default, or any of its type."""
    known = VARIABLES.get(name) or OPTIONS.get(name)
    if known:
        return f"{name}: {known.example}"
    default = spec.get("default")
    if isinstance(default, str) and "{{" in default:
        default = None
    if spec.get("choices"):
        default = spec["choices"][0]
    if default in (None, "", [], {}):
        default = {"int": 1, "float": 1.5, "bool": True, "list": "[]", "dict": "{}", "path": "/some/path"}.get(
            spec.get("type", "str"), "some text"
        )
    return f"{name}: {str(default).lower() if isinstance(default, bool) else default}"


def check_names(server: Server, known: set[str], roles: list[Role], own: set[str]) -> None:
    """Report names that look like misspelt ones of ours, and those that begin like a role's options and are none."""
    options = {option for role in roles for option in role.options}
    for name in server.given:
        if name in own or name in known or name in options:
            continue
        near = difflib.get_close_matches(name, sorted(known), 1, 0.85) if name.startswith("mat") else []
        for role in roles if not near else ():
            if name.startswith(role.name + "_") and role.options:
                near = difflib.get_close_matches(name, sorted(role.options), 1, 0)
                # Of two roles one of which begins like the other, the one with the longer name is meant.
                if not any(
                    other.name.startswith(role.name + "_") and name.startswith(other.name + "_") for other in roles
                ):
                    break
        near = near or difflib.get_close_matches(name, sorted(options), 1, 0.92)
        if near:
            problem = f"is not known (did you mean {near[0]}? names of your own go into preflight_own_variables)"
            meant = VARIABLES.get(near[0]) or OPTIONS.get(near[0])
            server.report(name, problem, f"{near[0]}: {meant.example}" if meant else near[0])


def strangers(
    hosts: t.Iterable[str], given: t.Mapping[str, t.Mapping], raw: t.Mapping[str, t.Mapping], own: t.Iterable[str]
) -> list[str]:
    """A sentence for each name that begins like a variable of the vocabulary, is none and resembles none, and that no
    other variable of its server is made of. It may be somebody's own; it may be a wish that nobody fulfils.

    given: for each host the variables that begin like ours; raw: all of its variables, as templates.
    """
    known = {*vocabulary.documented(), *own}
    found: dict[str, list[str]] = {}
    for host in hosts:
        for name in given[host]:
            if not name.startswith("matrix_") or name in known:
                continue
            others = (value for other, value in raw[host].items() if other != name)
            if not any(name in str(value) for value in others if isinstance(value, (str, list, dict))):
                found.setdefault(name, []).append(host)
    return [
        f"{name}, which is set for {', '.join(named)}, is no variable of this collection, and nothing goes by it; see "
        "docs/variables.md for those that there are; names of your own go into preflight_own_variables"
        for name, named in found.items()
    ]
