# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order the servers of a run have their turn, and when what is left is left alone. Servers are names of
inventory hosts.
"""

from __future__ import annotations

import re
import typing as t


def steps(serial) -> list[int | float]:
    """The sizes of batches that Ansible's C(serial) can say: a number of servers from 1 on, a percentage (as a
    fraction of 1), or a list of both. ValueError with the end of a sentence about the value.
    """
    if isinstance(serial, (list, tuple)):
        if not serial:
            raise ValueError("has no item")
        return [step for item in serial for step in steps(item)]
    if isinstance(serial, bool) or not isinstance(serial, (int, str)):
        raise ValueError("is neither a number of servers from 1 on nor a percentage")
    if not re.fullmatch(r"[1-9][0-9]{0,5}|([1-9][0-9]?|100)%", str(serial)):
        raise ValueError("is neither a number of servers from 1 on nor a percentage")
    text = str(serial)
    return [int(text[:-1]) / 100 if text.endswith("%") else int(text)]


def named(names, groups: t.Mapping[str, t.Sequence[str]], servers: t.Sequence[str]) -> list[str]:
    """Those of the servers that some names of servers and groups mean, in the servers' order; names: a list, or a text
    with commas.
    """
    meant = {server for name in words(names) for server in [name, *groups.get(name, ())]}
    return [server for server in servers if server in meant]


def words(names) -> list[str]:
    """The names in a list, or in a text with commas."""
    found = names.split(",") if isinstance(names, str) else names
    return [str(name).strip() for name in found if str(name).strip()]


def batches(servers: t.Sequence[str], serial, canary: t.Sequence[str]) -> list[list[str]]:
    """The servers, batch after batch: the canaries alone, then the others in batches as serial has them.

    A percentage is one of the others, and at least one server; the last size goes on until nobody is left.
    """
    found = [list(canary)] if canary else []
    waiting = [server for server in servers if server not in set(canary)]
    sizes = [max(1, int(step * len(waiting))) if isinstance(step, float) else step for step in steps(serial)]
    while waiting:
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        found.append(waiting[:size])
        waiting = waiting[size:]
    return found


def stopped(failed: t.Collection[str], servers: t.Sequence[str], percentage: int, canary: t.Sequence[str]) -> bool:
    """Whether nobody else has a turn: more than this percentage of all servers failed, or one that was there to warn
    of it.
    """
    return len(failed) * 100 > percentage * len(servers) or any(server in failed for server in canary)
