# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rule says of one server for others to keep to."""

from __future__ import annotations

import typing as t


class Claim(t.NamedTuple):
    """What a server has for itself.

    variable: which decides it; where: the host for which it counts, or "" for all of them; kind and what: two claims
    with all three alike clash; before, after: words around the name of the server that claimed it first; example: a
    value of the variable that does not clash. implied_by: a kind whose clash with the same server says it already.
    overlaps: for paths, what they are called; one below another server's clashes as well.
    """

    variable: str
    where: t.Any
    kind: str
    what: t.Any
    before: str
    after: str
    example: str
    implied_by: str = ""
    overlaps: str = ""


class Alike(t.NamedTuple):
    """What a server has to say as others do.

    variable: which says it; where: the host, or what else tells apart what is to be alike; value: what it says;
    problem: words about another value and the name of the server with it; example: as Server.report takes it. of_a_run:
    it concerns servers of this run only.
    """

    variable: str
    where: tuple
    value: t.Any
    problem: t.Callable[[t.Any, str], str]
    example: str | None = None
    of_a_run: bool = False
