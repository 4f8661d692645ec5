# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Lists of files as tasks write them, with templates and files of the controller, made into what a module takes."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.file_entries import SWITCHES, TEXTS
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.values import boolean
from ansible_collections.potluck.matrix.plugins.plugin_utils._reasons import reason

_ALL_TEXTS = ("content", "secret", *TEXTS)


def resolved(entries: list, text_of: t.Callable[[str, str], str]) -> list:
    """The entries with C(content) and C(secret) in place of what the controller reads, without those that do not count.

    text_of: returns the text behind a key of TEXTS and its value, or raises ValueError with a sentence about it.
    ValueError with one sentence for an entry that is not right. What is no dictionary is left for the module to refuse.
    """
    found = []
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            found.append(entry)
            continue
        try:
            counts, plain = _resolved(entry, text_of)
        except ValueError as problem:
            raise ValueError(f"{entry.get('path', f'item {number} of files')}: {problem}") from None
        found += [plain] if counts else []
    return found


def _resolved(entry: dict, text_of) -> tuple[bool, dict]:
    """Whether an entry counts, and what the module gets of it."""
    texts = [key for key in _ALL_TEXTS if entry.get(key) is not None]
    if len(texts) > 1:
        raise ValueError(f"{' and '.join(texts)} exclude each other; give one of {', '.join(_ALL_TEXTS)}")
    wanted, counts = (_switch(entry, key) for key in SWITCHES)
    plain = {key: value for key, value in entry.items() if key not in (*TEXTS, *SWITCHES)}
    if not counts:
        return False, plain
    if not wanted:
        return True, {**{key: value for key, value in plain.items() if key not in _ALL_TEXTS}, "state": "absent"}
    for key in texts:
        if key in TEXTS:
            plain[TEXTS[key]] = text_of(key, entry[key])
    return True, plain


def _switch(entry: dict, key: str) -> bool:
    try:
        return boolean(entry.get(key, True))
    except ValueError as error:
        raise ValueError(f"{key} {error}; write true or false") from None


class _Variables(dict):
    """Variables of which a deep copy is a shallow one: the lookup copies all of them for each template, to add its own,
    which takes longer than the template.
    """

    def __deepcopy__(self, _memo):
        return dict(self)


class FilesAction(ActionBase):
    """Runs the module of the same name with the option C(files) resolved."""

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        try:
            if isinstance(arguments.get("files"), list):
                arguments["files"] = resolved(arguments["files"], lambda key, name: self._text(key, name, task_vars))
        except ValueError as problem:
            # Not an exception, of which Ansible would show what it was caused by, values included.
            return {"failed": True, "changed": False, "msg": str(problem)}
        return self._execute_module(module_args=arguments, task_vars=task_vars)

    def _text(self, key: str, name: str, task_vars: dict) -> str:
        """The text behind a key of TEXTS; ValueError with a sentence that shows no value."""
        template = key.endswith("template")
        what = f"the template {name}" if template else f"the file {name} ({key})"
        try:
            path = self._find_needle("templates" if template else "files", name)
        except AnsibleError:
            raise ValueError(f"{what} is not on the controller") from None
        try:
            if template:
                return self._rendered(name, task_vars)
            text = self._loader.get_text_file_contents(path)
        except Exception as error:  # whatever a filter raises on a value of the inventory
            raise ValueError(f"{what} {reason(error)}") from None
        return text.rstrip() + "\n" if key == "source" else text

    def _rendered(self, name: str, task_vars: dict) -> str:
        lookups = self._shared_loader_obj.lookup_loader
        lookup = lookups.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        return str(lookup.run([name], _Variables(task_vars))[0])
