# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: list_changes
type: aggregate
short_description: List what a run changes, or would change in check mode
description:
  - Writes one JSON object a line for each task that reports a change - its role, its name, and the paths it names.
options:
  file:
    description: Where to write.
    type: path
    required: true
    env:
      - name: LIST_CHANGES_FILE
"""

import json

from ansible.plugins.callback import CallbackBase


def paths_of(result):
    """The paths that a result says it changed; none for a task whose result is hidden."""
    found = list(result.get("changed_paths") or [])
    if not found and (result.get("dest") or result.get("path")):
        found.append(result.get("dest") or result["path"])
    for item in result.get("results") or []:
        if item.get("changed"):
            found += paths_of(item)
    return found


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "list_changes"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_ok(self, result):
        if result.result.get("changed"):
            task = result.task
            role = task._role.get_name(include_role_fqcn=False) if task._role else ""
            line = json.dumps({"role": role, "task": task.name, "paths": paths_of(result.result)})
            with open(self.get_option("file"), "a", encoding="utf-8") as stream:
                stream.write(line + "\n")
