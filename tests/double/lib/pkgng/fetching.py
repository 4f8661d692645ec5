# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package files on their way from a repository into /var/cache/pkg, all of them before any is installed.

A repository serves half where a test says so, by files in /.double/run/faults/repository that are named like packages.
Their content: ``missing`` (it has no such file), ``short`` (the file is cut off), ``damaged`` (its content is
another's), ``needs NAME`` (its catalogue says that the package depends on one that it does not have).

Nobody has recorded that. Words and exit codes are those of pkg's source; where that leaves a choice, the worst is
taken.
"""

from __future__ import annotations

import os
import re
import sys

CACHE = "/var/cache/pkg"
FAULTS = "/.double/run/faults/repository"
# EPKG_FATAL, with which install and upgrade end when they have come as far as fetching.
FATAL = 3


class NotFetched(Exception):
    """A package file that cannot be had; the text is pkg's."""


def fault_of(name: str, directory: str = FAULTS) -> str:
    """What is wrong with a package in its repository; empty for nothing."""
    try:
        with open(os.path.join(directory, name), encoding="utf-8") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def cached_path(record: dict) -> str:
    return f"{CACHE}/{record['name']}-{record['version']}.pkg"


def to_fetch(records: list[dict]) -> list[dict]:
    """Those that have to be downloaded: neither from a repository on this machine nor in the cache already."""
    return [record for record in records if record.get("remote") and not os.path.exists(cached_path(record))]


def fetch(records: list[dict], prefix: str, say) -> None:
    """Download in order. Raises NotFetched at the first that cannot be had; those before it stay in the cache."""
    todo = to_fetch(records)
    for number, record in enumerate(todo, 1):
        label, fault = f"{record['name']}-{record['version']}", fault_of(record["name"])
        if fault == "missing":
            raise NotFetched(f"{file_url(record)}: Not Found")
        progress = f"{prefix}[{number}/{len(todo)}] Fetching {label}: .......... done"
        say(progress)
        if fault == "short":
            sys.stderr.write(f"pkg: cached package {label}: missing or size mismatch, fetching from remote\n")
            say(progress)
            raise NotFetched(
                f"cached package {label}: missing or size mismatch, cannot continue\nConsider running 'pkg update -f'"
            )
        if fault == "damaged":
            raise NotFetched(f"{label} failed checksum from repository")
        os.makedirs(CACHE, exist_ok=True)
        with open(cached_path(record), "w", encoding="ascii"):
            pass


def file_url(record: dict) -> str:
    url = re.sub(r"^pkg\+", "", record["url"]).rstrip("/")
    return f"{url}/All/{record['name']}-{record['version']}.pkg"


def missing_dependency(name: str, available: dict[str, dict], installed: dict[str, dict]) -> tuple[str, str] | None:
    """(package, dependency): the first that neither repositories nor this machine have, of what a package needs."""
    seen, todo = set(), [name]
    while todo:
        one = todo.pop()
        if one in seen or one not in available:
            continue
        seen.add(one)
        for dependency in available[one].get("depends", []):
            if dependency not in available and dependency not in installed:
                return one, dependency
            todo.append(dependency)
    return None
