# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of UCL that pkg's configuration files use: nested objects, lists, strings, booleans, comments."""

from __future__ import annotations

import re

_BLANK = re.compile(r"(?:\s+|#[^\n]*|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_KEY = re.compile(r'"([^"]*)"|([^\s:={}\[\],;"]+)')
# A bare value ends at the line's end or a separator; ${ABI} may stand in it.
_BARE = re.compile(r"(?:\$\{\w+\}|[^\s,;{}\[\]])+")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|\'([^\']*)\'')
_WORDS = {"yes": True, "true": True, "on": True, "no": False, "false": False, "off": False}


class SyntaxFault(ValueError):
    """A text that is not the subset of UCL read here."""


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def peek(self, blank: re.Pattern = _BLANK) -> str:
        self.at = blank.match(self.text, self.at).end()
        return self.text[self.at : self.at + 1]

    def take(self, pattern: re.Pattern, what: str) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise SyntaxFault(f"{what} expected at offset {self.at}")
        self.at = match.end()
        return next((group for group in match.groups() if group is not None), match.group())

    def members(self, end: str) -> dict:
        result: dict = {}
        while True:
            mark = self.peek()
            if mark == end:
                self.at += 1
                return result
            if mark in (",", ";") and mark:
                self.at += 1
                continue
            key = self.take(_KEY, "a key")
            if self.peek() in (":", "="):
                self.at += 1
            value = self.value()
            if isinstance(value, dict) and isinstance(result.get(key), dict):
                result[key].update(value)
            else:
                result[key] = value

    def value(self):
        mark = self.peek()
        if mark == "{":
            self.at += 1
            return self.members("}")
        if mark == "[":
            self.at += 1
            items = []
            while self.peek() != "]":
                if self.peek() == ",":
                    self.at += 1
                else:
                    items.append(self.value())
            self.at += 1
            return items
        if mark in ('"', "'"):
            return self.take(_STRING, "a string").replace('\\"', '"')
        bare = self.take(_BARE, "a value")
        return _WORDS.get(bare.lower(), bare)


def parse(text: str) -> dict:
    """The top-level object of a file; values are str, bool, list or dict. Raises SyntaxFault."""
    reader = _Reader(text)
    if reader.peek() == "{":
        reader.at += 1
        return reader.members("}")
    return reader.members("")
