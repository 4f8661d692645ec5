# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pkg query's formats and expressions."""

from __future__ import annotations

import fnmatch
import re
import time

from pkgng import versions

_SINGLE = {
    "n": lambda record: record["name"],
    "v": lambda record: record["version"],
    "o": lambda record: record["origin"],
    "p": lambda record: record.get("prefix", "/usr/local"),
    "m": lambda record: record.get("maintainer", "ports@FreeBSD.org"),
    "c": lambda record: record["comment"],
    "e": lambda record: record.get("description", ""),
    "w": lambda record: record.get("www", ""),
    "l": lambda record: "single",
    "a": lambda record: str(int(record.get("automatic", False))),
    "k": lambda record: str(int(record.get("locked", False))),
    "V": lambda record: "0",
    "t": lambda record: str(record.get("time", 0)),
    "R": lambda record: record.get("repository", "unknown-repository"),
    "q": lambda record: record.get("arch", ""),
    "M": lambda record: record.get("message", ""),
}


def human(size: int) -> str:
    """A size in bytes as pkg prints it: 17.0B, 5.2MiB."""
    value = float(size)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.1f}{unit}"
        value /= 1024
    return f"{value:.1f}GiB"


def _lists(record: dict, packages: dict[str, dict]) -> dict[str, list[dict[str, str]]]:
    dependencies = [packages[name] for name in record.get("depends", []) if name in packages]
    dependants = [other for other in packages.values() if record["name"] in other.get("depends", [])]

    def brief(other: dict) -> dict[str, str]:
        return {"n": other["name"], "v": other["version"], "o": other["origin"]}

    return {
        "d": [brief(other) for other in dependencies],
        "r": [brief(other) for other in dependants],
        "C": [{"": category} for category in record.get("categories", [record["origin"].split("/")[0]])],
        "L": [{"": licence} for licence in record.get("licenses", [])],
        "F": [{"p": path, "s": checksum} for path, checksum in sorted(record.get("files", {}).items())],
        "D": [{"p": entry[0]} for entry in record.get("directories", [])],
        "U": [{"": name} for name in record.get("users", [])],
        "G": [{"": name} for name in record.get("groups", [])],
        "A": [{"n": tag, "v": value} for tag, value in sorted(record.get("annotations", {}).items())],
    }


_FIELD = re.compile(r"%(?:([#?])([drCLFDUGA])|([drFDA])([nvops])|([CLUG])|s([hb])|([a-zA-Z%]))")


def lines(text: str, record: dict, packages: dict[str, dict]) -> list[str]:
    """The lines a format gives for one package: one for each item of the first list it names. Raises ValueError."""
    lists = _lists(record, packages)
    looped = next(
        (match.group(3) or match.group(5) for match in _FIELD.finditer(text) if match.group(3) or match.group(5)), None
    )

    def fill(item: dict[str, str]) -> str:
        def one(match: re.Match) -> str:
            count, counted, listed, key, plain, size, single = match.groups()
            if count:
                number = len(lists[counted])
                return str(number if count == "#" else int(number > 0))
            if listed or plain:
                return item.get(key or "", "")
            if size:
                return human(record.get("flatsize", 0)) if size == "h" else str(record.get("flatsize", 0))
            if single == "%":
                return "%"
            if single not in _SINGLE:
                raise ValueError(f"unknown format key '%{single}'")
            return _SINGLE[single](record)

        return _FIELD.sub(one, text).replace("\\n", "\n").replace("\\t", "\t")

    return [fill(item) for item in lists[looped]] if looped else [fill({})]


def holds(expression: str, record: dict, packages: dict[str, dict]) -> bool:
    """Whether an expression such as '%n = foo && %a = 0' is true of a package. Raises ValueError."""
    return any(
        all(_comparison(part.strip(" ()"), record, packages) for part in re.split(r"&&|\band\b", alternative))
        for alternative in re.split(r"\|\||\bor\b", expression)
    )


def _comparison(text: str, record: dict, packages: dict[str, dict]) -> bool:
    match = re.match(r"^(%[#?]?\w+)\s*(!=|!~|>=|<=|==|=|~|>|<)\s*(.+)$", text)
    if match is None:
        raise ValueError(f"syntax error in expression '{text}'")
    field, operator, wanted = match.groups()
    wanted = wanted.strip().strip("\"'")
    values = lines(field, record, packages)
    if operator in ("=", "=="):
        return wanted in values
    if operator == "!=":
        return wanted not in values
    if operator in ("~", "!~"):
        return any(fnmatch.fnmatchcase(value, wanted) for value in values) == (operator == "~")
    order = versions.compare(values[0], wanted) if values else "<"
    return order == operator[0] or (operator.endswith("=") and order == "=")


def installed_on(record: dict) -> str:
    """The installation time as pkg info writes it."""
    return time.strftime("%a %b %e %H:%M:%S %Y %Z", time.localtime(record.get("time", 0)))
