# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far each server has come in a play: the roles that are ahead, and the one that it is in."""

from __future__ import annotations

import json
import typing as t

import yaml
from ansible_collections.potluck.matrix.plugins.plugin_utils import _parts

# What of a failure is told otherwise, or tells nothing.
_TOLD = ("msg", "censored", "changed", "failed", "unreachable", "invocation", "ansible_facts", "start", "end", "delta")
# The role that sets up others, which no play names.
_PARTS_ROLE = "parts"


def with_parts(steps: t.Iterable[str]) -> list[str]:
    """The steps of a play, each change of them once, the parts of a homeserver after the role that sets them up."""
    found: list[str] = []
    for step in steps:
        if found and found[-1] == step:
            continue
        found.append(step)
        if step == _PARTS_ROLE:
            text = (_parts.ROLES / _PARTS_ROLE / "vars/main.yml").read_text(encoding="utf-8")
            found += yaml.safe_load(text)["__parts_list"]
    return found


def clock(seconds: float) -> str:
    """A time as hours, where there are any, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def lines(told: t.Any) -> list[str]:
    """A message, which may be a list of sentences, as lines."""
    if isinstance(told, (list, tuple)):
        return [line for each in told for line in lines(each)]
    return str(told).splitlines()


def details(result: t.Mapping[str, t.Any]) -> list[str]:
    """What a result tells of a failure beside its message, as lines."""
    found: list[str] = []
    for key, value in result.items():
        repeated = key.endswith("_lines") and key.removesuffix("_lines") in result
        if key in _TOLD or key.startswith("_ansible_") or repeated or value in ("", [], {}, None):
            continue
        if isinstance(value, str):
            texts = lines(value)
            found += [f"{key}: {texts[0]}"] if len(texts) == 1 else [f"{key}:", *(f"  {text}" for text in texts)]
        else:
            found.append(f"{key}: {json.dumps(value, default=str, ensure_ascii=False)}")
    return found


class Course:
    """The steps of one play, and where each server is among them."""

    def __init__(self, steps: t.Iterable[str]) -> None:
        self.steps = with_parts(steps)
        self._at: dict[str, tuple[str, int]] = {}

    def enter(self, server: str, step: str) -> bool:
        """Note which step a server is in; whether it is another one than before.

        What the play has not announced does not move it forward: it counts as a piece of the step before.
        """
        former, number = self._at.get(server, ("", 0))
        if step == former:
            return False
        if step in self.steps[number:]:
            number = self.steps.index(step, number)
        self._at[server] = (step, number)
        return True

    def place(self, server: str) -> str:
        """STEP (N of M) of a server; a play that announces no steps has no numbers."""
        step, number = self._at.get(server, ("", 0))
        numbers = f" ({number + 1} of {len(self.steps)})" if self.steps else ""
        return (step or "its beginning") + numbers
