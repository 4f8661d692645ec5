# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the packages of several servers are upgraded."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server


def _servers_at_a_time(value) -> str:
    """A number of servers or a percentage of them; Ansible takes 0 for all of them."""
    if isinstance(value, (list, tuple)):
        # Ansible takes a list of steps too.
        if not value:
            raise ValueError("has no item")
        return [_servers_at_a_time(item) for item in value][-1]
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"is {names.kind(value)} where a number of servers is expected")
    if not re.fullmatch(r"[1-9][0-9]{0,5}|([1-9][0-9]?|100)%", str(value)):
        raise ValueError("is neither a number of servers from 1 on nor a percentage")
    return str(value)


VARIABLES = {
    "matrix_serial": Variable(_servers_at_a_time, "1", empty=False),
    "matrix_snapshot": Variable(
        values.word("[A-Za-z0-9][A-Za-z0-9_.:-]*", "is not the name of a snapshot", 200), "upgrade-20260101T000000Z"
    ),
}
OPTIONS: dict[str, Variable] = {}


def check(server: Server, controller: Controller) -> None:
    """Nothing here depends on anything else."""
