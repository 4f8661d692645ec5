# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: report
type: aggregate
short_description: One table at the end for all servers
author: potluck.matrix contributors (@potluck)
version_added: 0.2.0
description:
  - Ends a run of C(site), C(upgrade), C(patch) and C(rollback) with a table of all servers, and writes the same as JSON
    where the variable C(matrix_report_file) says. It tells of each server its address, its state, the version of
    Synapse before and after, the end of the certificate, what has changed, the seconds spent on it, warnings, and the
    next step.
  - These playbooks enable it. Other playbooks it leaves alone, and so it does C(rollback) that only lists snapshots.
"""

import gc
import os
import time

from ansible import context
from ansible.playbook.block import Block
from ansible.plugins.callback import CallbackBase
from ansible.plugins.loader import connection_loader
from ansible.template import Templar
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import network
from ansible_collections.potluck.matrix.plugins.plugin_utils import _parts, _report

# In the variables of a play whose servers are reported: the playbook's name.
_MARK = "__report_playbook"
_COLLECTION = "potluck.matrix."
# The playbook that does nothing unless it is told to which snapshot.
_BACK = "rollback"
_PARTS = frozenset(path.name for path in _parts.ROLES.iterdir())
# The check of the inventory concerns no server alone.
_CHECK = "preflight"
# Actions by which Ansible finds its way through tasks, and which do nothing to a server.
_STEERING = ("meta", "include_tasks", "include_role")


def _role(task) -> str:
    """The role that a task belongs to, else the part that the playbook itself is."""
    role = task._role.get_name(include_role_fqcn=False) if task._role else "bootstrap"
    return role.rpartition(".")[2]


def _in_rescue(task) -> bool:
    """Whether a task runs since another one failed."""
    node = task
    while node._parent is not None:
        parent = node._parent
        if isinstance(parent, Block) and any(each._uuid == node._uuid for each in parent.rescue):
            return True
        node = parent
    return False


def _address(play, manager, host) -> str | None:
    """The URL that clients of a server use; None when its inventory does not say, which others tell."""
    variables = manager.get_vars(play=play, host=host)
    templar = Templar(loader=play.get_loader(), variables=variables)
    try:
        given = templar.template(variables.get("synapse_public_baseurl", ""))
        return network.url("http", "https")(given or f"https://{templar.template(variables['matrix_domain'])}/")
    except Exception:  # whatever a template of the inventory raises
        return None


class CallbackModule(CallbackBase):
    """Collects what happens to each server, and tells it at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "potluck.matrix.report"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self):
        super().__init__()
        self._run: _report.Run | None = None
        # Whether the play is one of those that are reported.
        self._ours = False
        self._file = ""
        self._begun: dict[tuple[str, str], float] = {}

    def v2_playbook_on_start(self, playbook):
        marks = [play.vars[_MARK] for play in playbook.get_plays() if _MARK in play.vars]
        if marks:
            self._run = _report.Run(str(marks[0]), check=bool(context.CLIARGS.get("check")))
            self._load_ahead(playbook.get_loader())

    @staticmethod
    def _load_ahead(loader):
        """Load what every task would load anew in the process of its own, here in the one that all of these come from,
        and spare those the search for garbage in what they have from it: together a quarter of what a run computes.
        """
        connection_loader.get("potluck.matrix.pot", class_only=True)
        for path in _parts.ROLES.glob("*/meta/part.yml"):
            loader.load_from_file(str(path), unsafe=True, trusted_as_template=True)
        gc.freeze()
        gc.set_threshold(50_000)

    def v2_playbook_on_play_start(self, play):
        checks = any(role.get_name(include_role_fqcn=False).endswith(_CHECK) for role in play.roles)
        run = self._run
        self._ours = run is not None and (_MARK in play.vars or checks)
        if run is None or not self._ours:
            return
        manager = play.get_variable_manager()
        hosts = manager._inventory.get_hosts(play.hosts)
        run.join(host.get_name() for host in hosts)
        if not hosts:
            return
        for host in hosts:
            server = run.servers[host.get_name()]
            server.address = server.address or _address(play, manager, host)
        variables = manager.get_vars(play=play, host=hosts[0])
        templar = Templar(loader=play.get_loader(), variables=variables)
        named = templar.template(variables.get("matrix_hosts", ""))
        run.hosts = named if isinstance(named, str) and named != "matrix" else ""
        run.snapshot = str(templar.template(variables.get("matrix_snapshot", ""))) if run.playbook == _BACK else ""
        if run.playbook == _BACK and not run.snapshot:
            # Nothing becomes of anybody.
            self._run = None
            return
        path = templar.template(variables.get("matrix_report_file", ""))
        self._file = os.path.abspath(os.path.expanduser(str(path))) if path else ""

    def _server(self, host):
        return self._run.servers.get(host.get_name()) if self._run and self._ours else None

    def v2_runner_on_start(self, host, task):
        self._begun[(host.get_name(), task._uuid)] = time.monotonic()

    @staticmethod
    def _count(server, begun):
        """Add the time since the beginning of a task, if that was seen."""
        if begun is not None:
            server.seconds += time.monotonic() - begun

    def _done(self, result):
        """The server of a task that has ended, and the task's part; no server for what is none of its own."""
        task, server = result.task, self._server(result.host)
        begun = self._begun.pop((result.host.get_name(), task._uuid), None)
        part = _role(task)
        if server is None or part == _CHECK:
            return None, part
        if not task.action.endswith(_STEERING):
            server.touched = True
            self._count(server, begun)
        return server, part

    @staticmethod
    def _parts(result):
        """What a result of the module pkg tells of each part; nothing for others, and nothing that is no part: a pot
        can say what it likes.
        """
        found = result.result.get("parts") if result.task.action == _COLLECTION + "pkg" else None
        known = found if isinstance(found, dict) else {}
        return {name: told for name, told in known.items() if name in _PARTS and isinstance(told, dict)}

    def _read(self, server, result):
        """What a result tells of versions and warnings."""
        action, told = result.task.action, result.result
        if result.task.no_log or not action.startswith(_COLLECTION):
            return
        for warning in told.get("warnings") or []:
            server.warn(str(warning))
        if action == _COLLECTION + "synapse_written_info" and "schema" in told:
            server.count({name: told.get(name) for name in _report.WRITTEN})
        shown = told.get("diff")
        if action == _COLLECTION + "pkg":
            for diff in [part.get("diff") for part in self._parts(result).values()] or [shown]:
                if isinstance(diff, dict):
                    server.packages(str(diff.get("before", "")), str(diff.get("after", "")))

    def v2_runner_on_ok(self, result):
        server, part = self._done(result)
        if server is None:
            return
        if result.result.get("changed"):
            # One installation for several parts is a change of each that got something.
            for changed in [name for name, told in self._parts(result).items() if told.get("changed")] or [part]:
                server.change(changed)
        self._read(server, result)
        if (part, result.task.name) == _report.PROOF:
            server.prove(str(result.result.get("msg", "")))

    def v2_runner_on_skipped(self, result):
        begun = self._begun.pop((result.host.get_name(), result.task._uuid), None)
        server = self._server(result.host)
        if server is not None and not result.task.action.endswith(_STEERING):
            self._count(server, begun)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        server, part = self._done(result)
        if server is None:
            if self._run and self._ours and part == _CHECK:
                self._run.refused = True
        elif (part, result.task.name) == _report.UNDONE:
            server.undone = True
        elif not ignore_errors:
            server.fail(
                part, result.task.get_name(include_role_fqcn=False).rpartition(" : ")[2], _in_rescue(result.task)
            )
            self._read(server, result)

    def v2_runner_on_unreachable(self, result):
        server, part = self._done(result)
        if server is not None:
            server.lost_at = (part, result.task.get_name(include_role_fqcn=False).rpartition(" : ")[2])

    def v2_playbook_on_stats(self, stats):
        if self._run is None or not self._run.servers:
            return
        for name, server in self._run.servers.items():
            # What a rescue has mended did not fail in the end.
            server.failed = server.failed and bool(stats.failures.get(name))
            server.unreachable = bool(stats.dark.get(name))
        # What the check of the inventory has to say stands there already.
        if not self._run.refused:
            self._display.display("")
            for line in self._run.table():
                self._display.display(line)
        if self._file:
            try:
                _report.write(self._file, self._run.data())
            except OSError as error:
                self._display.error(f"matrix_report_file: {self._file} cannot be written: {error.strerror}.")
