# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was brought out of the cluster of another major version comes into the one that runs, whole or not at all."""

from __future__ import annotations

import os
import shutil
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql import major
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.departure import LIMIT, jobs
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.major import Luggage

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
    from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.server import Server

# Of a database until all of it is there: nobody looks for it under that name.
DRAFT = "_upgrade"


class Arrival:
    """The way into the cluster of a major version in a directory, of an account."""

    def __init__(self, runner: Runner, home: str, version: str, account: str, programs: str) -> None:
        self.runner, self.home, self.version, self.programs = runner, home, version, programs
        self.luggage = Luggage(home, account)

    def waits(self, name: str) -> bool:
        """Whether a database of that name is to come into this cluster."""
        manifest = self.luggage.manifest()
        return bool(manifest and manifest.database == name and manifest.former != self.version)

    def restore(self, server: Server, name: str, owner: str, create: str) -> None:
        """Fill a draft, made as CREATE DATABASE says it after the owner, prove it, and give it its name."""
        manifest = self.luggage.manifest()
        if not manifest:
            raise Sentence(f"the cluster that {self.luggage.path} was brought out of has gone on", "upgrade")
        draft = name + DRAFT
        server.ask(f"DROP DATABASE IF EXISTS {draft}")
        server.ask(f"CREATE DATABASE {draft} OWNER {owner} {create}")
        self._fill(server, draft, owner)
        server.ask("ANALYZE", draft, LIMIT)
        found = major.sums(server, draft)
        differing = sorted(one for one in {*found, *manifest.sums} if found.get(one) != manifest.sums.get(one))
        if differing:
            raise Sentence(
                f"PostgreSQL {self.version} does not hold the same as {manifest.former} in {', '.join(differing[:5])}",
                "upgrade",
            )
        server.ask(f"ALTER DATABASE {draft} RENAME TO {name}")

    def _fill(self, server: Server, draft: str, owner: str) -> None:
        rc, out, err = self.runner.run(
            [
                os.path.join(self.programs, "pg_restore"),
                *(f"--host={server.socket_directory}", "--username=postgres", "--no-password", f"--dbname={draft}"),
                *("--no-owner", "--no-acl", f"--role={owner}", "--exit-on-error", f"--jobs={jobs()}"),
                self.luggage.data,
            ],
            LIMIT,
            user=self.luggage.user,
        )
        if rc != 0:
            words = (err.strip() or out.strip() or "it said nothing").splitlines()
            raise Sentence(f"pg_restore of PostgreSQL {self.version} fails: {words[0].strip()}", "upgrade")

    def unneeded(self, server: Server, keep: bool) -> list[str]:
        """Directories that the homeserver needs no longer: what was brought out, and unless they are kept the clusters
        of earlier major versions. C(Sentence) unless the server that runs is of this cluster.
        """
        found = [self.luggage.path] if os.path.lexists(self.luggage.path) else []
        if not keep:
            found += [
                major.path_of(self.home, version)
                for version in major.clusters(self.home)
                if version < int(self.version)
            ]
        if found:
            used = server.ask("SHOW data_directory")[0][0]
            if os.path.realpath(used) != os.path.realpath(major.path_of(self.home, self.version)):
                raise Sentence(f"the server that runs uses {used}, so nothing is removed beside it", "path")
        return found

    @staticmethod
    def remove(path: str) -> None:
        """Remove one of unneeded()."""
        shutil.rmtree(path)
