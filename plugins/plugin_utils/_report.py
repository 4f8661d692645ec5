# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of each server in a run, as a table and as JSON: names, states and sentences of this collection, and
nothing else of what modules return.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import tempfile
import typing as t

HEALTHY, UNPROVEN, UNTOUCHED, FAILED, UNREACHABLE = "healthy", "unproven", "untouched", "failed", "unreachable"
# From the best to the worst.
STATES = (HEALTHY, UNPROVEN, UNTOUCHED, FAILED, UNREACHABLE)
# The role and the task that succeeds for a server that has been proven.
PROOF = ("verify", "Report")
_SYNAPSE = re.compile(r"^py[0-9]+-matrix-synapse-([0-9][0-9A-Za-z._,+]{0,40})$", re.MULTILINE)
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclasses.dataclass
class Server:
    """What is known of a server; seconds: spent on its own tasks, without waiting for others."""

    name: str
    touched: bool = False
    proven: bool = False
    unreachable: bool = False
    # ROLE: TASK of each failure, those that were rescued included.
    failures: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    failed: bool = False
    before: str | None = None
    after: str | None = None
    changed: list[str] = dataclasses.field(default_factory=list)
    seconds: float = 0.0
    warnings: list[str] = dataclasses.field(default_factory=list)

    @property
    def state(self) -> str:
        """One of STATES; unproven is what ended well in a run in which nothing was verified."""
        if self.unreachable:
            return UNREACHABLE
        if self.failed:
            return FAILED
        if not self.touched:
            return UNTOUCHED
        return HEALTHY if self.proven else UNPROVEN

    def fail(self, part: str, task: str, after_rescue: bool) -> None:
        """Note a failure; after_rescue: it is how the rescue of the one before it ends, whose place is the cause's."""
        self.failed = True
        if not (after_rescue and self.failures):
            self.failures.append((part, task))

    def change(self, part: str) -> None:
        """Note that something of a part has changed."""
        if part not in self.changed:
            self.changed.append(part)

    def packages(self, before: str, after: str) -> None:
        """Note versions of Synapse among packages, NAME-VERSION each on a line of its own."""
        earlier, later = _SYNAPSE.search(before), _SYNAPSE.search(after)
        if self.before is None and self.after is None and earlier:
            self.before = earlier.group(1)
        if later:
            self.after = later.group(1)

    def warn(self, text: str) -> None:
        """Note a warning, once."""
        text = _UNSEEN.sub(" ", text).strip()
        if text and text not in self.warnings:
            self.warnings.append(text)


@dataclasses.dataclass
class Run:
    """One run of a playbook of this collection; hosts: what matrix_hosts says, if it was given."""

    playbook: str
    servers: dict[str, Server] = dataclasses.field(default_factory=dict)
    hosts: str = ""
    check: bool = False
    refused: bool = False

    def join(self, names: t.Iterable[str]) -> None:
        """Note which servers the run is about."""
        for name in names:
            self.servers.setdefault(name, Server(name))

    @property
    def state(self) -> str:
        """The worst state."""
        return max((server.state for server in self.servers.values()), key=STATES.index, default=HEALTHY)

    def next_step(self, server: Server) -> str:
        """A command for what is to be done about a server; the empty text for nothing."""
        again = f"ansible-playbook potluck.matrix.{self.playbook} --limit {server.name}"
        if self.hosts:
            again += f" -e matrix_hosts={self.hosts}"
        if self.refused:
            return f"correct the inventory as told, then: {again}"
        if server.state == FAILED:
            part = server.failures[-1][0] if server.failures else ""
            if self.playbook == "upgrade":
                return f"correct what the message says, then: {again}"
            # What comes before the proof may be what a server needs for it: then all has to be done.
            return f"correct what the message says, then: {again}" + (" --tags verify" if part == "verify" else "")
        if server.state == UNREACHABLE:
            return f"see why ssh does not get there, then: {again}"
        if server.state == UNTOUCHED:
            return again
        if server.state == UNPROVEN and not self.check:
            return again.replace("." + self.playbook, ".verify", 1)
        return ""

    def data(self) -> dict[str, t.Any]:
        """What the JSON holds."""
        return {
            "playbook": "potluck.matrix." + self.playbook,
            "check_mode": self.check,
            "state": self.state,
            "servers": [
                {
                    "server": server.name,
                    "state": server.state,
                    "failed_at": ": ".join(server.failures[-1]) if server.state == FAILED and server.failures else None,
                    "version_before": server.before,
                    "version_after": server.after,
                    "changed": server.changed,
                    "seconds": round(server.seconds, 1),
                    "warnings": server.warnings,
                    "next": self.next_step(server) or None,
                }
                for server in self.servers.values()
            ],
        }

    def table(self) -> list[str]:
        """The lines of the table, with what servers warn of below it."""
        rows = [("server", "state", "version", "changed", "seconds", "warnings", "next")]
        for each in self.data()["servers"]:
            state = f"failed at {each['failed_at']}" if each["failed_at"] else each["state"]
            before, after = each["version_before"], each["version_after"]
            version = f"{before or 'none'} -> {after}" if after and before != after else before or "-"
            rows.append(
                (
                    each["server"],
                    state,
                    version,
                    ", ".join(each["changed"]) or "-",
                    f"{each['seconds']:.0f}",
                    str(len(each["warnings"])),
                    each["next"] or "-",
                )
            )
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        return lines + [f"{server.name}: {text}" for server in self.servers.values() for text in server.warnings]


def write(path: str, data: dict[str, t.Any]) -> None:
    """Write JSON with mode 0600, whole or not at all; OSError when that cannot be done."""
    descriptor, temporary = tempfile.mkstemp(prefix=".report-", dir=os.path.dirname(path) or ".")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(data, stream, indent=2)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
