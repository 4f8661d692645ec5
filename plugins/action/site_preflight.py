# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathers the variables of all servers and the options of all roles, and hands them to the pure checks."""

from __future__ import annotations

import os
import pathlib
import re

from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from jinja2 import Undefined

from ansible_collections.potluck.matrix.plugins.plugin_utils import _preflight

_COLLECTION = pathlib.Path(__file__).resolve().parents[2]
_MATRIX_NAME = re.compile(r"(?<![A-Za-z0-9_])matrix_[a-z0-9_]+")
# Which machine a server lives on, and what Ansible itself needs to know for that.
_MACHINE = ("ansible_host", "ansible_port", "ansible_connection")
_ARGUMENTS = {
    "hosts": {"type": "list", "elements": "str"},
    "neighbours": {"type": "list", "elements": "str", "default": []},
    "own_variables": {"type": "list", "elements": "str", "default": []},
}


def _plain(value):
    """The value without Ansible's lazy containers; raises what templating any part of it raises."""
    if isinstance(value, Undefined):
        raise AnsibleUndefinedVariable(getattr(value, "_undefined_message", None) or "'%s' is undefined" % getattr(value, "_undefined_name", "?"))
    if isinstance(value, dict):
        return {_plain(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return str(value) if isinstance(value, str) else value


def _reason(name: str, template, error: Exception) -> _preflight.Unusable:
    """Why a value could not be worked out, without the value."""
    words = " ".join(str(error).split())
    if "decrypt" in words.lower() or "vault" in type(error).__name__.lower():
        return _preflight.Unusable("cannot be decrypted; give the vault's password with --ask-vault-pass or --vault-password-file")
    if "ansible_facts" in repr(template) or re.search(r"'ansible_\w+' is undefined", words):
        return _preflight.Unusable("is made of facts of the machine, which nobody knows before it is contacted")
    undefined = re.search(r"'([^']+)' is undefined", words)
    if undefined:
        return _preflight.Unusable('uses the variable "%s", which is not defined' % undefined.group(1))
    attribute = re.search(r"has no (?:attribute|element) '?([A-Za-z0-9_]+)'?", words)
    if attribute:
        return _preflight.Unusable('uses "%s", which is not defined' % attribute.group(1))
    # The words of an error may quote what a secret that the template uses came out as.
    if _preflight.is_secret(name) or _preflight.is_secret(repr(template)) or "vault" in repr(template):
        return _preflight.Unusable("cannot be worked out")
    return _preflight.Unusable("cannot be worked out (%s)" % words[:200])


class ActionModule(ActionBase):
    """Run the preflight checks for all servers of the play at once."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        validation = ArgumentSpecValidator(_ARGUMENTS).validate(self._task.args)
        if validation.error_messages:
            raise AnsibleError("; ".join(validation.error_messages))
        arguments = validation.validated_parameters
        hostvars = task_vars["hostvars"]
        hosts = arguments["hosts"] if arguments["hosts"] is not None else list(task_vars["ansible_play_hosts_all"])
        missing = [host for host in hosts if host not in hostvars]
        if missing:
            raise AnsibleError("The host %s is not in the inventory." % missing[0])
        neighbours = [host for host in arguments["neighbours"] if host not in hosts and host in hostvars]

        documents = self._roles()
        names = set(_MACHINE).union(*(document["options"] for document in documents.values()))
        # "matrix" and its commonest misspellings; whether a name means one of ours is for the checks to say.
        prefixes = ("matrix", "matix", "martix", "matrx") + tuple(name + "_" for name in documents)
        raw = {host: {**hostvars.raw_get(host), "hostvars": hostvars} for host in hosts + neighbours}
        variables = {host: self._variables(raw[host], names, prefixes) for host in raw}
        roles = []
        for name, document in documents.items():
            values = {host: self._options(document, raw[host], variables[host]) for host in hosts}
            roles.append(_preflight.Role(name, document["options"], document["sources"], values))

        self._decrypted = []
        try:
            found = _preflight.problems(
                {host: variables[host] for host in hosts},
                neighbours={host: variables[host] for host in neighbours},
                roles=roles,
                own=arguments["own_variables"],
                known=self._known(documents),
                resolve=self._resolve,
            )
        finally:
            # This runs in a process of its own, whose temporary files nobody else knows of.
            for path in self._decrypted:
                self._loader.cleanup_tmp_file(path)
        result.update(
            changed=False,
            servers=hosts,
            problems=[{"host": str(p.host), "variable": p.variable, "problem": p.problem, "example": p.example} for p in found],
        )
        if found:
            result.update(failed=True, msg=_preflight.report(found))
        return result

    def _roles(self) -> dict:
        """For each role with options: their specs, its defaults as templates, and the matrix_ variables a default is made of."""
        found = {}
        for path in sorted(_COLLECTION.glob("roles/*/meta/argument_specs.yml")):
            role = path.parents[1]
            entry_points = (self._load(path) or {}).get("argument_specs") or {}
            options = dict((entry_points.get("main") or {}).get("options") or {})
            defaults = self._load(role / "defaults/main.yml") or {}
            found[role.name] = {
                "options": {str(name): _spec(spec) for name, spec in options.items()},
                "defaults": defaults,
                "variables": self._load(role / "vars/main.yml") or {},
                "sources": {str(name): tuple(dict.fromkeys(_MATRIX_NAME.findall(str(defaults.get(name))))) for name in options},
            }
        return found

    def _load(self, path: pathlib.Path):
        """A YAML file of this collection, its texts being templates; None when there is none."""
        if not path.is_file():
            return None
        try:
            return self._loader.load_from_file(str(path), trusted_as_template=True)
        except TypeError:
            # Before ansible-core 2.19 every text is a template.
            return self._loader.load_from_file(str(path))

    @staticmethod
    def _known(documents: dict) -> set:
        """Every matrix_ variable that a default or a variable of a role, or a playbook, mentions."""
        texts = [str(document[part]) for document in documents.values() for part in ("defaults", "variables")]
        texts += [path.read_text(encoding="utf-8") for path in _COLLECTION.glob("playbooks/*.yml")]
        return {name for text in texts for name in _MATRIX_NAME.findall(text)}

    def _variables(self, raw: dict, names: set, prefixes: tuple) -> dict:
        """The variables of a server that concern us, templated."""
        found = {}
        # Not hostvars[host], which before ansible-core 2.19 gives a template back where something in it is undefined.
        templar = self._templar.copy_with_new_env(available_variables=raw)
        for name in raw:
            if name not in names and not str(name).startswith(prefixes):
                continue
            try:
                found[str(name)] = _plain(templar.template(raw[name]))
            except Exception as error:  # whatever a template of a user raises is a problem of that variable
                found[str(name)] = _reason(str(name), raw[name], error)
        return found

    def _options(self, document: dict, raw: dict, given: dict) -> dict:
        """The options of a role that this server's inventory decides, directly or through a matrix_ variable."""
        found = {option: given[option] for option in document["options"] if option in given}
        wanted = [option for option, names in document["sources"].items() if option not in found and any(name in given for name in names)]
        if not wanted:
            return found
        variables = {**document["defaults"], **document["variables"], **raw}
        templar = self._templar.copy_with_new_env(available_variables=variables)
        for option in wanted:
            try:
                found[option] = _plain(templar.template(document["defaults"][option]))
            except AnsibleUndefinedVariable:
                # A default may need what only a run knows; a variable of the inventory that is undefined is found elsewhere.
                continue
            except Exception as error:  # whatever a filter raises on the inventory's value
                found[option] = _reason(option, document["defaults"][option], error)
        return found

    def _resolve(self, path: str) -> str:
        """The file on the controller that a role's copy task would take, decrypted if it is a vault. ValueError if it cannot be."""
        path = os.path.expanduser(path)
        try:
            path = self._find_needle("files", path)
        except AnsibleError:
            return self._loader.path_dwim(path)
        if os.path.isdir(path):
            return path
        try:
            real = self._loader.get_real_file(path)
        except AnsibleError:
            raise ValueError("cannot be decrypted or read; check its mode and the vault's password") from None
        if real != path:
            self._decrypted.append(real)
        return real


def _spec(spec) -> dict:
    """One option's argument spec, without what is documentation only."""
    keep = ("type", "elements", "choices", "required", "default", "no_log")
    found = {key: _plain_spec(spec[key]) for key in keep if key in spec}
    if spec.get("options"):
        found["options"] = {str(name): {key: part for key, part in _spec(sub).items() if key != "default"} for name, sub in spec["options"].items()}
    return found


def _plain_spec(value):
    return [str(part) if isinstance(part, str) else part for part in value] if isinstance(value, list) else str(value) if isinstance(value, str) else value
