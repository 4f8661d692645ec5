# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of running jails: /.double/run/jails.json, {name: {jid, pid, path, hostname, params}}.

pid is the jail's init as the host double sees it; params are the jail(8) parameters as strings.
"""

from __future__ import annotations

import shared

TABLE = shared.RUN + "/jails.json"
LAST_JID = shared.RUN + "/last_jid"


def load() -> dict[str, dict]:
    """All running jails by name."""
    return shared.load(TABLE, {})


def find(reference: str) -> tuple[str, dict] | None:
    """A jail by name or jid, as FreeBSD's tools take either."""
    jails = load()
    if reference in jails:
        return reference, jails[reference]
    for name, jail in jails.items():
        if str(jail["jid"]) == reference:
            return name, jail
    return None


def add(name: str, pid: int, path: str, hostname: str, params: dict[str, str]) -> dict:
    """Register a started jail and give it the next jid: a jid is not used twice between two boots."""
    with shared.editing(LAST_JID, {"jid": 0}) as last:
        last["jid"] += 1
        jail = {"jid": last["jid"], "pid": pid, "path": path, "hostname": hostname, "params": params}
    with shared.editing(TABLE, {}) as table:
        table[name] = jail
    return jail


def remove(name: str) -> None:
    """Forget a jail; no error if it is gone already."""
    with shared.editing(TABLE, {}) as table:
        table.pop(name, None)
