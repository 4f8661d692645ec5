# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All data leave the cluster of a major version, while its programs are there."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.pkg import Pkg
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql import beside, major
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.major import Luggage, Manifest

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
    from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.server import Server

# Seconds: for a database of a terabyte.
LIMIT = 24 * 3600
# Seconds to start and to stop; after a crash a server repeats what it wrote since the last checkpoint.
PATIENCE = 600
# So many tables are read and written at once.
MOST_JOBS = 4


def jobs() -> int:
    """How many tables go through pg_dump(1) and pg_restore(1) at once."""
    return max(1, min(MOST_JOBS, os.cpu_count() or 1))


class Departure:
    """The way of a database out of the cluster that is the homeserver's.

    C(former) is that cluster's major version and C(target) the one that the repository's driver is linked to, both
    empty where there is none; C(others) are the names of databases that stay behind.
    """

    def __init__(self, params: dict, server: Server, pkg: Pkg, runner: Runner) -> None:
        self.params, self.server, self.pkg, self.runner = params, server, pkg, runner
        self.luggage = Luggage(params["home"], params["owner"])
        self.former = self.luggage.current()
        self.cluster = major.path_of(params["home"], self.former)
        self.target = self._linked() if self.former else ""
        self.programs = params["programs"]
        self.others: list[str] = []

    # --- what there is ---

    @property
    def needed(self) -> bool:
        """Whether the packages of the repository cannot read the cluster."""
        return bool(self.former) and bool(self.target) and self.former != self.target

    @property
    def dumped(self) -> bool:
        """Whether all data wait already."""
        return self.luggage.manifest() is not None

    def judge(self) -> None:
        """C(Sentence) for what is in the way, while nothing has been touched."""
        if not self.needed:
            return
        driver, wanted = self.params["driver"], self.params["version"]
        if wanted and wanted != self.target:
            raise Sentence(
                f"it says {wanted}, and {driver} of the repository is linked to PostgreSQL {self.target}, beside which "
                f"no other one can be installed; say {self.target}, or nothing, to have the data brought there, or "
                "use a repository that stays",
                "version",
            )
        if int(self.target) < int(self.former):
            raise Sentence(
                f"the data are in a cluster of PostgreSQL {self.former}, and {driver} of the repository is linked to "
                f"{self.target}, which is older and cannot read them; use a repository that is as new",
                "repository",
            )
        server = f"postgresql{self.target}-server"
        if not self.pkg.versions("rquery", [server]):
            raise Sentence(
                f"{driver} of the repository is linked to PostgreSQL {self.target}, and it has no {server}; use one "
                "that is whole",
                "repository",
            )
        if not self.dumped:
            major.require_room(self.params["home"], major.allocated(self.cluster))

    def _linked(self) -> str:
        """The major version that the driver of the repository is made for."""
        answer = self.pkg.run("rquery", "-U", "%dn", self.params["driver"])
        found = re.findall(r"(?m)^postgresql([0-9]+)-client$", answer[1])
        return found[0] if found else ""

    def installed(self) -> str:
        """The major version of the programs that are here; empty for none."""
        program = os.path.join(self.params["programs"], "postgres")
        if not os.path.exists(program):
            return ""
        found = re.search(r"\(PostgreSQL\) ([0-9]+)", self.runner.run([program, "--version"])[1])
        return found[1] if found else ""

    # --- the way ---

    def dump(self) -> bool:
        """Bring all data out, and leave the server stopped. Returns whether there was anything to do."""
        self.judge()
        if not self.needed or self.dumped:
            return False
        if self.installed() == self.former:
            self._bring_out()
        else:
            with beside.programs(self.pkg, self.runner, self.former) as self.programs:
                self._bring_out()
        return True

    def _bring_out(self) -> None:
        if not self._runs():
            self._control("start", "-l", self.params["log"])
        self._alone()
        self.luggage.begin()
        self._run("pg_dump", f"--jobs={jobs()}", "--format=directory", "--compress=0", *self._whole())
        sums = major.sums(self.server, self.params["name"])
        self._alone()
        self.others = [
            row[0]
            for row in self.server.ask(
                "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname NOT IN "
                f"('postgres', '{self.params['name']}') ORDER BY 1"
            )
        ]
        self._control("stop")
        if self._runs():
            raise Sentence(f"PostgreSQL {self.former} does not stop", "running")
        seal = major.control(self.cluster)
        self.luggage.close(Manifest(self.former, self.params["name"], seal, sums))

    def _whole(self) -> list[str]:
        """Arguments for all of the database and nothing of who may do what, which the new cluster has by itself."""
        return ["--no-owner", "--no-acl", f"--file={self.luggage.data}", f"--dbname={self.params['name']}"]

    def _runs(self) -> bool:
        return os.path.exists(os.path.join(self.cluster, "postmaster.pid"))

    def _alone(self) -> None:
        """C(Sentence) when the homeserver could write meanwhile."""
        asked = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{self.params['account']}'"
        if self.server.ask(asked) != [["0"]]:
            raise Sentence("Synapse is connected to the database, and has to be stopped", "running")

    def _control(self, verb: str, *more: str) -> None:
        """pg_ctl(1), with which the rc script does the same."""
        argv = [verb, "-D", self.cluster, "-w", "-s", "-m", "fast", "-t", str(PATIENCE), *more]
        self._program("pg_ctl", argv, PATIENCE + 60)

    def _run(self, name: str, *argv: str) -> None:
        self._program(
            name, [f"--host={self.params['socket_directory']}", "--username=postgres", "--no-password", *argv], LIMIT
        )

    def _program(self, name: str, argv: list[str], limit: int) -> None:
        command = [os.path.join(self.programs, name), *argv]
        rc, out, err = self.runner.run(command, limit, user=self.luggage.user, umask=0o077)
        if rc != 0:
            words = (err.strip() or out.strip() or "it said nothing").splitlines()
            raise Sentence(f"{name} of PostgreSQL {self.former} fails: {words[-1].strip()}", "program")
