# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of one server."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.parts import VARIABLES
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.report import Problem, shown
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Unusable, Variable


class Server:
    """The variables of one server, checked one by one as far as that goes; what is wrong is collected in problems."""

    def __init__(
        self,
        host: str,
        variables: dict,
        defaults: dict | None = None,
        ports: t.Iterable[dict] = (),
        stand_ins: dict[str, str] | None = None,
    ):
        """defaults: what the vocabulary makes of variables that are not given, as far as it can be worked out; ports:
        what the plates of its parts state of ports; stand_ins: for a variable that is not given, the option that a role
        used alone was given in its place.
        """
        self.host = host
        self.defaults = defaults or {}
        self.ports = list(ports)
        self.stand_ins = stand_ins or {}
        self.given = dict(variables)
        self.values: dict[str, t.Any] = {}
        self.problems: list[Problem] = []
        self.bad: set[str] = set()
        for name, variable in VARIABLES.items():
            if name in self.given:
                self._check(name, variable, self.given[name])

    def _check(self, name: str, variable: Variable, value) -> None:
        found = self.judge(name, variable, value)
        if name not in self.bad:
            self.values[name] = found

    def judge(self, name: str, known: Variable, value):
        """The normal form of a value by what is known of its variable or option; None after reporting what is wrong
        with it.
        """
        problem = ""
        if isinstance(value, Unusable):
            problem = f"the value {value.reason}"
        elif value is None:
            problem = "the value is missing after the colon"
        elif isinstance(value, str) and not value:
            if known.empty:
                return ""
            problem = "the value is empty"
        else:
            try:
                return known.check(value)
            except names.BadValue as error:
                problem = error.problem[:1].lower() + error.problem[1:]
            except ValueError as error:
                problem = f"{shown(name, value)} {error}"
        self.report(name, problem, None if name in VARIABLES else f"{name}: {known.example}")
        return None

    def effective(self, name: str):
        """The value that the parts go by: the given one, else the default; None when it is bad or has no default."""
        if name in self.bad:
            return None
        return self[name] if name in self.given else self.defaults.get(name)

    def report(self, name: str, problem: str, example: str | None = None) -> None:
        """Note a problem; one with the variable itself makes the rest ignore the variable."""
        if example is None:
            known = VARIABLES.get(name)
            example = f"{name}: {known.example}" if known else ""
        self.bad.add(name)
        option = self.stand_ins.get(name, name)
        # What a checker quotes of a value has to stay on the line, and the line readable.
        problem = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda match: ascii(match.group())[1:-1], problem)
        problem = re.sub(r'"([^"]{67})[^"]{4,}"', r'"\1…"', problem)
        self.problems.append(Problem(self.host, option, problem, example.replace(name + ":", option + ":")))

    def __getitem__(self, name: str):
        """The checked value; None when it is not given, the empty text included, or is bad."""
        found = self.values.get(name)
        return None if found == "" else found

    def known(self, *names: str) -> bool:
        """Whether nothing is wrong with these variables, so that what depends on them can be judged."""
        return not self.bad & set(names)

    def missing(self, name: str) -> bool:
        """Whether a variable has no value at all (a bad one has been reported already)."""
        return name not in self.bad and self[name] in (None, [], "")

    def wanted(self, name: str) -> bool:
        """Whether a value is given at all, be it good or bad."""
        return self.given.get(name) not in (None, "", [])

    @property
    def machine(self) -> tuple:
        """What tells one host from another: the address and port that Ansible connects to."""
        if self.given.get("ansible_connection") == "local":
            return ("the controller",)
        address, port = self.given.get("ansible_host", self.host), self.given.get("ansible_port", 22)
        if isinstance(address, Unusable):
            return (self.host,)
        try:
            # One address has several spellings, and a name has one with a dot at its end.
            return (names.host(str(address)), str(port))
        except ValueError:
            return (str(address).lower(), str(port))

    def both_or_neither(self, one: str, other: str) -> None:
        """Report that of two variables that go together one is missing."""
        for first, second in ((one, other), (other, one)):
            if self.wanted(first) and self.missing(second):
                self.report(second, f"is not set, but {first} is; give both or neither")
