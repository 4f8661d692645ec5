# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges the options of one role by the same rules as the check of the whole inventory."""

from __future__ import annotations

import datetime

from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.potluck.matrix.plugins.action.site_preflight import (
    InventoryAction,
    _hash_password,
    _plain,
    _reason,
)
from ansible_collections.potluck.matrix.plugins.plugin_utils import _preflight
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller

_ARGUMENTS = {"role": {"type": "str", "required": True}}


class ActionModule(InventoryAction):
    """Run the rules of a role over its options, wherever they come from."""

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        validation = ArgumentSpecValidator(_ARGUMENTS).validate(self._task.args)
        if validation.error_messages:
            raise AnsibleError("; ".join(validation.error_messages))
        name = validation.validated_parameters["role"]
        documents = self._roles(name)
        if name not in documents:
            raise AnsibleError(f"There is no role {name} with options; there are {', '.join(sorted(self._roles()))}.")
        document = documents[name]
        role = _preflight.Role(name, document["options"], document["sources"], {}, document["follows"])
        host = task_vars["inventory_hostname"]
        options = {option: self._value(option, task_vars) for option in role.options if option in task_vars}
        now = datetime.datetime.now(datetime.timezone.utc)
        with self._decrypting():
            found = _preflight.role_problems(
                host,
                role,
                options,
                variables={name: self._value(name, task_vars) for name in self._defaults if name in task_vars},
                defaults=self._default_values(task_vars),
                controller=Controller(self._resolve, now, _hash_password),
            )
        result.update(changed=False)
        if found:
            result.update(failed=True, msg="\n".join(map(str, found)))
        return result

    def _value(self, name: str, task_vars: dict):
        """What an option or a variable comes to in this run."""
        try:
            return _plain(self._templar.template(task_vars[name]))
        except Exception as error:  # whatever a template of a user raises is a problem of that option
            return _reason(name, task_vars[name], error)
