# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: count_operations
type: aggregate
short_description: Count the remote operations and tasks of each server
description:
  - A remote operation is one module executed on a server's connection, or one raw command. An action such as template
    executes more
    than one module, and each counts; a loop counts each of its items. What runs on the controller alone does not count.
  - A task counts for a server when it was reached there, skipped ones included.
  - The operations are counted where Ansible executes modules, in its worker processes, because the results of actions
    do not tell
    how many modules they executed.
options:
  by_role:
    description: Print each role's operations and tasks too.
    type: bool
    default: false
    env:
      - name: COUNT_OPERATIONS_BY_ROLE
"""

import collections
import functools
import os
import tempfile

from ansible.plugins.action import ActionBase
from ansible.plugins.callback import CallbackBase

RAW = frozenset(prefix + name for prefix in ("", "ansible.builtin.", "ansible.legacy.") for name in ("raw", "script"))


def role_of(task):
    return task._role.get_name(include_role_fqcn=False) if task._role else "(playbook)"


class Counter:
    """Wraps the methods that reach a server; the workers are forked from this process and so inherit the wrappers."""

    def __init__(self, path):
        self.path = path

    def install(self):
        run, execute, command = ActionBase.run, ActionBase._execute_module, ActionBase._low_level_execute_command

        @functools.wraps(run)
        def counted_run(action, tmp=None, task_vars=None):
            action._count_vars = task_vars or {}
            return run(action, tmp, task_vars)

        @functools.wraps(execute)
        def counted_execute(action, module_name=None, module_args=None, tmp=None, task_vars=None, *args, **kwargs):
            self.record(action, task_vars or getattr(action, "_count_vars", {}), module_name or action._task.action)
            return execute(action, module_name, module_args, tmp, task_vars, *args, **kwargs)

        @functools.wraps(command)
        def counted_command(action, *args, **kwargs):
            if action._task.action in RAW:
                self.record(action, getattr(action, "_count_vars", {}), action._task.action)
            return command(action, *args, **kwargs)

        ActionBase.run, ActionBase._execute_module, ActionBase._low_level_execute_command = (
            counted_run,
            counted_execute,
            counted_command,
        )

    def record(self, action, task_vars, what):
        if action._connection.transport == "local" and (
            action._task.delegate_to or task_vars.get("ansible_connection") != "local"
        ):
            return
        line = "\t".join((str(task_vars.get("inventory_hostname", "?")), role_of(action._task), what)) + "\n"
        # Workers write at the same time; a short write to a file opened for appending arrives whole.
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(descriptor, line.encode())
        finally:
            os.close(descriptor)


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "count_operations"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self.tasks = collections.Counter()
        self.current = None
        self.seen = set()
        descriptor, self.path = tempfile.mkstemp(prefix="count-operations-")
        os.close(descriptor)
        Counter(self.path).install()

    def v2_playbook_on_task_start(self, task, is_conditional):
        self.current = task

    def v2_playbook_on_handler_task_start(self, task):
        self.current = task

    def count(self, result):
        task = result.task
        key = (result.host.get_name(), task._uuid)
        if key not in self.seen:
            self.seen.add(key)
            self.tasks[(result.host.get_name(), role_of(task))] += 1

    v2_runner_on_ok = v2_runner_on_skipped = v2_runner_on_unreachable = count

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.count(result)

    def v2_playbook_on_stats(self, stats):
        operations = collections.Counter()
        with open(self.path, encoding="utf-8") as lines:
            for line in lines:
                host, role, dummy = line.rstrip("\n").split("\t")
                operations[(host, role)] += 1
        os.unlink(self.path)
        keys = list(self.tasks) + [key for key in operations if key not in self.tasks]
        hosts = sorted({host for host, dummy in keys})
        self._display.display("\n%-40s %10s %6s" % ("server", "operations", "tasks"))
        for host in hosts:
            roles = list(dict.fromkeys(role for key_host, role in keys if key_host == host))
            self._display.display(
                "%-40s %10d %6d"
                % (
                    host,
                    sum(operations[(host, role)] for role in roles),
                    sum(self.tasks[(host, role)] for role in roles),
                )
            )
            if self.get_option("by_role"):
                for role in roles:
                    self._display.display(
                        "  %-38s %10d %6d" % (role, operations[(host, role)], self.tasks[(host, role)])
                    )
