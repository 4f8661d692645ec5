# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: stdout
short_description: A line for each server when it comes to another role, and failures in full
author: potluck.matrix contributors (@potluck)
version_added: 0.2.0
description:
  - In the place of Ansible's own output, says for each server which role it is in, how many there are, and how long the
    run has taken so far. What fails is told in full, and so is what a host that is unreachable said.
  - Messages of tasks that are there to tell something, warnings, and with C(--diff) what changes, are told as well.
  - The lines are made for many servers, and for a log as much as for a terminal. What C(no_log) hides stays hidden.
  - The table that C(site) and C(upgrade) end with comes from P(potluck.matrix.report#callback), whatever prints the
    rest.
requirements:
  - Set as stdout in the configuration, for example with C(ANSIBLE_STDOUT_CALLBACK=potluck.matrix.progress).
"""

import re
import time

from ansible import constants
from ansible.playbook.block import Block
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback import CallbackBase
from ansible_collections.potluck.matrix.plugins.plugin_utils import _progress

# Actions by which Ansible finds its way through tasks, and which do nothing to a server.
_STEERING = ("meta", "include_tasks", "include_role", "import_tasks", "import_role")
# Tags that name no part of a playbook.
_NO_STEP = ("always", "never", "all", "tagged", "untagged")


def _step(task) -> str:
    """The role that a task belongs to, else the tag that it goes by; empty for one that is no step of its own."""
    if task._role:
        return task._role.get_name(include_role_fqcn=False).rpartition(".")[2]
    if task.action.endswith(_STEERING):
        return ""
    return next((str(tag) for tag in task.tags if tag not in _NO_STEP), "")


def _name(result) -> str:
    """That of a task, without its role, which ansible-core names before it since 2.21."""
    return re.sub(r"^[\w.]+ : ", "", result.task_name)


def _steps(blocks):
    """The steps of all tasks, in their order, as far as they are known before the play."""
    for each in blocks:
        if isinstance(each, Block):
            yield from _steps(each.block)
        else:
            step = _step(each)
            if step and not each.action.endswith(_STEERING):
                yield step


class CallbackModule(CallbackBase):
    """Prints lines."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "potluck.matrix.progress"

    def __init__(self):
        super().__init__()
        self._begun = time.monotonic()
        self._course = _progress.Course([])

    def _say(self, server: str, text: str, color: str | None = None) -> None:
        self._display.display(f"{_progress.clock(time.monotonic() - self._begun):>7}  {server}: {text}", color=color)

    def _more(self, lines, color: str | None = None) -> None:
        for line in lines:
            self._display.display(f"         {line}", color=color)

    def v2_playbook_on_play_start(self, play):
        self._course = _progress.Course(_steps(play.compile()))
        self._display.display(f"{_progress.clock(time.monotonic() - self._begun):>7}  {play.get_name().strip()}")

    def v2_playbook_on_no_hosts_matched(self):
        self._more(["there is no server for this"])

    def v2_playbook_on_no_hosts_remaining(self):
        self._more(["no server is left to go on with"])

    def v2_runner_on_start(self, host, task):
        step = _step(task)
        if step and not task.action.endswith(_STEERING) and self._course.enter(host.get_name(), step):
            self._say(host.get_name(), self._course.place(host.get_name()))

    def _tell(self, result, how: str, color: str) -> None:
        """A failure: where, and all that Ansible tells of it. Its exceptions say the message again, no_log or not."""
        self._handle_warnings(result.result)
        server = result.host.get_name()
        self._say(server, f"{how} in {self._course.place(server)}: {_name(result)}", color)
        self._clean_results(result.result, result.task.action)
        self._more(_progress.lines(result.result.get("msg", result.result.get("censored", ""))), color)
        self._more(_progress.details(self._dump_results(result.result, serialize=False)), color)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        if not ignore_errors:
            # Of a loop its items have been told.
            if result.task.loop and "results" in result.result:
                result.result.pop("results")
            self._tell(result, "FAILED", constants.COLOR_ERROR)

    def v2_runner_item_on_failed(self, result):
        if not result.task.ignore_errors:
            self._tell(result, "FAILED", constants.COLOR_ERROR)

    def v2_runner_on_unreachable(self, result):
        self._tell(result, "UNREACHABLE", constants.COLOR_UNREACHABLE)

    def v2_runner_on_ok(self, result):
        if isinstance(result.task, TaskInclude):
            return
        self._handle_warnings(result.result)
        if self._run_is_verbose(result) and not (result.task.loop and "results" in result.result):
            self._clean_results(result.result, result.task.action)
            told = result.result.get("msg")
            self._say(result.host.get_name(), _name(result))
            self._more(_progress.lines(told) if told else self._dump_results(result.result).strip("\n").splitlines())

    v2_runner_item_on_ok = v2_runner_on_ok

    def v2_on_file_diff(self, result):
        each = result.result.get("results", [result.result]) if result.task.loop else [result.result]
        for part in each:
            if part.get("diff") and part.get("changed"):
                shown = self._get_diff(part["diff"])
                if shown:
                    self._say(result.host.get_name(), _name(result))
                    self._display.display(shown)

    def v2_playbook_on_stats(self, stats):
        for server in sorted(stats.processed):
            counted = stats.summarize(server)
            words = [f"{counted['changed']} changed"]
            shown = {"failures": "failed", "unreachable": "unreachable", "rescued": "mended"}
            words += [f"{counted[key]} {word}" for key, word in shown.items() if counted[key]]
            self._say(server, f"done, {', '.join(words)}")
