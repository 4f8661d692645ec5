# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""zfs list and zfs get."""

from __future__ import annotations

import os
import sys

import mounttable

import zfs
from zfs.commandline import USAGE, options, usage
from zfs.errors import ZfsError

TYPES = {
    "filesystem": "filesystem",
    "fs": "filesystem",
    "snapshot": "snapshot",
    "snap": "snapshot",
    "volume": "volume",
    "vol": "volume",
    "bookmark": "bookmark",
    "all": "all",
}


FIELDS = ("name", "property", "value", "received", "source")


def chosen(state: dict, rest: list[str], depth: int | None, types: set[str]) -> list[str]:
    """Datasets and snapshots a list/get is about. depth: None = the named ones only."""
    names: list[str] = []

    def add(name: str, levels: int | None) -> None:
        base, _rest, tag = name.partition("@")
        if tag:
            names.append(name)
            return
        for each in [base] + (zfs.children(state, base) if levels != 0 else []):
            distance = each.count("/") - base.count("/")
            if levels is not None and distance > levels:
                continue
            if types & {"filesystem", "all"}:
                names.append(each)
            if types & {"snapshot", "all"} and (levels is None or distance + 1 <= levels or levels == 0):
                if levels == 0 and each == base and depth is not None:
                    continue
                names.extend(f"{each}@{snap}" for snap in state["datasets"][each]["snaps"])

    for name in rest:
        add(name, depth)
    return list(dict.fromkeys(names))


def resolve(state: dict, name: str) -> str:
    """A dataset by name or by the mountpoint it is mounted at."""
    if name.startswith(("/", "./")):
        entry = mounttable.holding(os.path.realpath(name))
        if not os.path.exists(name):
            raise ZfsError(f"cannot open '{name}': No such file or directory")
        if entry and entry["fstype"] == "zfs":
            return entry["device"]
        raise ZfsError(f"cannot open '{name}': not a ZFS filesystem")
    return name


def selection(
    state: dict, rest: list[str], found: list[tuple[str, str]], default_types: set[str]
) -> tuple[list[str], int]:
    """What list and get operate on, and the exit code so far; messages for what does not exist go to stderr."""
    types = set()
    depth: int | None = 0
    recursive = False
    for letter, value in found:
        if letter == "r":
            recursive, depth = True, None
        elif letter == "d":
            recursive, depth = True, int(value)
        elif letter == "t":
            for word in value.split(","):
                if word not in TYPES:
                    raise usage(f"invalid type '{word}'")
                types.add(TYPES[word])
    explicit = bool(types)
    types = types or set(default_types)
    code = 0
    if not rest:
        return chosen(state, [state["pool"]["name"]], depth if recursive else None, types), 0
    good = []
    for name in rest:
        try:
            name = resolve(state, name)
            base = name.partition("@")[0]
            if base.split("/")[0] != state["pool"]["name"] and "/" in base:
                raise ZfsError(f"cannot open '{name}': dataset does not exist")
            zfs.need(state, name)
            if "@" in name and explicit and not types & {"snapshot", "all"}:
                raise ZfsError(f"cannot open '{name}': operation not applicable to datasets of this type")
            if "@" not in name and explicit and not types & {"filesystem", "all", "snapshot"}:
                raise ZfsError(f"cannot open '{name}': operation not applicable to datasets of this type")
            good.append(name)
        except ZfsError as error:
            print(error, file=sys.stderr)
            code = 1
    if recursive:
        return chosen(state, good, depth, types), code
    names = []
    for name in good:
        if "@" in name or types & {"filesystem", "all"}:
            names.append(name)
        if (
            "@" not in name
            and types == {"snapshot"}
            or "@" not in name
            and "snapshot" in types
            and explicit
            and "all" not in types
        ):
            names += [f"{name}@{snap}" for snap in state["datasets"][name]["snaps"]]
    return names, code


def cmd_list(args: list[str]) -> int:
    found, rest = options(args, "HpPrd:o:s:S:t:")
    flags = {letter for letter, _argument in found}
    exact = bool(flags & {"p", "P"})
    columns = ["name", "used", "available", "referenced", "mountpoint"]
    sort: list[tuple[str, bool]] = []
    for letter, value in found:
        if letter == "o":
            columns = []
            for word in value.split(","):
                if word == "space":
                    columns += [
                        "name",
                        "available",
                        "used",
                        "usedbysnapshots",
                        "usedbydataset",
                        "usedbyrefreservation",
                        "usedbychildren",
                    ]
                    continue
                name = zfs.canonical(word)
                if (
                    name != "name"
                    and name not in zfs.PROPERTIES
                    and not zfs.is_user(name)
                    and name not in ("defer_destroy", "userrefs")
                ):
                    raise ZfsError(f"bad property list: invalid property '{word}'\n" + USAGE.rstrip("\n"), 2)
                columns.append(name)
        elif letter in "sS":
            sort.append((zfs.canonical(value), letter == "S"))
    state = zfs.load()
    names, code = selection(state, rest, found, {"filesystem"})
    facts = zfs.Facts(state)
    for key, reverse in reversed(sort):

        def order(name: str, key: str = key):
            if key == "name":
                return name
            value = facts.value(name, key, True)[0]
            return (0, int(value), "") if value.isdigit() else (1, 0, value)

        names.sort(key=order, reverse=reverse)
    rows = [[name if column == "name" else facts.value(name, column, exact)[0] for column in columns] for name in names]
    if not rows:
        if not rest or code == 0:
            print("no datasets available", file=sys.stderr)
        return code
    if "H" in flags:
        for row in rows:
            print("\t".join(row))
        return code
    short = {
        "available": "AVAIL",
        "referenced": "REFER",
        "usedbysnapshots": "USEDSNAP",
        "usedbydataset": "USEDDS",
        "usedbychildren": "USEDCHILD",
        "usedbyrefreservation": "USEDREFRESERV",
        "compressratio": "RATIO",
        "recordsize": "RECSIZE",
        "compression": "COMPRESS",
        "logicalused": "LUSED",
        "logicalreferenced": "LREFER",
        "readonly": "RDONLY",
        "reservation": "RESERV",
        "refreservation": "REFRESERV",
    }
    heads = [short.get(column, column.upper()) for column in columns]
    left = [
        column in ("name", "mountpoint", "origin", "type")
        or zfs.is_user(column)
        or isinstance(zfs.PROPERTIES.get(column, (0, 0))[1], tuple)
        for column in columns
    ]
    widths = [max(len(head), *(len(row[index]) for row in rows)) for index, head in enumerate(heads)]
    for row in [heads] + rows:
        line = "  ".join(
            cell.ljust(width) if is_left else cell.rjust(width) for cell, width, is_left in zip(row, widths, left)
        )
        print(line.rstrip() if left[-1] else line)
    return code


def may_come_from(state: dict, base: str, key: str, sources: set[str]) -> bool:
    """Whether a computed property is asked for at all: measuring sizes only to drop them would be slow."""
    return "none" in sources or zfs.is_user(key) or zfs.PROPERTIES.get(key, (0, "ro"))[1] != "ro"


def cmd_get(args: list[str]) -> int:
    found, rest = options(args, "rHpd:o:t:s:")
    if not rest:
        raise usage("missing property argument")
    flags = {letter for letter, _argument in found}
    fields = ["name", "property", "value", "source"]
    sources: set[str] | None = None
    for letter, value in found:
        if letter == "o":
            if value == "all":
                fields = list(FIELDS)
            else:
                fields = value.split(",")
                for field in fields:
                    if field not in FIELDS:
                        raise usage(f"invalid column name '{field}'")
        elif letter == "s":
            sources = set(value.split(","))
            if sources - {"local", "default", "received", "temporary", "inherited", "none"}:
                raise usage("invalid source '" + sorted(sources - {"local", "default"})[0] + "'")
    words = rest.pop(0)
    wanted: list[str] | None = None
    if words != "all":
        wanted = []
        for word in words.split(","):
            name = zfs.canonical(word)
            if (
                name not in zfs.PROPERTIES
                and not zfs.is_user(name)
                and name not in ("name", "defer_destroy", "userrefs", "keystatus", "encryptionroot")
            ):
                raise ZfsError(f"bad property list: invalid property '{word}'\n" + USAGE.rstrip("\n"), 2)
            wanted.append(name)
    state = zfs.load()
    if not rest and not any(letter in "rdt" for letter, _argument in found):
        names, code = selection(state, rest, found, {"filesystem", "snapshot"})
    else:
        names, code = selection(
            state,
            rest,
            found,
            {"filesystem", "snapshot"} if any(letter in "rd" for letter, _argument in found) else {"filesystem"},
        )
    facts = zfs.Facts(state)
    rows = []
    for name in names:
        base, _rest, tag = name.partition("@")
        listed = wanted
        if listed is None:
            user = sorted(
                {
                    key
                    for part in range(base.count("/") + 1)
                    for key in state["datasets"]["/".join(base.split("/")[: part + 1])]["props"]
                    if zfs.is_user(key)
                }
            )
            if tag:
                user = sorted(set(user) | set(state["datasets"][base]["snaps"][tag]["props"]))
                listed = [*zfs.SNAPSHOT_PROPERTIES, *user]
            else:
                listed = [key for key in zfs.PROPERTIES if key != "origin" or state["datasets"][base]["origin"]] + user
        for key in listed:
            if key == "name":
                value, source = name, "-"
            elif sources is not None and not may_come_from(state, base, key, sources):
                continue
            else:
                value, source = facts.value(name, key, "p" in flags)
            group = "inherited" if source.startswith("inherited") else "none" if source == "-" else source
            if sources is not None and group not in sources:
                continue
            rows.append(
                {
                    "name": name,
                    "property": key,
                    "value": value,
                    "source": source,
                    "received": value if source == "received" else "-",
                }
            )
    if "H" in flags:
        for row in rows:
            print("\t".join(row[field] for field in fields))
        return code
    if rows:
        widths = {field: max(len(field), *(len(row[field]) for row in rows)) for field in fields}
        for row in [{field: field.upper() for field in FIELDS}] + rows:
            print("  ".join(row[field].ljust(widths[field]) for field in fields).rstrip())
    return code
