# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathers the variables of all servers and the options of all roles, and hands them to the pure checks."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import pathlib
import re

from ansible import release
from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible.plugins.filter.core import get_encrypted_password
from ansible_collections.potluck.matrix.plugins.plugin_utils import _parts, _preflight
from ansible_collections.potluck.matrix.plugins.plugin_utils._core import refuse_old_core
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import numbers as _numbers
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import vocabulary
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.options import settable
from ansible_collections.potluck.matrix.plugins.plugin_utils._reasons import known_reason
from jinja2 import Environment, Undefined, nodes

_COLLECTION = pathlib.Path(__file__).resolve().parents[2]
_VOCABULARY = "homeserver"
# Which host a server lives on, and what Ansible itself needs to know for that.
_MACHINE = ("ansible_host", "ansible_port", "ansible_connection")
# For reading templates, not for rendering them: filters are not looked up.
_SYNTAX = Environment(autoescape=True)
_ARGUMENTS = {
    "hosts": {"type": "list", "elements": "str"},
    "neighbours": {"type": "list", "elements": "str", "default": []},
    "own_variables": {"type": "list", "elements": "str", "default": []},
}


def _plain(value):
    """The value without Ansible's lazy containers; raises what templating any part of it raises."""
    if isinstance(value, Undefined):
        raise AnsibleUndefinedVariable(
            getattr(value, "_undefined_message", None)
            or "'{}' is undefined".format(getattr(value, "_undefined_name", "?"))
        )
    if isinstance(value, dict):
        return {_plain(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, str) else value


def _names_in(template) -> list[str]:
    """The names that a template, or any part of a structure, reads."""
    if isinstance(template, dict):
        return [name for part in template.values() for name in _names_in(part)]
    if isinstance(template, (list, tuple)):
        return [name for part in template for name in _names_in(part)]
    if not isinstance(template, str) or "{" not in template:
        return []
    return sorted({node.name for node in _SYNTAX.parse(str(template)).find_all(nodes.Name) if node.ctx == "load"})


def _followed(template) -> str | None:
    """The name of the one variable whose value a template takes as it is."""
    if not isinstance(template, str) or "{" not in template:
        return None
    body = _SYNTAX.parse(str(template)).body
    found = body[0].nodes if len(body) == 1 and isinstance(body[0], nodes.Output) else []
    if len(found) == 1 and isinstance(found[0], nodes.Name) and found[0].name in vocabulary.documented():
        return found[0].name
    return None


def _reason(name: str, template, error: Exception) -> _preflight.Unusable:
    """Why a value could not be worked out, without the value."""
    words = " ".join(str(error).split())
    if "ansible_facts" in repr(template) or re.search(r"'ansible_\w+' is undefined", words):
        return _preflight.Unusable("is made of facts of the host, which nobody knows before it is contacted")
    known = known_reason(error)
    if known:
        return _preflight.Unusable(known)
    # The words of an error may quote what a secret that the template uses came out as.
    if _preflight.is_secret(name) or _preflight.is_secret(repr(template)) or "vault" in repr(template):
        return _preflight.Unusable("cannot be worked out")
    return _preflight.Unusable(f"cannot be worked out ({words[:200]})")


def _hash_password() -> None:
    """Make a hash as the role node_exporter does; raises whatever passlib and bcrypt of this controller raise."""
    get_encrypted_password("a password", "bcrypt", salt="a" * 21 + "u", rounds=4, ident="2b")


class InventoryAction(ActionBase):
    """What both checks need: the roles of this collection as they are documented, and files of the controller."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    @functools.cached_property
    def _defaults(self) -> dict:
        """The vocabulary's defaults, as templates."""
        return self._load(_COLLECTION / f"roles/{_VOCABULARY}/defaults/main.yml")

    def _roles(self, only: str = "*") -> dict:
        """For each role with options, or one of them: their specs, its defaults as templates, and the variables of the
        vocabulary that a default is made of.
        """
        found = {}
        for path in sorted(_COLLECTION.glob(f"roles/{only}/meta/argument_specs.yml")):
            role = path.parents[1]
            if role.name == _VOCABULARY:
                continue
            entry_points = (self._load(path) or {}).get("argument_specs") or {}
            defaults = self._load(role / "defaults/main.yml") or {}
            options = settable(entry_points, defaults)
            sources = {str(name): self._sources(defaults.get(name), {**self._defaults, **defaults}) for name in options}
            found[role.name] = {
                "options": {str(name): _spec(spec) for name, spec in options.items()},
                "defaults": defaults,
                "variables": self._load(role / "vars/main.yml") or {},
                "sources": sources,
                "follows": {name: followed for name in sources if (followed := _followed(defaults.get(name)))},
            }
        return found

    def _sources(self, template, templates: dict, seen: frozenset = frozenset()) -> tuple[str, ...]:
        """The variables of the vocabulary that a template is made of, directly or through other templates.

        None for one that is looked up: what all parts state is judged with each of them.
        """
        if "lookup(" in str(template):
            return ()
        found = []
        for name in _names_in(template):
            if name in self._defaults:
                found.append(name)
            if name in templates and name not in seen:
                found += self._sources(templates[name], templates, seen | {name})
        return tuple(dict.fromkeys(found))

    def _default_values(self, raw: dict) -> dict:
        """The vocabulary's defaults for a server, those that can be worked out."""
        found = {}
        templar = self._templar.copy_with_new_env(available_variables={**self._defaults, **raw})
        for name, template in self._defaults.items():
            # Whatever a filter raises on a bad value: that value is reported itself.
            with contextlib.suppress(Exception):
                found[name] = _plain(templar.template(template))
        return found

    @functools.cached_property
    def _loaded(self) -> dict:
        """What has been read of this collection, since every server needs all of it."""
        return {}

    def _load(self, path: pathlib.Path):
        """A YAML file of this collection, its texts being templates; None when there is none."""
        if path not in self._loaded:
            self._loaded[path] = (
                self._loader.load_from_file(str(path), unsafe=True, trusted_as_template=True)
                if path.is_file()
                else None
            )
        return self._loaded[path]

    def _resolve(self, path: str) -> str:
        """The file on the controller that a role's copy task would take, decrypted if it is a vault. ValueError if it
        cannot be.
        """
        path = os.path.expanduser(path)
        try:
            path = self._find_needle("files", path)
        except AnsibleError:
            return self._loader.path_dwim(path)
        # Not opened: a pipe would be waited for.
        if not os.path.isfile(path):
            return path
        try:
            real = self._loader.get_real_file(path)
        except AnsibleError:
            raise ValueError("cannot be decrypted or read; check its mode and the vault's password") from None
        if real != path:
            self._decrypted.append(real)
        return real

    @contextlib.contextmanager
    def _decrypting(self):
        """Vaults that are read meanwhile are decrypted into files that do not outlive it."""
        self._decrypted: list[str] = []
        try:
            yield
        finally:
            # This runs in a process of its own, whose temporary files nobody else knows of.
            for path in self._decrypted:
                self._loader.cleanup_tmp_file(path)


class ActionModule(InventoryAction):
    """Run the preflight checks for all servers of the play at once."""

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        refuse_old_core(release.__version__)
        validation = ArgumentSpecValidator(_ARGUMENTS).validate(self._task.args)
        if validation.error_messages:
            raise AnsibleError("; ".join(validation.error_messages))
        arguments = validation.validated_parameters
        hostvars = task_vars["hostvars"]
        hosts = arguments["hosts"] if arguments["hosts"] is not None else list(task_vars["ansible_play_hosts_all"])
        missing = [host for host in hosts if host not in hostvars]
        if missing:
            raise AnsibleError(f"The host {missing[0]} is not in the inventory.")
        neighbours = [host for host in arguments["neighbours"] if host not in hosts and host in hostvars]

        self._read: dict[str, list[str]] = {}
        documents = self._roles()
        names = set(_MACHINE).union(*(document["options"] for document in documents.values()))
        # "matrix" and its commonest misspellings; whether a name means one of ours is for the checks to say.
        prefixes = ("matrix", "matix", "martix", "matrx") + tuple(name + "_" for name in documents)
        raw = {host: {**hostvars.raw_get(host), "hostvars": hostvars} for host in hosts + neighbours}
        variables = {host: self._variables(raw[host], names, prefixes) for host in raw}
        roles = []
        for name, document in documents.items():
            values = {host: self._options(document, raw[host], variables[host]) for host in hosts}
            roles.append(_preflight.Role(name, document["options"], document["sources"], values, document["follows"]))

        with self._decrypting():
            found = _preflight.problems(
                {host: variables[host] for host in hosts},
                neighbours={host: variables[host] for host in neighbours},
                roles=roles,
                own=arguments["own_variables"],
                defaults={host: self._default_values(raw[host]) for host in raw},
                ports={host: self._ports(raw[host]) for host in hosts},
                resolve=self._resolve,
                hash_password=_hash_password,
                groups={str(name): [str(host) for host in found] for name, found in task_vars["groups"].items()},
            )
        result.update(
            changed=False,
            servers=hosts,
            warnings=[] if found else _preflight.strangers(hosts, variables, raw, arguments["own_variables"]),
            problems=[{**dataclasses.asdict(problem), "host": str(problem.host)} for problem in found],
        )
        if found:
            result.update(failed=True, msg=_preflight.report(found))
        return result

    def _ports(self, raw: dict) -> list[dict]:
        """What the plates of a server's parts state of ports, as far as it can be worked out."""
        reader = _parts.Reader(
            self._load, lambda context: self._templar.copy_with_new_env(available_variables=context).template
        )
        found = []
        for name in reader.names():
            # Whatever a filter raises on a bad value: that value is reported itself.
            with contextlib.suppress(Exception):
                stated = _plain(reader.plate(name, raw, keys=["ports"])["ports"])
                found += [each for each in stated if str(each["port"]).isdigit()]
        return found

    def _variables(self, raw: dict, names: set, prefixes: tuple) -> dict:
        """The variables of a server that concern us, templated."""
        found = {}
        # Not hostvars[host], which before ansible-core 2.19 gives a template back where something in it is undefined.
        templar = self._templar.copy_with_new_env(available_variables=raw)
        for name in raw:
            if name not in names and not str(name).startswith(prefixes):
                continue
            try:
                value = templar.template(raw[name])
                found[str(name)] = self._misread(value) or _plain(value)
            except Exception as error:  # whatever a template of a user raises is a problem of that variable
                found[str(name)] = _reason(str(name), raw[name], error)
        return found

    def _misread(self, value) -> _preflight.Unusable | None:
        """A number that YAML made of a text that looks like another one, anywhere in the value: 0640 is 416 to it, and
        22:22 is 1342.
        """
        if isinstance(value, dict):
            return next(filter(None, map(self._misread, value.values())), None)
        if isinstance(value, (list, tuple)):
            return next(filter(None, map(self._misread, value)), None)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return None
        # ansible-core notes on what it reads from a file where that stood.
        for tag in getattr(value, "_ansible_tags_mapping", {}).values():
            path, line, column = (getattr(tag, name, None) for name in ("path", "line_num", "col_num"))
            if path and line and column:
                written = _numbers.written(self._lines(path), line, column, value)
                if written:
                    return _preflight.Unusable(
                        f"is written {written} in the inventory, of which YAML makes the number {value}; "
                        f'put it in quotes, as in "{written}"'
                    )
        return None

    def _lines(self, path: str) -> list[str]:
        """The lines of a file of the inventory; none when it cannot be read."""
        if path not in self._read:
            try:
                self._read[path] = pathlib.Path(path).read_text(encoding="utf-8").split("\n")
            except (OSError, ValueError):
                self._read[path] = []
        return self._read[path]

    def _options(self, document: dict, raw: dict, given: dict) -> dict:
        """The options of a role that this server's inventory decides, directly or through a matrix_ variable."""
        found = {option: given[option] for option in document["options"] if option in given}
        wanted = [
            option
            for option, names in document["sources"].items()
            if option not in found and any(name in given for name in names)
        ]
        if not wanted:
            return found
        variables = {**self._defaults, **document["defaults"], **document["variables"], **raw}
        templar = self._templar.copy_with_new_env(available_variables=variables)
        for option in wanted:
            try:
                found[option] = _plain(templar.template(document["defaults"][option]))
            except AnsibleUndefinedVariable:
                # A default may need what only a run knows; what the inventory leaves undefined is found elsewhere.
                continue
            except Exception as error:  # whatever a filter raises on the inventory's value
                found[option] = _reason(option, document["defaults"][option], error)
        return found


def _spec(spec) -> dict:
    """One option's argument spec, without what is documentation only."""
    keep = ("type", "elements", "choices", "required", "default", "no_log")
    found = {key: _plain_spec(spec[key]) for key in keep if key in spec}
    if spec.get("options"):
        found["options"] = {
            str(name): {key: part for key, part in _spec(sub).items() if key != "default"}
            for name, sub in spec["options"].items()
        }
    return found


def _plain_spec(value):
    if isinstance(value, list):
        return [_plain_spec(part) for part in value]
    return str(value) if isinstance(value, str) else value
