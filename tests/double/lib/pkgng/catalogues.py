# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pkg's subcommands about repositories: update, repos, search."""

from __future__ import annotations

import fnmatch
import os
import re

from pkgng import jobs, repositories
from pkgng.commandline import USAGE_ERROR, WORDS, Quiet, Stop, need_root, read_options, setting_of, warn


def refresh_all(only: list[str], force: bool, say) -> None:
    """Refresh the catalogues. Raises Stop when one cannot be had."""
    if os.geteuid() != 0:
        return
    chosen = repositories.enabled(only)
    if not chosen:
        raise Stop(1, "No active remote repositories configured.")
    failed = False
    for repository in chosen:
        say(f"Updating {repository.name} repository catalogue...")
        try:
            count = repositories.refresh(repository, force)
        except repositories.Unreachable as problem:
            warn(str(problem))
            say(f"Unable to update repository {repository.name}")
            failed = True
            continue
        if count is None:
            say(f"{repository.name} repository is up to date.")
        else:
            prefix = jobs.jail_prefix()
            say(f"{prefix}Fetching meta.conf: . done\n{prefix}Fetching data: . done\nProcessing entries: . done")
            say(f"{repository.name} repository update completed. {count} packages processed.")
    if failed:
        say("Error updating repositories!")
        raise Stop(1)
    say(f"{', '.join(only)} is up to date." if only else "All repositories are up to date.")


def available_packages(only: list[str]) -> dict[str, dict]:
    """Packages of the catalogues fetched, by name; the first repository that has a name wins."""
    found: dict[str, dict] = {}
    for repository in repositories.enabled(only):
        catalogue = repositories.cached(repository.name)
        if catalogue is None:
            warn(f"Repository {repository.name} cannot be opened. 'pkg update' required")
            continue
        found = {**catalogue["packages"], **found}
    return dict(sorted(found.items()))


def catalogue_of(options: dict, quiet: bool) -> dict[str, dict]:
    if "U" not in options and setting_of("REPO_AUTOUPDATE", True):
        refresh_all(options.get("r", []), False, Quiet(quiet))
    return available_packages(options.get("r", []))


def update(arguments: list[str]) -> int:
    """pkg update"""
    options, _rest = read_options(arguments, "fqr:", WORDS)
    need_root("update the repository catalogue.")
    refresh_all(options.get("r", []), "f" in options, Quiet("q" in options))
    return 0


def repos(arguments: list[str]) -> int:
    """pkg repos: the enabled repositories, as UCL"""
    read_options(arguments, "del", [])
    for repository in repositories.enabled():
        print(
            f'{repository.name}: {{ \n    url             : "{repository.url}",\n    enabled         : yes,\n'
            f"    priority        : {repository.priority}\n  }}"
        )
    return 0


def search(arguments: list[str]) -> int:
    """pkg search"""
    options, operands = (
        read_options(arguments, "CDefgiL:opq:r:QxUSs:R", WORDS)
        if "-q" not in arguments
        else ({"q": [""]}, [argument for argument in arguments if not argument.startswith("-")])
    )
    if not operands:
        raise Stop(USAGE_ERROR, "no pattern given")
    pattern = operands[0]
    found = False
    for record in catalogue_of(options, True).values():
        label = f"{record['name']}-{record['version']}"
        if "e" in options:
            matches = pattern in (label, record["name"])
        elif "g" in options:
            matches = fnmatch.fnmatchcase(label, pattern)
        else:
            matches = re.search(pattern, label, re.IGNORECASE) is not None
        if matches:
            found = True
            if "o" in options:
                print(record["origin"])
            else:
                print(label if "q" in options else f"{label:<30} {record['comment']}")
    return 0 if found else 1
