# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words, options, dates and passwords of pw(8)."""

from __future__ import annotations

import os
import time

USAGE, DATAERR, NOUSER, NOPERM, OSFILE = 64, 65, 67, 77, 72


OBJECTS = ("user", "group")


VERBS = ("add", "del", "mod", "show", "next")


LOWEST, HIGHEST = 1000, 32000


# Options with a value; the rest are switches.
WITH_VALUE = {
    ("user", "add"): "VRCnucdepgGMksLhHwbxKyi",
    ("user", "mod"): "VRCnucdepgGMksLhHwlKy",
    ("group", "add"): "VRCnguMhHK",
    ("group", "mod"): "VRCngulMdmhHK",
}


class Failure(Exception):
    def __init__(self, code: int, message: str):
        super().__init__(message)
        self.code = code


def parse(argv: list[str]) -> tuple[str, str, dict[str, str]]:
    """('user', 'add', {'n': …, option: value}); switches have the value ''."""
    options: dict[str, str] = {}
    words = list(argv)
    early: dict[str, str] = {}
    while words and words[0].startswith("-") and words[0][1:2] in ("V", "R"):
        letter = words[0][1]
        early[letter] = words[0][2:] or (words.pop(1) if len(words) > 1 else "")
        words.pop(0)
    joined = "".join(words[:1])
    object_ = verb = ""
    consumed = 1
    for candidate in OBJECTS:
        if joined == candidate and len(words) > 1:
            object_, verb, consumed = candidate, words[1], 2
        elif joined.startswith(candidate):
            object_, verb = candidate, joined[len(candidate) :]
        elif joined.endswith(candidate) and joined != candidate:
            object_, verb = candidate, joined[: -len(candidate)]
    if joined in VERBS and len(words) > 1 and words[1] in OBJECTS:
        object_, verb, consumed = words[1], joined, 2
    if joined in ("lock", "unlock"):
        object_, verb = "user", joined
    if not object_ or verb not in (*VERBS, "lock", "unlock"):
        raise Failure(
            USAGE,
            f"unknown keyword `{joined}'"
            if joined
            else "usage: pw [user|group|lock|unlock] [add|del|mod|show|next] [help|switches/values]",
        )
    words = words[consumed:]
    values = WITH_VALUE.get((object_, verb), "VRCnuyg")
    while words:
        word = words.pop(0)
        if word == "--":
            continue
        if not word.startswith("-") or len(word) == 1:
            # The first bare word is the name, or the id if it is a number.
            if word.isdigit() and verb != "add":
                options["u" if object_ == "user" else "g_id"] = word
            elif "n" in options:
                raise Failure(USAGE, f"unknown argument `{word}'")
            else:
                options["n"] = word
            continue
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in values:
                if letters:
                    value, letters = letters, ""
                elif words:
                    value = words.pop(0)
                else:
                    raise Failure(USAGE, f"option requires an argument -- {letter}")
                if letter == "K" and "K" in options:
                    value = options["K"] + " " + value
                options[letter] = value
            elif letter in "oqPNDaFrYm7":
                options[letter] = ""
            else:
                raise Failure(USAGE, f"illegal option -- {letter}")
    options.update(early)
    return object_, verb, options


def next_id(taken: set[int], lowest: int = LOWEST, highest: int = HIGHEST) -> int:
    """One above the largest in use: pw does not reuse ids, and never gives the very first."""
    inside = [number for number in taken if lowest <= number <= highest]
    candidate = max(inside, default=lowest) + 1
    if candidate <= highest:
        return candidate
    return next(number for number in range(lowest, highest + 1) if number not in taken)


def password(options: dict[str, str], current: str) -> str:
    """-h FD takes a clear password, -H FD a hash; -h - forbids logins by password."""
    for letter in "hH":
        if letter not in options:
            continue
        if options[letter] == "-":
            return "*"
        try:
            line = os.fdopen(int(options[letter])).readline()
        except (OSError, ValueError):
            raise Failure(USAGE, f"bad file descriptor `{options[letter]}'") from None
        line = line.rstrip("\r\n")
        if not line:
            raise Failure(DATAERR, "empty password read on file descriptor " + options[letter])
        if letter == "H":
            if ":" in line:
                raise Failure(DATAERR, "bad encrypted password")
            return line
        return hashed(line)
    return current


def hashed(clear: str) -> str:
    import ctypes

    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    alphabet = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    salt = "$6$" + "".join(alphabet[byte % 64] for byte in os.urandom(16))
    return library.crypt(clear.encode(), salt.encode()).decode()


def date(text: str) -> str:
    """-e and -p: seconds since the epoch, a date, or +N[hdwmoy]."""
    if not text or text == "0":
        return "0"
    if text.startswith("+"):
        number = int("".join(character for character in text[1:] if character.isdigit()))
        unit = text.lstrip("+0123456789")
        factor = {"": 1, "h": 3600, "d": 86400, "w": 7 * 86400, "o": 30 * 86400, "y": 365 * 86400}.get(unit[:1], 86400)
        return str(int(time.time()) + number * factor)
    if text.isdigit():
        return text
    for form in ("%d-%b-%Y", "%d-%m-%Y", "%d-%b-%y", "%d-%m-%y"):
        try:
            import calendar

            return str(calendar.timegm(time.strptime(text, form)))
        except ValueError:
            continue
    raise Failure(DATAERR, f"invalid date `{text}'")
