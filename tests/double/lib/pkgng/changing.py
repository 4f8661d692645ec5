# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pkg's subcommands that change what is installed, and what is remembered of it."""

from __future__ import annotations

import os
import sys

from pkgng import fetching, files, jobs, versions
from pkgng.catalogues import catalogue_of
from pkgng.commandline import USAGE_ERROR, WORDS, Quiet, Stop, confirmed, match_packages, need_root, read_options, warn
from pkgng.database import Database, exists


def lacks_dependency(name: str, available: dict[str, dict], database: Database) -> bool:
    """Whether a package cannot be had for want of another; pkg says so."""
    found = fetching.missing_dependency(name, available, database.packages)
    if found:
        warn(f"{found[0]} has a missing dependency: {found[1]}")
    return found is not None


def install(arguments: list[str], upgrade_only: bool = False) -> int:
    """pkg install; with upgrade_only pkg upgrade of names"""
    options, operands = read_options(arguments, "AfFgiIMnqRr:UxyCl:v", WORDS)
    if not operands:
        raise Stop(USAGE_ERROR, "Usage: pkg install [-AfInFMqRUy] [-r reponame] [-Cgix] <pkg-name> ...")
    if "n" not in options:
        need_root("install packages")
    say = Quiet("q" in options)
    available = catalogue_of(options, "q" in options)
    database = Database(write=os.geteuid() == 0 and "n" not in options)
    names: list[str] = []
    for pattern, hits in match_packages(operands, available, options):
        if not hits:
            warn(f"No packages available to install matching '{pattern}' have been found in the repositories")
            return 1
        if upgrade_only and not any(record["name"] in database.packages for record in hits):
            warn(f"{pattern} is not installed, therefore upgrade is impossible")
            return 1
        if any(lacks_dependency(record["name"], available, database) for record in hits):
            verb = "upgrade" if upgrade_only else "install"
            warn(f"No packages available to {verb} matching '{pattern}' have been found in the repositories")
            return 1
        names += [record["name"] for record in hits]
    plan = jobs.plan_install(names, available, database, "f" in options)
    if upgrade_only and plan.upgrade:
        say(f"Checking for upgrades ({len(plan.upgrade)} candidates): . done")
        say(f"Processing candidates ({len(plan.upgrade)} candidates): . done")
    say("Checking integrity... done (0 conflicting)")
    if not plan.everything():
        for name in names:
            record = database.packages[name]
            if record["automatic"] and "A" not in options and not upgrade_only and "n" not in options:
                database.put({**record, "automatic": False})
        if upgrade_only:
            say("Your packages are up to date.")
        elif "n" not in options:
            say("The most recent versions of packages are already installed")
        return 0
    say(jobs.summary(plan, database), end="")
    if "n" in options:
        # Since pkg 2.4 upgrade -n is always a success; install -n still is not when something would happen.
        return 0 if upgrade_only else 1
    if not confirmed(options, "Proceed with this action?"):
        return 1
    if "F" in options:
        fetching.fetch(plan.everything(), jobs.jail_prefix(), say)
    else:
        jobs.carry_out(plan, database, "A" in options, say)
    return 0


def fetch(arguments: list[str]) -> int:
    """pkg fetch -o: packages as files, installed or not, where FreeBSD's repositories have them"""
    options, operands = read_options(arguments, "CdgiqUxyo:r:", [*WORDS, "output="])
    destination = (options.get("o") or options.get("output") or [""])[-1]
    if not operands or not destination:
        raise Stop(USAGE_ERROR, "Usage: pkg fetch [-r reponame] [-o destdir] [-dqUy] [-Cgix] <pkg-name> <...>")
    need_root("fetch packages")
    say = Quiet("q" in options)
    chosen = []
    for pattern, hits in match_packages(operands, catalogue_of(options, "q" in options), options):
        if not hits:
            warn(f"No packages available matching '{pattern}' have been found in the repositories")
            return 1
        chosen += hits
    fetching.fetch(chosen, jobs.jail_prefix(), say)
    place = os.path.join(destination, "All/Hashed")
    os.makedirs(place, exist_ok=True)
    for record in chosen:
        files.write_package(record, f"{place}/{record['name']}-{record['version']}~0123456789.pkg")
    return 0


def upgrade(arguments: list[str]) -> int:
    """pkg upgrade"""
    options, operands = read_options(arguments, "CfFgiInqr:UxyvO:", WORDS)
    if operands:
        return install(arguments, upgrade_only=True)
    if "n" not in options:
        need_root("upgrade packages")
    say = Quiet("q" in options)
    available = catalogue_of(options, "q" in options)
    database = Database(write=os.geteuid() == 0 and "n" not in options)
    candidates = [
        name
        for name, record in database.packages.items()
        if name in available and versions.compare(record["version"], available[name]["version"]) == "<"
    ]
    say(f"Checking for upgrades ({len(candidates)} candidates): . done")
    say(f"Processing candidates ({len(candidates)} candidates): . done")
    # pkg leaves out what it cannot have, and its exit code says nothing of that.
    candidates = [name for name in candidates if not lacks_dependency(name, available, database)]
    plan = jobs.plan_install(candidates, available, database, False)
    say("Checking integrity... done (0 conflicting)")
    if not plan.everything():
        say("Your packages are up to date.")
        return 0
    say(jobs.summary(plan, database), end="")
    if "n" in options:
        return 0
    if not confirmed(options, "Proceed with this action?"):
        return 1
    if "F" in options:
        fetching.fetch(plan.everything(), jobs.jail_prefix(), say)
    else:
        jobs.carry_out(plan, database, False, say)
    return 0


def delete(arguments: list[str]) -> int:
    """pkg delete"""
    options, operands = read_options(arguments, "aDfginqRxyC", WORDS)
    if not operands and "a" not in options:
        raise Stop(USAGE_ERROR, "Usage: pkg delete [-DfginqRxy] <pkg-name> ...")
    if "n" not in options:
        need_root("delete packages")
    say = Quiet("q" in options)
    database = Database(write="n" not in options and exists())
    names, missing = [], 0
    if "a" in options:
        names = [name for name in database.packages if name != "pkg" or "f" in options]
    for pattern, hits in match_packages(operands, database.packages, options):
        if not hits:
            say(f"No packages matched for pattern '{pattern}'\n")
            missing += 1
        names += [record["name"] for record in hits]
    records = jobs.plan_removal(names, database)
    locked = [record for record in records if record.get("locked")]
    say("Checking integrity... done (0 conflicting)")
    if locked:
        say("The following package(s) are locked and may not be removed:\n")
        for record in locked:
            say(f"\t{record['name']}")
        say("")
    if locked or (missing and not records):
        say(f"{len(operands)} packages requested for removal: {len(locked)} locked, {missing} missing")
        return 1
    if any(record["name"] == "pkg" for record in records) and "f" not in options:
        warn("Cannot delete pkg itself without force flag")
        return 1
    say(jobs.removal_summary(records, universe=True), end="")
    if "n" in options or not confirmed(options, "Proceed with deinstalling packages?"):
        return 1 if "n" not in options else 0
    jobs.carry_out_removal(records, database, say)
    return 0


def autoremove(arguments: list[str]) -> int:
    """pkg autoremove"""
    options, _rest = read_options(arguments, "nqy", WORDS)
    if "n" not in options:
        need_root("autoremove packages")
    say = Quiet("q" in options)
    database = Database(write="n" not in options and exists())
    records = jobs.removable(database)
    say("Checking integrity... done (0 conflicting)")
    if not records:
        say("Nothing to do.")
        return 0
    say(jobs.removal_summary(records, universe=False), end="")
    if "n" in options:
        return 0
    if not confirmed(options, "Proceed with deinstalling packages?"):
        return 1
    jobs.carry_out_removal(records, database, say)
    return 0


def lock(arguments: list[str], locking: bool = True) -> int:
    """pkg lock and pkg unlock"""
    options, operands = read_options(arguments, "agilqxyC", [*WORDS, "show-locked"])
    verb, done = ("Locking", "already locked") if locking else ("Unlocking", "already unlocked")
    if "l" in options or "show-locked" in options:
        database = Database(write=False)
        locked = [record for record in database.packages.values() if record.get("locked")]
        if locked:
            print("Currently locked packages:")
        for record in locked:
            print(f"{record['name']}-{record['version']}")
        if not locked:
            print("No locked packages were found")
        return 0 if locked else 1
    need_root("lock packages" if locking else "unlock packages")
    database = Database(write=True)
    found = (
        list(database.packages.values())
        if "a" in options
        else [record for _rest, hits in match_packages(operands, database.packages, options) for record in hits]
    )
    if not found:
        warn("No matching packages found" if not operands else f"No package(s) matching {operands[0]}")
        return 1
    say = Quiet("q" in options)
    for record in found:
        label = f"{record['name']}-{record['version']}"
        if record.get("locked", False) == locking:
            say(f"{label}: {done}")
        elif confirmed(options, f"{label}: {verb[:-3].lower()} this package?", default=True):
            say(f"{verb} {label}")
            database.put({**record, "locked": locking})
    return 0


def set_(arguments: list[str]) -> int:
    """pkg set -A 0|1"""
    options, operands = read_options(arguments, "A:agino:xyv:", [])
    need_root("modify the package database")
    database = Database(write=True)
    hits = (
        list(database.packages.values())
        if "a" in options
        else [record for _rest, records in match_packages(operands, database.packages, options) for record in records]
    )
    if not hits or options.get("A", [""])[-1] not in ("0", "1"):
        return 1
    for record in hits:
        database.put({**record, "automatic": options["A"][-1] == "1"})
    return 0


def annotate(arguments: list[str]) -> int:
    """pkg annotate"""
    options, operands = read_options(arguments, "AMDSVaqyxgi", WORDS)
    database = Database(write=True)
    patterns, rest = ([], operands) if "a" in options else (operands[:1], operands[1:])
    if not rest:
        raise Stop(USAGE_ERROR, "Usage: pkg annotate [-aACDMSV] <pkg-name> <tag> [<value>]")
    tag = rest[0]
    hits = (
        list(database.packages.values())
        if "a" in options
        else [record for _rest, records in match_packages(patterns, database.packages, options) for record in records]
    )
    if not hits:
        return 1
    say = Quiet("q" in options)
    code = 0
    for record in hits:
        label = f"{record['name']}-{record['version']}"
        have = dict(record.get("annotations", {}))
        if "S" in options or "V" in options:
            if tag in have:
                print(have[tag] if "V" in options or "q" in options else f"{label}: Tag: {tag} Value: {have[tag]}")
            else:
                code = 1
            continue
        if "D" in options:
            if have.pop(tag, None) is None:
                warn(f"{label}: Cannot delete annotation tagged: {tag}")
                code = 1
                continue
            say(f"{label}: Deleted annotation tagged: {tag}")
        else:
            value = rest[1] if len(rest) > 1 else sys.stdin.read()
            if "A" in options and tag in have:
                warn(f"{label}: Cannot add annotation tagged: {tag}")
                code = 1
                continue
            have[tag] = value
            verb = "Modified" if "M" in options else "Added"
            say(
                f"{label}: {verb} annotation tagged: {tag} with value: {value}"
                if verb == "Added"
                else f"{label}: {verb} annotation tagged: {tag} with value: {value}"
            )
        database.put({**record, "annotations": have})
    return code
