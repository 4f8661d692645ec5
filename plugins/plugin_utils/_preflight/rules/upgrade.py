# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order several servers have their turn, and how they are upgraded."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, values
from ansible_collections.potluck.matrix.plugins.plugin_utils import _rollout
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.claim import Alike
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable, boolean

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server


def _servers_at_a_time(value):
    """A number of servers, a percentage of them, or a list of both; Ansible takes 0 for all of them."""
    for item in value if isinstance(value, (list, tuple)) else [value]:
        if isinstance(item, bool) or not isinstance(item, (int, str)):
            raise ValueError(f"is {names.kind(item)} where a number of servers is expected")
    _rollout.steps(value)
    return value


def _servers(value) -> list[str]:
    """Names of servers and groups, as a list or a text with commas."""
    return values.list_of(values.line)(_rollout.words(value) if isinstance(value, str) else value)


def _written(value) -> str:
    """A file on the controller that can be written."""
    path = os.path.abspath(os.path.expanduser(values.line(value)))
    if os.path.isdir(path):
        raise ValueError("is a directory")
    if not os.path.isdir(os.path.dirname(path)):
        raise ValueError("is in a directory that the controller does not have")
    if not os.access(os.path.dirname(path), os.W_OK | os.X_OK):
        raise ValueError("is in a directory that you may not write to")
    return path


def _kept(value) -> dict[str, int]:
    """How many snapshots are kept, and how old: C({number: 3, days: 30}), either, or none for all."""
    if not isinstance(value, t.Mapping):
        raise ValueError(f"is {names.kind(value)} where a dictionary is expected")
    found = {}
    for key, number in value.items():
        if key not in ("number", "days"):
            raise ValueError(f'has "{key}", and knows number and days')
        if isinstance(number, bool) or not re.fullmatch("[1-9][0-9]{0,3}", str(number)):
            raise ValueError(f"has for {key} something that is not a number from 1 to 9999")
        found[key] = int(number)
    return found


VARIABLES = {
    "matrix_serial": Variable(_servers_at_a_time, "2"),
    "matrix_max_fail_percentage": Variable(values.whole_number(0, 100), "20", empty=False),
    "matrix_canary": Variable(_servers, "[matrix1]"),
    "matrix_report_file": Variable(_written, "report.json"),
    "matrix_upgrade_rollback": boolean(),
    "matrix_upgrade_keep": Variable(_kept, "{number: 3, days: 30}", empty=False),
    "matrix_snapshot": Variable(
        values.word("[A-Za-z0-9][A-Za-z0-9_.:-]*", "is not the name of a snapshot", 200), "upgrade-20260101T000000Z"
    ),
}
OPTIONS: dict[str, Variable] = {}


def alike(server: Server) -> t.Iterator[Alike]:
    """What says something of the run, not of a server."""
    for name in ("matrix_serial", "matrix_max_fail_percentage", "matrix_canary", "matrix_report_file"):
        if server.known(name):
            yield Alike(
                name,
                (),
                server[name],
                lambda _theirs, host: f"differs from the one of {host}, and a run has one; give it to all servers",
                of_a_run=True,
            )


def check_canaries(server: Server, groups: t.Mapping[str, t.Sequence[str]], hosts: list[str]) -> None:
    """Report canaries that are nobody.

    groups: the hosts of each group of the inventory; hosts: all servers, also those that are not part of this run.
    """
    for name in server["matrix_canary"] or []:
        if not _rollout.named([name], groups, hosts):
            server.report(
                "matrix_canary", f'"{name}" is neither a server nor a group of them', f"matrix_canary: [{hosts[0]}]"
            )
            break


def check(server: Server, controller: Controller) -> None:
    """Nothing here depends on anything else."""
