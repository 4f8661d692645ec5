# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Problems, and the words in which they are told."""

from __future__ import annotations

import dataclasses
import re

from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import vocabulary

_SECRET = re.compile(r"password|passwd|secret|token|gossip_key|basic_auth|credential|passphrase")


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that is wrong: on which server, with which variable, what, and what would be right."""

    host: str
    variable: str
    problem: str
    example: str

    def __str__(self) -> str:
        text = "{}: {}{} {}".format(
            self.host, self.variable, "" if self.problem.startswith("is ") else ":", self.problem
        )
        return f"{text}; for example {self.example}" if self.example else text + "."


def report(found: list[Problem]) -> str:
    """All problems as one message, a line each."""
    count = "1 problem" if len(found) == 1 else f"{len(found)} problems"
    return "\n".join([f"{count} in the inventory; no host has been contacted:"] + [f"- {problem}" for problem in found])


def is_secret(name: str) -> bool:
    """Whether a variable of this name is to be kept out of messages."""
    return vocabulary.is_secret(name) if name in vocabulary.documented() else bool(_SECRET.search(name))


def shown(name: str, value) -> str:
    """The subject of a sentence about a value: the value itself if it is short, simple and no secret."""
    if is_secret(name) or isinstance(value, (list, tuple, dict)) or value is None:
        return "the value"
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, str):
        return str(value)
    if not value:
        return "the empty text"
    if "@" in value and "://" in value:
        value = re.sub(r"//[^/]*@", "//…@", value)
    if "PRIVATE KEY" in value:
        return "the value"
    value = value.encode("unicode_escape").decode("ascii") if re.search(r"[\x00-\x1f\x7f]", value) else value
    return '"%s"' % (value if len(value) <= 70 else value[:67] + "…")
