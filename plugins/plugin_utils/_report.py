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
ROLLED_BACK = "rolled back"
# From the best to the worst.
STATES = (HEALTHY, UNPROVEN, UNTOUCHED, ROLLED_BACK, FAILED, UNREACHABLE)
# The role and the task that succeeds for a server that has been proven.
PROOF = ("verify", "Report")
# The role and the task with which a server ends whose upgrade was undone, and which has been proven since.
UNDONE = ("upgrade", "Fail with the reason, now that the former version works again")
_SYNAPSE = re.compile(r"^py[0-9]+-matrix-synapse-([0-9][0-9A-Za-z._,+]{0,40})$", re.MULTILINE)
_CERTIFICATE = re.compile(r"; the certificate of [^;]* until ([0-9]{4}-[0-9]{2}-[0-9]{2})\b")
# What is counted of what going back loses.
WRITTEN = ("events", "media", "files")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclasses.dataclass
class Server:
    """What is known of a server; seconds: spent on its own tasks, without waiting for others."""

    name: str
    # The URL that clients use, and the last day of its certificate (YYYY-MM-DD).
    address: str | None = None
    certificate: str | None = None
    touched: bool = False
    proven: bool = False
    unreachable: bool = False
    # ROLE, TASK in which it was last unreachable.
    lost_at: tuple[str, str] | None = None
    # Its upgrade failed, and it is what it was before.
    undone: bool = False
    # What going back has lost, by what was counted.
    written: dict[str, int | None] = dataclasses.field(default_factory=dict)
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
            return ROLLED_BACK if self.undone else FAILED
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

    def count(self, written: t.Mapping[str, object]) -> None:
        """Note what a pot says it has written; anything but a number is unknown."""
        self.written = {
            name: number if isinstance(number, int) and not isinstance(number, bool) else None
            for name, number in written.items()
        }

    def prove(self, said: str) -> None:
        """Note what the proof ends with: the certificate that clients see, and what is worth a warning."""
        self.proven = True
        told, *warnings = said.split("; warning: ")
        found = _CERTIFICATE.search(told)
        self.certificate = found.group(1) if found else None
        for warning in warnings:
            self.warn(warning)

    def warn(self, text: str) -> None:
        """Note a warning, once."""
        text = _UNSEEN.sub(" ", text).strip()
        if text and text not in self.warnings:
            self.warnings.append(text)


def _place(server: Server) -> str | None:
    """ROLE: TASK where a server got stuck."""
    if server.state == UNREACHABLE:
        return ": ".join(server.lost_at) if server.lost_at else None
    return ": ".join(server.failures[-1]) if server.state in (FAILED, ROLLED_BACK) and server.failures else None


def _lost(written: t.Mapping[str, int | None]) -> str:
    """What was counted, for people."""
    events, media, files = ("?" if written.get(name) is None else written[name] for name in WRITTEN)
    return f"{events} events and {media} media in the database, {files} files in the directory of media"


@dataclasses.dataclass
class Run:
    """One run of a playbook of this collection; hosts and snapshot: what matrix_hosts and matrix_snapshot say, if they
    were given.
    """

    playbook: str
    servers: dict[str, Server] = dataclasses.field(default_factory=dict)
    hosts: str = ""
    snapshot: str = ""
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

    def command(self, playbook: str, server: Server) -> str:
        """The command for a playbook and one of the servers."""
        command = f"ansible-playbook potluck.matrix.{playbook} --limit {server.name}"
        if self.hosts:
            command += f" -e matrix_hosts={self.hosts}"
        if self.snapshot and playbook == self.playbook:
            command += f" -e matrix_snapshot={self.snapshot}"
        return command

    def next_step(self, server: Server) -> str:
        """A command for what is to be done about a server; the empty text for nothing."""
        again = self.command(self.playbook, server)
        if self.refused:
            return f"correct the inventory as told, then: {again}"
        if server.state in (FAILED, ROLLED_BACK):
            part = server.failures[-1][0] if server.failures else ""
            if self.playbook in ("upgrade", "patch", "rollback"):
                return f"correct what the message says, then: {again}"
            # What comes before the proof may be what a server needs for it: then all has to be done.
            return f"correct what the message says, then: {again}" + (" --tags verify" if part == "verify" else "")
        if server.state == UNREACHABLE:
            step = f"see why ssh does not get there, then: {again}"
            # In the middle of an upgrade, which Ansible does not undo for a server that it cannot reach.
            if self.playbook in ("upgrade", "patch") and "upgrade" in server.changed:
                step += f" goes on with it; or choose what to go back to: {self.command('rollback', server)}"
            return step
        if server.state == UNTOUCHED:
            return again
        if server.state == UNPROVEN and not self.check:
            return self.command("verify", server)
        return ""

    def lost(self, server: Server) -> bool:
        """Whether something was written that a server has no more."""
        return server.state == ROLLED_BACK or (self.playbook == "rollback" and bool(server.written))

    def data(self) -> dict[str, t.Any]:
        """What the JSON holds."""
        return {
            "playbook": "potluck.matrix." + self.playbook,
            "check_mode": self.check,
            "state": self.state,
            "servers": [
                {
                    "server": server.name,
                    "address": server.address,
                    "state": server.state,
                    "failed_at": _place(server),
                    "lost": server.written if self.lost(server) else None,
                    "version_before": server.before,
                    "version_after": server.before if server.state == ROLLED_BACK else server.after,
                    "version_tried": server.after if server.state == ROLLED_BACK else None,
                    "certificate_until": server.certificate,
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
        rows = [("server", "address", "state", "version", "certificate", "changed", "seconds", "warnings", "next")]
        for each in self.data()["servers"]:
            state = FAILED if each["state"] == ROLLED_BACK else each["state"]
            if each["failed_at"]:
                state += f" at {each['failed_at']}"
            if each["state"] == ROLLED_BACK:
                state = f"rolled back, {state}"
            before, after = each["version_before"], each["version_after"]
            version = f"{before or 'none'} -> {after}" if after and before != after else before or "-"
            if each["version_tried"]:
                version += f", tried {each['version_tried']}"
            rows.append(
                (
                    each["server"],
                    each["address"] or "-",
                    state,
                    version,
                    f"until {each['certificate_until']}" if each["certificate_until"] else "-",
                    ", ".join(each["changed"]) or "-",
                    f"{each['seconds']:.0f}",
                    str(len(each["warnings"])),
                    each["next"] or "-",
                )
            )
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        verb = "would lose" if self.check else "lost"
        lines += [f"{each.name}: {verb} {_lost(each.written)}" for each in self.servers.values() if self.lost(each)]
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
