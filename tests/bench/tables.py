# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tables of docs/performance.md, made of what was measured."""

from __future__ import annotations

import re

import databases
import rollouts


def table(head, rows):
    """Lines of a Markdown table."""
    return ["| " + " | ".join(map(str, row)) + " |" for row in (head, ["---"] * len(head), *rows)]


def of_rollouts(found, where):
    """Lines about runs; found: rollouts.Measured."""
    rows = [
        (
            each.what,
            each.servers,
            f"{1000 * each.delay:.0f} ms",
            max(each.cost.operations.values()),
            max(each.cost.tasks.values()),
            f"{each.cost.wall:.1f} s",
            f"{each.cost.cpu:.1f} s",
            f"{each.cost.cpu / each.servers:.1f} s",
            f"{each.cost.memory / 2**20:.0f} MiB",
        )
        for each in found
    ]
    head = (
        "run",
        "servers",
        "round trip",
        "operations",
        "tasks",
        "time",
        "controller's CPU",
        "for each server",
        "controller's memory",
    )
    return [f"Measured on {where}.", "", *table(head, rows), "", *beside_stock(found)]


def beside_stock(found):
    """What second runs are beside stock modules."""
    rows = [
        (
            kind.removeprefix(", ") or "the smallest",
            f"{1000 * delay:.0f} ms",
            f"{ours:.1f} s",
            f"{theirs:.1f} s",
            f"{theirs / ours:.1f} times",
        )
        for kind, delay, ours, theirs in rollouts.beside_stock(found)
    ]
    head = ("homeserver", "round trip", "second run", "stock modules", "stock modules take")
    return table(head, rows)


def of_databases(found, where):
    """Lines about databases; found: databases.Measured."""
    rows = [
        (
            each.seen.clients,
            each.database,
            f"{each.seen.sends:.1f}",
            f"{each.seen.syncs:.0f}",
            f"{each.seen.sent_50:.0f} / {each.seen.sent_99:.0f} ms",
            f"{each.seen.delivered_50:.0f} / {each.seen.delivered_99:.0f} ms",
            f"{each.memory / 2**20:.0f} MiB",
            each.seen.errors,
        )
        for each in found
    ]
    head = (
        "clients",
        "database",
        "sent each second",
        "syncs each second",
        "accepted, p50 / p99",
        "delivered, p50 / p99",
        "memory of the pot",
        "errors",
    )
    return [f"Measured on {where}.", "", *table(head, rows), "", *ratios(found)]


def ratios(found):
    """What PostgreSQL is to SQLite, and where each comes to its end."""
    known = {(each.database, each.seen.clients): each for each in found}
    rows = []
    for (database, clients), sqlite in known.items():
        other = known.get(("postgresql", clients))
        if database == "sqlite" and other:
            rows.append(
                (
                    clients,
                    *(
                        f"{getattr(other.seen, name) / getattr(sqlite.seen, name):.2f}"
                        for name in ("sends", "syncs", "sent_50", "sent_99", "delivered_50", "delivered_99")
                    ),
                    f"{other.memory / sqlite.memory:.2f}",
                )
            )
    head = (
        "clients",
        "sent",
        "syncs",
        "accepted, p50",
        "accepted, p99",
        "delivered, p50",
        "delivered, p99",
        "memory",
    )
    lines = ["PostgreSQL's figures divided by SQLite's:", "", *table(head, rows), ""]
    for database, name in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL")):
        seen = [each.seen for each in found if each.database == database]
        ends = [(each.clients, databases.end(each)) for each in seen if databases.end(each)]
        lines.append(
            f"{name} ends at {ends[0][0]} clients: {ends[0][1]}."
            if ends
            else f"{name} did not come to its end with {seen[-1].clients} clients."
        )
    return lines


def replace(path, name, lines):
    """Put lines between the marks of that name in a page."""
    begin, end = f"<!-- {name}: written by make bench -->", f"<!-- {name}: end -->"
    text = path.read_text(encoding="utf-8")
    new, count = re.subn(
        re.escape(begin) + r".*?" + re.escape(end),
        lambda _match: "\n".join([begin, "", *lines, "", end]),
        text,
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"{path} has {count} places for {name}")
    path.write_text(new, encoding="utf-8")
