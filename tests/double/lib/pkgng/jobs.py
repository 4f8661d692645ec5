# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an installation, upgrade or removal will do, and pkg's words for it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

import mounts

from pkgng import fetching, files, query, versions
from pkgng.database import Database

# pkg warns about space only from here on (WARN_SIZE_LIMIT).
_WARN_SIZE = 1 << 20


@dataclass
class Plan:
    """Packages by what will happen to them, in the order it will."""

    install: list[dict] = field(default_factory=list)
    upgrade: list[dict] = field(default_factory=list)
    downgrade: list[dict] = field(default_factory=list)
    reinstall: list[dict] = field(default_factory=list)
    remove: list[dict] = field(default_factory=list)
    requested: set[str] = field(default_factory=set)

    def everything(self) -> list[dict]:
        """All packages that get placed."""
        return [*self.install, *self.upgrade, *self.downgrade, *self.reinstall]


def _in_order(names: list[str], packages: dict[str, dict]) -> list[str]:
    """Dependencies before those that need them."""
    done: list[str] = []

    def visit(name: str) -> None:
        if name in done or name not in packages:
            return
        for dependency in packages[name].get("depends", []):
            visit(dependency)
        if name not in done:
            done.append(name)

    for name in names:
        visit(name)
    return done


def plan_install(names: list[str], available: dict[str, dict], database: Database, force: bool) -> Plan:
    """The named packages and whatever they need that is not here, or is older here than in the repository."""
    plan = Plan(requested=set(names))
    for name in _in_order(names, available):
        record, have = available[name], database.packages.get(name)
        if have is None:
            plan.install.append(record)
        elif have.get("locked"):
            continue
        elif versions.compare(have["version"], record["version"]) == "<":
            plan.upgrade.append(record)
        elif force and name in plan.requested:
            plan.reinstall.append(record)
    plan.remove = _in_the_way(plan, database)
    return plan


def _in_the_way(plan: Plan, database: Database) -> list[dict]:
    """Installed packages with a file that a new package has too, and those that need them and do not change, dependants
    first. pkg asks nobody about them but by its list.

    Nobody has recorded that; these are pkg's rules for two packages that cannot be installed together.
    """
    changing = {record["name"]: record for record in plan.everything()}
    new = set().union(*(files.planned(record) for record in plan.install)) if plan.install else set()
    found: list[str] = []

    def visit(name: str) -> None:
        if name in found:
            return
        for other in database.required_by(name):
            if name not in changing.get(other, database.packages[other]).get("depends", []):
                continue
            visit(other)
        found.append(name)

    for name, record in list(database.packages.items()):
        if name not in changing and new & set(record.get("files", {})):
            visit(name)
    return [database.packages[name] for name in found]


def summary(plan: Plan, database: Database) -> str:
    """The list that pkg shows before it asks."""
    everything = [*plan.everything(), *plan.remove]
    text = [f"The following {len(everything)} package(s) will be affected (of 0 checked):\n"]
    if plan.upgrade or plan.downgrade or plan.reinstall or plan.remove:
        text = [f"The following {len(everything)} package(s) will be affected (of {len(everything)} checked):\n"]

    def block(title: str, records: list[dict], form) -> None:
        if records:
            text.append(f"\n{title}:\n")
            text.extend(f"\t{form(record)}\n" for record in sorted(records, key=lambda record: record["name"]))

    def changing(record: dict) -> str:
        return (
            f"{record['name']}: {database.packages[record['name']]['version']} -> {record['version']} "
            f"[{record['repository']}]"
        )

    def plain(record: dict) -> str:
        return f"{record['name']}: {record['version']} [{record['repository']}]"

    block("Installed packages to be REMOVED", plan.remove, lambda record: f"{record['name']}: {record['version']}")
    block("New packages to be INSTALLED", plan.install, plain)
    block("Installed packages to be UPGRADED", plan.upgrade, changing)
    block(
        "Installed packages to be REINSTALLED",
        plan.reinstall,
        lambda record: f"{record['name']}-{record['version']} [{record['repository']}]",
    )
    text.append("\n")
    for verb, records in (
        ("removed", plan.remove),
        ("installed", plan.install),
        ("upgraded", plan.upgrade),
        ("reinstalled", plan.reinstall),
    ):
        if records:
            text.append(f"Number of packages to be {verb}: {len(records)}\n")
    remote = fetching.to_fetch(plan.everything())
    grows = sum(record.get("flatsize", 0) for record in plan.install)
    if grows > _WARN_SIZE:
        text.append(f"\nThe process will require {query.human(grows)} more space.\n")
    if remote:
        text.append(f"{query.human(sum(record.get('pkgsize', 100 << 10) for record in remote))} to be downloaded.\n")
    return "".join(text)


def jail_prefix() -> str:
    """pkg puts the host name before its progress lines inside a jail."""
    return f"[{os.uname().nodename}] " if mounts.identity().get("kind") == "pot" else ""


def carry_out(plan: Plan, database: Database, automatic: bool, say) -> None:
    """Fetch everything planned, then place it; the database is written after each package. Raises files.Failed and
    fetching.NotFetched.
    """
    prefix = jail_prefix()
    everything = plan.everything()
    total = len(everything)
    fetching.fetch(everything, prefix, say)
    if any(record.get("remote") for record in everything):
        say("Checking integrity... done (0 conflicting)")
    if plan.remove:
        carry_out_removal(plan.remove, database, say)
    messages = []
    for number, record in enumerate(everything, 1):
        name, label = record["name"], f"{record['name']}-{record['version']}"
        old = database.packages.get(name)
        head = f"{prefix}[{number}/{total}] "
        if old is None:
            say(f"{head}Installing {label}...")
        elif old["version"] == record["version"]:
            say(f"{head}Reinstalling {label}...")
        else:
            say(f"{head}Upgrading {name} from {old['version']} to {record['version']}...")
        files.create_accounts(record, say)
        if old is not None:
            files.drop_samples(old, None)
        files.run_script(record, "pre-install")
        placed = files.install(record, old)
        say(f"{head}Extracting {label}: . done")
        files.run_script(record, "post-install")
        was_automatic = old["automatic"] if old is not None else automatic or name not in plan.requested
        database.put(
            {
                **placed,
                "automatic": was_automatic and (name not in plan.requested or automatic),
                "locked": False,
                "time": int(time.time()),
                "annotations": {**(old or {}).get("annotations", {}), **placed.get("annotations", {})},
            }
        )
        if record.get("message"):
            messages.append((label, record["message"]))
    for label, message in messages:
        say(f"=====\nMessage from {label}:\n\n--\n{message}")


def plan_removal(names: list[str], database: Database) -> list[dict]:
    """The packages and everything that depends on them, dependants first."""
    wanted: list[str] = []

    def visit(name: str) -> None:
        if name in wanted:
            return
        for other in database.required_by(name):
            visit(other)
        wanted.append(name)

    for name in names:
        visit(name)
    return [database.packages[name] for name in wanted]


def removable(database: Database) -> list[dict]:
    """Automatic packages that nothing asked for needs any more, dependants first."""
    needed: set[str] = set()

    def visit(name: str) -> None:
        if name not in needed and name in database.packages:
            needed.add(name)
            for dependency in database.packages[name].get("depends", []):
                visit(dependency)

    for name, record in database.packages.items():
        if not record.get("automatic"):
            visit(name)
    order = _in_order(list(database.packages), database.packages)
    return [database.packages[name] for name in reversed(order) if name not in needed]


def removal_summary(records: list[dict], universe: bool) -> str:
    """The list that pkg shows before it removes."""
    tail = " (of 0 packages in the universe)" if universe else ""
    text = (
        f"Deinstallation has been requested for the following {len(records)} packages{tail}:\n\nInstalled packages to "
        f"be REMOVED:\n"
    )
    text += "".join(
        f"\t{record['name']}: {record['version']}\n" for record in sorted(records, key=lambda record: record["name"])
    )
    text += f"\nNumber of packages to be removed: {len(records)}\n"
    freed = sum(record.get("flatsize", 0) for record in records)
    if freed > _WARN_SIZE:
        text += f"\nThe operation will free {query.human(freed)}.\n"
    return text


def carry_out_removal(records: list[dict], database: Database, say) -> None:
    """Take the packages away in the order given."""
    prefix = jail_prefix()
    for number, record in enumerate(records, 1):
        head, label = f"{prefix}[{number}/{len(records)}] ", f"{record['name']}-{record['version']}"
        say(f"{head}Deinstalling {label}...")
        files.run_script(record, "pre-deinstall")
        files.drop_samples(record, say)
        files.remove(record)
        say(f"{head}Deleting files for {label}: . done")
        files.run_script(record, "post-deinstall")
        database.drop(record["name"])
