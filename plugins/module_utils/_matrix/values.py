# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of any purpose: booleans, texts, lists, sizes, numbers of days.

Every checker takes the value, returns its normal form and raises ValueError with the end of a sentence whose subject
is the value.
"""

from __future__ import annotations

import re
import unicodedata

from ansible_collections.potluck.matrix.plugins.module_utils._matrix.names import kind, text

# Every other text is false to the filter "bool", which roles use, and some of them are true to an argument spec.
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


def boolean(value) -> bool:
    """True or false, also as the texts Potluck has: exactly what the filter C(bool) makes the same of.

    Whatever is refused here reaches no role, so that roles may convert by that filter and mean what was judged.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, str)):
        word = str(value).lower()
        if word in _TRUE:
            return True
        if word in _FALSE:
            return False
        raise ValueError("is neither true nor false")
    raise ValueError(f"is {kind(value)} where true or false is expected")


def choice(*allowed):
    """A checker for one of some words."""

    def check(value):
        if text(value) not in allowed:
            raise ValueError("is none of {}".format(", ".join(allowed)))
        return str(value)

    return check


def line(value) -> str:
    """A text of one line, of characters that can be seen."""
    found = text(value)
    # YAML takes U+0085, U+2028 and U+2029 for ends of lines too.
    if re.search("[\n\r\x85\u2028\u2029]", found):
        raise ValueError("holds a line break")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in found):
        raise ValueError("holds a control character")
    return found


def plain_line(value) -> str:
    """A text of one line for files that a shell, cron, nginx or sudo reads: nothing in it means anything to them."""
    found = line(value)
    special = re.search("[\"'`$\\\\;|&<>{}]", found)
    if special:
        raise ValueError(
            f"holds the character {special.group()}, which has a meaning of its own in the file it is written to"
        )
    return found


def whole_number(least: int, most: int):
    """A checker for a whole number, given as a number or as its digits."""

    def check(value) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError(f"is {kind(value)} where a whole number is expected")
        # A zero in front makes an octal number of it in YAML, and a decimal one in Python.
        if isinstance(value, str) and not re.fullmatch("0|-?[1-9][0-9]{0,17}", value):
            raise ValueError("is not a whole number")
        if not least <= int(value) <= most:
            raise ValueError(f"is not between {least} and {most}")
        return int(value)

    return check


def list_of(checker, least: int = 0, unique: bool = True):
    """A checker for a list, each item of which the given checker takes; a text is no list, for it would be used letter
    by letter.
    """

    def check(value) -> list:
        found = []
        for number, item in enumerate(items(value), 1):
            shown = f' "{item}"' if isinstance(item, str) else ""
            try:
                found.append(checker(item))
            except ValueError as error:
                raise ValueError("has as item {}{}, which {}".format(number, shown or " something", error)) from None
            if unique and found.count(found[-1]) > 1:
                raise ValueError(f"has item {number}{shown} twice")
        if len(found) < least:
            raise ValueError("has no item")
        return found

    return check


def secret(value) -> str:
    """A password: a text of one line. YAML makes a number of unquoted digits, hence the hint."""
    if isinstance(value, (bool, int, float)):
        raise ValueError(f"is {kind(value)}; put it in quotes")
    return line(value)


def word(pattern: str, problem: str, longest: int = 255):
    """A checker for a text that matches a pattern as a whole."""

    def check(value):
        if not re.fullmatch(pattern, text(value)):
            raise ValueError(problem)
        if len(value) > longest:
            raise ValueError(f"is longer than {longest} characters")
        return str(value)

    return check


def normal(checker):
    """A checker for values that are used as they are written: the value has to be its own normal form."""

    def check(value):
        found = checker(value)
        if found != value:
            raise ValueError(f'is not in its normal form "{found}"')
        return found

    return check


def ignoring_case(checker):
    def check(value):
        found = checker(value)
        if found.lower() != value.lower():
            raise ValueError(f'is not in its normal form "{found}"')
        return found

    return check


def items(value) -> list:
    if isinstance(value, (list, tuple)):
        return list(value)
    raise ValueError(f"is {kind(value)} where a list is expected")


def size(value) -> str:
    """A number of bytes, or one with the suffix K, M or G, which nginx reads, and Synapse after in_megabytes()."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"is {kind(value)} where a size is expected")
    if not re.fullmatch(r"[1-9][0-9]{0,14}[KMG]?", str(value)):
        raise ValueError("is not a number of bytes, nor one followed by K, M or G")
    return str(value)


def in_megabytes(given: int | str) -> int | str:
    """A size without the suffix G, which the Synapse of older ports does not read."""
    return f"{int(given[:-1]) * 1024}M" if isinstance(given, str) and given.endswith("G") else given


def days(value) -> int:
    """A number of days, at least one."""
    if isinstance(value, bool) or not re.fullmatch(r"[1-9][0-9]{0,3}", str(value)):
        raise ValueError("is not a number of days from 1 to 9999")
    return int(value)
