# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs all rules over all servers."""

from __future__ import annotations

import dataclasses
import datetime
import os
import typing as t

from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import clashes, options, vocabulary
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.parts import OPTIONS, PARTS
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.report import Problem
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.rules import upgrade
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server


def problems(
    server_vars: dict[str, dict],
    neighbours: dict[str, dict] | None = None,
    roles: t.Iterable[options.Role] = (),
    own: t.Iterable[str] = (),
    defaults: t.Mapping[str, dict] | None = None,
    ports: t.Mapping[str, list[dict]] | None = None,
    resolve: t.Callable[[str], str] = os.path.abspath,
    now: datetime.datetime | None = None,
    hash_password: t.Callable[[], t.Any] = lambda: None,
    groups: t.Mapping[str, t.Sequence[str]] | None = None,
) -> list[Problem]:
    """All problems of all servers, server by server in the given order.

    server_vars: for each server its variables, templated; a value that could not be worked out is an Unusable.
    neighbours: servers that are not part of this run, looked at for clashes only. roles: whose options are checked too;
    own: names of variables that are the user's own though they look like ours; defaults: for each server the defaults
    of its variables; ports: and the ports that the plates of its parts state; resolve: makes the path of a file on the
    controller absolute; hash_password: makes a bcrypt hash, or raises anything when this controller cannot; groups: the
    hosts of each group of the inventory.
    """
    now = now or datetime.datetime.now(datetime.timezone.utc)
    roles = list(roles)
    names = set(vocabulary.documented())
    defaults, ports = defaults or {}, ports or {}
    servers = [
        Server(host, variables, defaults.get(host), ports.get(host, ())) for host, variables in server_vars.items()
    ]
    controller = Controller(resolve, now, hash_password)
    for server in servers:
        for part in PARTS:
            part.check(server, controller)
        clashes.check_ports(server)
        options.check_spellings(server, roles)
        options.check_usable(server, names, roles)
        options.check_options(server, roles)
        options.check_names(server, names, roles, set(own))
    others = {host: variables for host, variables in (neighbours or {}).items() if host not in server_vars}
    strangers = [Server(host, variables, defaults.get(host)) for host, variables in others.items()]
    clashes.check_servers(servers, strangers)
    for server in servers[:1]:
        upgrade.check_canaries(server, groups or {}, [each.host for each in strangers + servers])
    return [problem for server in servers for problem in server.problems]


def role_problems(
    host: str, role: options.Role, given: dict, variables: dict, defaults: dict, controller: Controller
) -> list[Problem]:
    """All problems with the options of one role, by the rules of its part.

    given: the role's options; variables: the vocabulary, as far as it is known in the run; defaults: and its defaults.
    An option that says something else than its variable is told under its own name.
    """
    said = {name: value for name, value in variables.items() if not _same(value, defaults.get(name))}
    stand_ins = {}
    for option, name in role.follows.items():
        if option in given and not _same(given[option], defaults.get(name)):
            said[name] = given[option]
            if not _same(variables.get(name), given[option]):
                stand_ins[name] = option
    own = {option: value for option, value in given.items() if option not in role.follows}
    server = Server(host, {**own, **said}, {**defaults, **variables}, stand_ins=stand_ins)
    part = next((part for part in PARTS if part.__name__.rpartition(".")[2] == role.name), None)
    if part:
        for option in part.needed(server) if hasattr(part, "needed") else ():
            _check_needed(server, role, option)
        part.check(server, controller)
    options.check_options(server, [dataclasses.replace(role, values={host: own})])
    return server.problems


def _check_needed(server: Server, role: options.Role, name: str) -> None:
    """Report an option that has no value, by the name of its variable where it follows one; or a variable itself."""
    problem, variable = f"is not set, and the role {role.name} needs it", role.follows.get(name)
    if variable:
        problem += f" (or {name})"
    elif name in OPTIONS:
        if not server.wanted(name):
            server.report(name, problem, f"{name}: {OPTIONS[name].example}")
        return
    variable = variable or name
    if server.effective(variable) in (None, "") and server.known(variable):
        server.report(variable, problem)


def _same(one, other) -> bool:
    """Whether two values are the same to somebody who writes them: 1 and 1.0 are not true."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)
