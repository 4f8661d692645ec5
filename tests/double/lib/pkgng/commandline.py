# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options, patterns and questions of pkg's subcommands."""

from __future__ import annotations

import fnmatch
import getopt
import os
import re
import sys

from pkgng import ucl

USAGE_ERROR = 64

NO_PERMISSION = 77


class Stop(Exception):
    """End with this exit code; the text, if any, goes to stderr behind pkg's name."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text)
        self.code = code


class Quiet:
    """Prints unless -q was given."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def __call__(self, text: str, end: str = "\n") -> None:
        if not self.quiet:
            sys.stdout.write(text + end)
            sys.stdout.flush()


def warn(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"pkg: {text}\n")


def setting_of(name: str, default: bool) -> bool:
    value = os.environ.get(name)
    if value is None:
        try:
            with open("/usr/local/etc/pkg.conf", encoding="utf-8") as stream:
                value = ucl.parse(stream.read()).get(name, default)
        except OSError:
            return default
    return value if isinstance(value, bool) else value.lower() in ("yes", "true", "on", "1")


def read_options(arguments: list[str], letters: str, words: list[str] = ()) -> tuple[dict[str, list[str]], list[str]]:
    """({letter or long word: values}, operands); repeated options keep all their values."""
    try:
        pairs, operands = getopt.getopt(arguments, letters, list(words))
    except getopt.GetoptError as problem:
        raise Stop(USAGE_ERROR, f"{problem.msg}\nFor more information see 'pkg help'.") from None
    found: dict[str, list[str]] = {}
    for option, value in pairs:
        found.setdefault(option.lstrip("-"), []).append(value)
    # Long spellings that have a letter are looked up by it.
    for word, letter in LETTERS.items():
        if word in found:
            found.setdefault(letter, []).extend(found.pop(word))
    return found, operands


LETTERS = {
    "repository": "r",
    "yes": "y",
    "dry-run": "n",
    "quiet": "q",
    "force": "f",
    "glob": "g",
    "regex": "x",
    "all": "a",
    "no-repo-update": "U",
    "exists": "e",
    "exact": "E",
    "case-insensitive": "i",
    "automatic": "A",
    "recursive": "R",
}

WORDS = ["repository=", *(word for word in LETTERS if word != "repository")]


def match_packages(patterns: list[str], packages: dict[str, dict], options: dict) -> list[tuple[str, list[dict]]]:
    """For each pattern the packages it means: by name, name-version or origin; glob and regex if asked for."""
    result = []
    for pattern in patterns:
        hits = []
        for record in packages.values():
            names = (record["name"], f"{record['name']}-{record['version']}", record["origin"])
            if "x" in options:
                matches = any(re.search(pattern, name) for name in names[:2])
            elif "g" in options:
                matches = any(fnmatch.fnmatchcase(name, pattern) for name in names)
            else:
                matches = pattern in names
            if matches:
                hits.append(record)
        result.append((pattern, hits))
    return result


def need_root(action: str) -> None:
    if os.geteuid() != 0:
        raise Stop(NO_PERMISSION, f"Insufficient privileges to {action}")


def confirmed(options: dict, question: str, default: bool = False) -> bool:
    if "y" in options or setting_of("ASSUME_ALWAYS_YES", False):
        return True
    if not sys.stdin.isatty():
        return default
    answer = input(f"\n{question} [{'Y/n' if default else 'y/N'}]: ")
    return answer.strip().lower() in ("y", "yes")
