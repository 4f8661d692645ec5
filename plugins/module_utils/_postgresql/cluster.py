# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cluster of PostgreSQL: made once, complete or not at all, and never over what is there."""

from __future__ import annotations

import os
import pwd
import shutil

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner

# Seconds: on a slow disk, whose every file initdb waits for.
LIMIT = 600
# Nobody may log in but through the unix socket as who he is; pg_hba.conf is replaced before the first start all the
# same. Checksums are the default from 18 on.
FLAGS = (
    "--encoding=UTF8",
    "--locale=C",
    "--auth-local=peer",
    "--auth-host=reject",
    "--data-checksums",
    "--username=postgres",
)


def major(path: str) -> str:
    """The major version of the cluster in a directory; empty when there is none."""
    try:
        with open(os.path.join(path, "PG_VERSION"), encoding="ascii") as stream:
            return stream.read().strip()
    except FileNotFoundError:
        return ""


class Cluster:
    """The cluster at a path, for programs of a major version; user is the account that it belongs to."""

    def __init__(self, runner: Runner, path: str, version: str, user: str, programs: str) -> None:
        self.runner, self.path, self.version, self.programs = runner, path, version, programs
        self.user = user

    def missing(self) -> bool:
        """Whether the cluster has to be made; C(Sentence) for what is there and is not it."""
        found = major(self.path)
        if found and found != self.version:
            raise Sentence(
                f"{self.path} is a cluster of PostgreSQL {found}, which the programs of {self.version} cannot read",
                "version",
            )
        if not found and os.path.isdir(self.path) and os.listdir(self.path):
            raise Sentence(
                f"{self.path} is not empty and no cluster of PostgreSQL; nothing is put over it, so move that away",
                "path",
            )
        return not found

    def make(self) -> None:
        """Make the cluster beside its place and bring it there whole: a run that is cut off leaves none."""
        try:
            account = pwd.getpwnam(self.user)
        except KeyError as error:
            raise Sentence(f"there is no user {self.user}, which PostgreSQL's package makes", "program") from error
        draft = self.path + ".new"
        if os.path.lexists(draft):
            shutil.rmtree(draft)
        rc, out, err = self.runner.run(
            [os.path.join(self.programs, "initdb"), *FLAGS, "-D", draft], LIMIT, user=account, umask=0o077
        )
        if rc != 0 or major(draft) != self.version:
            words = (err.strip() or out.strip() or "it said nothing").splitlines()
            made = major(draft)
            reason = f"it makes one of PostgreSQL {made}" if rc == 0 and made else words[-1].strip()
            raise Sentence(f"initdb makes no cluster of PostgreSQL {self.version}: {reason}", "program")
        if os.path.isdir(self.path):
            os.rmdir(self.path)
        os.rename(draft, self.path)
