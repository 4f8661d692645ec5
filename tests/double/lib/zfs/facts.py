# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that datasets have: sizes, mountpoints, inherited properties."""

from __future__ import annotations

import os
import time

import mounttable

from zfs.pool import DISK, children, files_of, snapshot_files
from zfs.properties import CREATION_ONLY_DASH, NOT_INHERITED, PROPERTIES, SNAPSHOT_PROPERTIES, is_user, show

EMPTY = 24576  # what a fresh dataset uses


def size_of(path: str) -> int:
    """Bytes on disk below a directory, staying on its file system."""
    total = 0
    seen = set()
    stack = [path]
    try:
        device = os.lstat(path).st_dev
    except FileNotFoundError:
        return 0
    while stack:
        try:
            with os.scandir(stack.pop()) as entries:
                for entry in entries:
                    info = entry.stat(follow_symlinks=False)
                    if info.st_dev != device:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(entry.path)
                    elif info.st_nlink > 1:
                        if info.st_ino in seen:
                            continue
                        seen.add(info.st_ino)
                    total += info.st_blocks * 512 if not entry.is_dir(follow_symlinks=False) else 512
        except OSError:
            continue
    return total


class Facts:
    """Computed properties, each directory measured once per command."""

    def __init__(self, state: dict):
        self.state = state
        self._own: dict[str, int] = {}
        self._table: dict[str, str] | None = None

    def own(self, dataset: str) -> int:
        if dataset not in self._own:
            self._own[dataset] = EMPTY + size_of(files_of(dataset))
        return self._own[dataset]

    def snapshot(self, dataset: str, name: str) -> int:
        key = dataset + "@" + name
        if key not in self._own:
            self._own[key] = EMPTY + size_of(snapshot_files(dataset, name))
        return self._own[key]

    def by_snapshots(self, dataset: str) -> int:
        """A copy is no block-sharing snapshot: only what the live files no longer hold counts, roughly."""
        now = self.own(dataset)
        return sum(max(0, self.snapshot(dataset, name) - now) for name in self.state["datasets"][dataset]["snaps"])

    def used(self, dataset: str) -> int:
        own = self.own(dataset) + self.by_snapshots(dataset)
        return own + self.by_children(dataset)

    def by_children(self, dataset: str) -> int:
        return sum(self.own(child) + self.by_snapshots(child) for child in children(self.state, dataset))

    def available(self, dataset: str) -> int:
        info = os.statvfs(DISK)
        free = info.f_bavail * info.f_frsize
        name = dataset
        while True:
            for limit in ("quota",) + (("refquota",) if name == dataset else ()):
                quota = prop(self.state, name, limit)[0]
                if quota:
                    used = self.used(name) if limit == "quota" else self.own(name)
                    free = min(free, max(0, quota - used))
            if "/" not in name:
                return free
            name = name.rpartition("/")[0]

    def mounted_at(self, dataset: str) -> str | None:
        if self._table is None:
            self._table = {entry["device"]: entry["path"] for entry in mounttable.load() if entry["fstype"] == "zfs"}
        return self._table.get(dataset)

    def value(self, dataset: str, name: str, exact: bool) -> tuple[str, str]:
        """(value, source) of any property of a dataset or snapshot; source as 'zfs get' prints it."""
        base, _separator, snapshot = dataset.partition("@")
        entry = self.state["datasets"][base]
        if snapshot:
            return self._snapshot_value(base, snapshot, name, exact)
        if is_user(name):
            value, source = prop(self.state, dataset, name)
            return ("-", "-") if value is None else (str(value), source)
        if name not in PROPERTIES:
            return "-", "-"
        if name.startswith("default") and name.endswith("quota") and name not in entry["props"]:
            return show(name, 0, exact), "-"
        if PROPERTIES[name][1] != "ro" and name not in CREATION_ONLY_DASH:
            value, source = prop(self.state, dataset, name)
            if name == "mountpoint":
                value = mountpoint(self.state, dataset)
            return show(name, value, exact), source
        if name in ("utf8only", "normalization", "casesensitivity"):
            return str(prop(self.state, dataset, name)[0]), "-"
        if name in ("filesystem_count", "snapshot_count"):
            return "none", "default"
        if name == "mounted":
            return ("yes" if self.mounted_at(dataset) else "no"), "-"
        if name == "origin":
            return entry["origin"] or "-", "-"
        if name == "creation":
            return str(entry["created"]) if exact else stamp(entry["created"]), "-"
        if name in ("compressratio", "refcompressratio"):
            return "1.00" if exact else "1.00x", "-"
        number = {
            "used": lambda: self.used(dataset),
            "available": lambda: self.available(dataset),
            "referenced": lambda: self.own(dataset),
            "usedbysnapshots": lambda: self.by_snapshots(dataset),
            "usedbydataset": lambda: self.own(dataset),
            "usedbychildren": lambda: self.by_children(dataset),
            "usedbyrefreservation": lambda: 0,
            "written": lambda: self.own(dataset),
            "logicalused": lambda: self.used(dataset) - EMPTY // 2,
            "logicalreferenced": lambda: self.own(dataset) - EMPTY // 2,
            "createtxg": lambda: entry["txg"],
            "guid": lambda: entry["guid"],
            "objsetid": lambda: entry["objset"],
            "version": lambda: 5,
            "type": lambda: "filesystem",
        }[name]()
        return show(name, number, exact), "-"

    def _snapshot_value(self, base: str, snapshot: str, name: str, exact: bool) -> tuple[str, str]:
        entry = self.state["datasets"][base]["snaps"][snapshot]
        if is_user(name):
            if name in entry["props"]:
                return entry["props"][name][0], "local"
            value, source = prop(self.state, base, name)
            if value is None:
                return "-", "-"
            return str(value), source if source.startswith("inherited") else f"inherited from {base}"
        if name not in SNAPSHOT_PROPERTIES and name not in ("written",):
            return "-", "-"
        if name == "creation":
            return str(entry["created"]) if exact else stamp(entry["created"]), "-"
        values = {
            "type": "snapshot",
            "used": 0,
            "referenced": None,
            "createtxg": entry["txg"],
            "guid": entry["guid"],
            "objsetid": entry["objset"],
            "compressratio": "1.00" if exact else "1.00x",
            "refcompressratio": "1.00" if exact else "1.00x",
            "defer_destroy": "off",
            "userrefs": len(entry.get("holds", {})),
            "version": 5,
            "written": 0,
            "logicalreferenced": None,
        }
        if name in values:
            value = values[name]
            if value is None:
                value = self.snapshot(base, snapshot)
            elif name == "used":
                value = max(0, self.snapshot(base, snapshot) - self.own(base))
            return show(name, value, exact), "-"
        value, source = prop(self.state, base, name)
        return show(name, value, exact), "-" if PROPERTIES[name][1] == "fixed" else source


def stamp(seconds: int) -> str:
    moment = time.localtime(seconds)
    return (
        f"{time.strftime('%a %b', moment)} {moment.tm_mday:2d} {moment.tm_hour:2d}:{moment.tm_min:02d} {moment.tm_year}"
    )


def prop(state: dict, dataset: str, name: str) -> tuple[object, str]:
    """(stored value, source) of a settable or user property, with inheritance; (None, '-') for an unset user
    property.
    """
    entry = state["datasets"][dataset]
    if name in entry["props"]:
        value, source = entry["props"][name]
        return value, source
    default = PROPERTIES.get(name, (None, None))[0]
    if name in NOT_INHERITED or PROPERTIES.get(name, ("", ""))[1] == "fixed":
        return default, "default"
    parent = dataset
    while "/" in parent:
        parent = parent.rpartition("/")[0]
        props = state["datasets"][parent]["props"]
        if name in props:
            return props[name][0], f"inherited from {parent}"
    return default, "-" if default is None and is_user(name) else "default"


def mountpoint(state: dict, dataset: str) -> str:
    """Where a dataset belongs: a path, 'none' or 'legacy'."""
    name, rest = dataset, ""
    while True:
        props = state["datasets"][name]["props"]
        if "mountpoint" in props:
            base = props["mountpoint"][0]
            return base if base in ("none", "legacy") else (base.rstrip("/") + rest or "/")
        if "/" not in name:
            return "/" + name + rest
        name, _separator, last = name.rpartition("/")
        rest = "/" + last + rest
