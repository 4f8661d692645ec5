# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: list_operations
type: aggregate
short_description: List the modules that a run executes, with their arguments
description:
  - Writes one JSON object a line for each module that is executed, in the order of the tasks - the server, the
    connection, the module and its arguments, which are those of actions such as template when they are done with them.
  - Arguments may hold secrets; nobody else than the user reads the file.
options:
  file:
    description: Where to write.
    type: path
    required: true
    env:
      - name: LIST_OPERATIONS_FILE
"""

import functools
import json
import os

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase


def plain(value):
    """A value without what Ansible marks values with."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "list_operations"
    CALLBACK_NEEDS_ENABLED = True

    def v2_playbook_on_start(self, playbook):
        path, execute = self.get_option("file"), ActionBase._execute_module
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o600))

        # The workers, which execute modules, are forked from this process and so inherit it.
        @functools.wraps(execute)
        def listed(action, module_name=None, module_args=None, tmp=None, task_vars=None, *args, **kwargs):
            line = {
                "server": str((task_vars or {}).get("inventory_hostname", "")),
                "connection": action._connection.transport,
                "module": module_name or action._task.action,
                "arguments": plain(action._task.args if module_args is None else module_args),
            }
            with open(path, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(line) + "\n")
            return execute(action, module_name, module_args, tmp, task_vars, *args, **kwargs)

        ActionBase._execute_module = listed
