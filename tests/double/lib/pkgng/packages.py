# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pkg's subcommands about packages: info, query, version, which, check."""

from __future__ import annotations

import fnmatch
import os
import re
import sys

from pkgng import files, query, repositories, versions
from pkgng.catalogues import catalogue_of
from pkgng.commandline import USAGE_ERROR, WORDS, Quiet, Stop, match_packages, read_options, warn
from pkgng.database import Database


def rquery(arguments: list[str]) -> int:
    """pkg rquery"""
    options, operands = read_options(arguments, "ae:giUxr:", WORDS)
    return print_query(options, operands, catalogue_of(options, True))


def _details(record: dict) -> str:
    label = f"{record['name']}-{record['version']}"
    rows = [
        ("Name", record["name"]),
        ("Version", record["version"]),
        ("Installed on", query.installed_on(record)),
        ("Origin", record["origin"]),
        ("Architecture", record.get("arch", repositories.abi())),
        ("Prefix", record.get("prefix", "/usr/local")),
        ("Categories", " ".join(record.get("categories", []))),
        ("Licenses", ", ".join(record.get("licenses", []))),
        ("Maintainer", record.get("maintainer", "ports@FreeBSD.org")),
        ("WWW", record.get("www", "")),
        ("Comment", record["comment"]),
    ]
    text = label + "\n" + "".join(f"{title:<15}: {value}\n" for title, value in rows)
    text += "Annotations    :\n" + _annotations(record)
    text += f"{'Flat size':<15}: {query.human(record.get('flatsize', 0))}\n"
    return text + f"Description    :\n{record.get('description', '')}\n"


def _annotations(record: dict) -> str:
    tags = {
        "FreeBSD_version": repositories.osversion(),
        "repo_type": "binary",
        "repository": record.get("repository", "unknown-repository"),
        **record.get("annotations", {}),
    }
    return "".join(f"\t{tag:<15}: {value}\n" for tag, value in sorted(tags.items()))


def info(arguments: list[str]) -> int:
    """pkg info"""
    options, operands = read_options(
        arguments,
        "aADdeEfgiIklbBoOpqrRsxF:C",
        [*WORDS, "annotations", "dependencies", "required-by", "list-files", "full", "origin", "size", "comment"],
    )
    for word, letter in (
        ("annotations", "A"),
        ("dependencies", "d"),
        ("required-by", "r"),
        ("list-files", "l"),
        ("full", "f"),
        ("origin", "o"),
        ("size", "s"),
        ("comment", "I"),
    ):
        if word in options:
            options[letter] = options.pop(word)
    database = Database(write=False)
    packages = database.packages
    if "e" in options:
        if not packages:
            warn("No packages installed")
            return 1
        return 0 if operands and all(hits for _rest, hits in match_packages(operands, packages, options)) else 1
    matched = match_packages(operands, packages, options) if operands else [("", list(packages.values()))]
    extras = set(options) & set("AdfklbBoprsDF")
    code = 0
    for pattern, records in matched:
        if not records and operands:
            if "q" not in options:
                warn(f"No package(s) matching {pattern}")
            code = 1
        for record in records:
            label = record["name"] if "E" in options and "q" in options else f"{record['name']}-{record['version']}"
            if "E" in options:
                print(label)
            elif extras - {"f"} or "f" in options:
                _print_extras(record, packages, options, label)
            elif operands and "I" not in options:
                # Named packages get all of it, unless -q asks for nothing more than whether they are there.
                if "q" not in options:
                    sys.stdout.write(_details(record))
            else:
                print(label if "q" in options else f"{label:<30} {record['comment']}")
    return code


def _print_extras(record: dict, packages: dict, options: dict, label: str) -> None:
    quiet = "q" in options
    if "f" in options:
        sys.stdout.write(_details(record))
    for letter, value in (
        ("o", record["origin"]),
        ("p", record.get("prefix", "/usr/local")),
        ("s", query.human(record.get("flatsize", 0))),
        ("k", "yes" if record.get("locked") else "no"),
    ):
        if letter in options:
            print(value if quiet else f"{label:<30} {value}")
    for letter, _title, items in (
        (
            "d",
            "Depends on",
            [
                f"{packages[name]['name']}-{packages[name]['version']}"
                for name in record.get("depends", [])
                if name in packages
            ],
        ),
        (
            "r",
            "Required by",
            [
                f"{other['name']}-{other['version']}"
                for other in packages.values()
                if record["name"] in other.get("depends", [])
            ],
        ),
        ("l", "", sorted(record.get("files", {}))),
    ):
        if letter in options and items:
            if not quiet:
                print(f"{label}:")
            for item in items:
                print(item if quiet else f"\t{item}")
    if "A" in options:
        sys.stdout.write(f"{label}:\n" + _annotations(record))
    if "D" in options and record.get("message"):
        print(f"{label}:\nAlways:\n{record['message']}")


def print_query(options: dict, operands: list[str], packages: dict[str, dict]) -> int:
    expression = options["e"][-1] if options.get("e") else None
    if not operands:
        raise Stop(USAGE_ERROR, "Usage: pkg query <query-format> <pkg-name>")
    text, patterns = operands[0], operands[1:]
    if "a" in options or (expression is not None and not patterns):
        hits = list(packages.values())
    else:
        hits = [record for _rest, records in match_packages(patterns, packages, options) for record in records]
    try:
        if expression is not None:
            hits = [record for record in hits if query.holds(expression, record, packages)]
        for record in hits:
            for line in query.lines(text, record, packages):
                print(line)
    except ValueError as problem:
        raise Stop(USAGE_ERROR, str(problem)) from None
    return 0 if hits or "a" in options else 1


def query_(arguments: list[str]) -> int:
    """pkg query"""
    options, operands = read_options(arguments, "ae:giIxF:C", ["all", "glob", "regex", "evaluate="])
    if "evaluate" in options:
        options["e"] = options.pop("evaluate")
    return print_query(options, operands, Database(write=False).packages)


def version(arguments: list[str]) -> int:
    """pkg version: installed packages against the repositories"""
    options, operands = read_options(
        arguments,
        "IPRUqvoOn:x:g:e:Cl:L:r:tTs:",
        ["remote", "verbose", "quiet", "like=", "not-like=", "match-name=", "exact-match", *WORDS],
    )
    if "t" in options:
        print(versions.compare(*operands[:2]))
        return 0
    if "T" in options:
        return 0 if fnmatch.fnmatchcase(operands[0], operands[1]) else 1
    available = catalogue_of(options, "q" in options)
    wanted = options.get("n", []) + options.get("e", [])
    for name, record in Database(write=False).packages.items():
        label = f"{name}-{record['version']}"
        if wanted and name not in wanted and label not in wanted:
            continue
        if "x" in options and not re.search(options["x"][-1], label):
            continue
        if "g" in options and not fnmatch.fnmatchcase(label, options["g"][-1]):
            continue
        other = available.get(name)
        sign = "?" if other is None else versions.compare(record["version"], other["version"])
        if "l" in options and sign not in options["l"][-1] or "L" in options and sign in options["L"][-1]:
            continue
        if "q" in options:
            print(label)
            continue
        line = f"{label:<34} {sign}"
        if "v" in options:
            line += {
                "<": f"   needs updating (remote has {other and other['version']})",
                "=": "   up-to-date with remote",
                ">": f"   succeeds remote (remote has {other and other['version']})",
                "?": "   orphaned: " + record["origin"],
            }[sign]
        print(line)
    return 0


def which(arguments: list[str]) -> int:
    """pkg which"""
    options, operands = read_options(arguments, "gmopq", [])
    code = 0
    packages = Database(write=False).packages
    for path in operands:
        resolved = path if path.startswith("/") else os.path.abspath(path)
        owner = next((record for record in packages.values() if resolved in record.get("files", {})), None)
        if owner is None:
            if "q" not in options:
                print(f"{path} was not found in the database")
            code = 1
            continue
        label = owner["origin"] if "o" in options else f"{owner['name']}-{owner['version']}"
        print(label if "q" in options else f"{path} was installed by package {label}")
    return code


def check(arguments: list[str]) -> int:
    """pkg check -d, -s: missing dependencies, changed or missing files"""
    options, operands = read_options(arguments, "adgmnqsvxyBr", [])
    packages = Database(write=False).packages
    chosen = (
        list(packages.values())
        if "a" in options or not operands
        else [record for _rest, hits in match_packages(operands, packages, options) for record in hits]
    )
    say = Quiet("q" in options)
    everything = "a" in options or not operands
    say(f"Checking {'all packages' if everything else 'packages'}: {'.' * 10 if everything else '.'} done")
    code = 0
    for record in chosen:
        if "d" in options:
            for name in record.get("depends", []):
                if name not in packages:
                    say(f"{record['name']} has a missing dependency: {name}")
                    code = 1
        if "s" in options:
            for path, checksum in record.get("files", {}).items():
                if not os.path.lexists(path):
                    warn(f"{record['name']}-{record['version']}: missing file {path}")
                    code = 1
                elif checksum and files.checksum(path) != checksum:
                    warn(f"{record['name']}-{record['version']}: checksum mismatch for {path}")
                    code = 1
    return code


def stats(_arguments: list[str]) -> int:
    """pkg stats"""
    packages = Database(write=False).packages
    print(
        "Local package database:\n"
        f"\tInstalled packages: {len(packages)}\n"
        f"\tDisk space occupied: {sum(record.get('flatsize', 0) for record in packages.values()) >> 20} MiB\n"
    )
    return 0
