# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters of several major versions beside each other, and what was brought out of one for the next.

No program of one major version reads the cluster of another, and FreeBSD's packages of two of them cannot be installed
together. So all data leave the old cluster while its programs are there, and wait on the same dataset.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pwd
import re
import shutil
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._database import comparison, room
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import put
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.no_links import Attributes
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.cluster import major

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.server import Server

# Below the directory that the clusters are in.
DIRECTORY = "upgrade"
# Bytes beside the data twice, brought out and in the new cluster: its log of writes while it is filled.
RESERVE = 512 * 1024 * 1024
# Tables that are asked for at once: a statement is an argument of psql, and those have a limit.
AT_ONCE = 20
# Seconds for the sums of so many of them.
LIMIT = 3600
SEQUENCES = "SELECT sequencename, coalesce(last_value::text, '') FROM pg_sequences WHERE schemaname = current_schema()"


def path_of(home: str, version: int | str) -> str:
    """Where the cluster of a major version is."""
    return os.path.join(home, f"data{version}")


def clusters(home: str) -> list[int]:
    """The major versions of the clusters that there are, in order."""
    try:
        names = os.listdir(home)
    except FileNotFoundError:
        return []
    found = [int(hit[1]) for hit in map(re.compile("data([0-9]{1,4})").fullmatch, names) if hit]
    return sorted(version for version in found if major(path_of(home, version)) == str(version))


def control(path: str) -> str:
    """What is another one as soon as the server of a cluster that had been stopped has been started again."""
    found = no_links.read(os.path.join(path, "global/pg_control"))
    return hashlib.sha256(found[0]).hexdigest() if found else ""


def allocated(path: str) -> int:
    """Bytes that a directory takes on its file system, compressed as they are there."""
    return sum(
        os.lstat(os.path.join(parent, name)).st_blocks * 512 for parent, _dirs, names in os.walk(path) for name in names
    )


def require_room(home: str, size: int) -> None:
    """C(Sentence) when data of so many bytes do not fit twice beside what is there."""
    there, wanted = room.free(home), 2 * size + RESERVE
    if there < wanted:
        raise Sentence(
            f"{there >> 20} MiB are free at {home}, and {wanted >> 20} MiB are needed to bring a cluster of "
            f"{size >> 20} MiB to another major version; make room on the dataset, or raise its quota",
            "space",
        )


def sums(server: Server, database: str) -> dict[str, str]:
    """{table: its rows and the sums over its columns}, and what every sequence has given out last."""
    kinds: dict[str, dict[str, str]] = {}
    for table, column, kind in server.ask(comparison.COLUMNS, database):
        kinds.setdefault(table, {})[column] = kind
    questions = [
        f"SELECT '{table}', found::text FROM ({comparison.statement(table, columns, False)}) AS found"
        for table, columns in kinds.items()
    ]
    found: dict[str, str] = {}
    for start in range(0, len(questions), AT_ONCE):
        rows = server.ask(" UNION ALL ".join(questions[start : start + AT_ONCE]), database, LIMIT)
        found.update({row[0]: row[1] for row in rows})
    found.update({f"sequence {name}": value for name, value in server.ask(SEQUENCES, database)})
    return found


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What was brought out: of the cluster of which major version, the name of the database, its sums(), and control()
    of the cluster after its server had been stopped.
    """

    former: str
    database: str
    control: str
    sums: dict[str, str]


def parse(text: str) -> Manifest:
    """What was written of a manifest; ValueError when that is none."""
    found = json.loads(text)
    names = [field.name for field in dataclasses.fields(Manifest)]
    if not isinstance(found, dict) or set(found) != set(names) or not isinstance(found["sums"], dict):
        raise ValueError("no manifest")
    if not all(isinstance(found[name], str) and found[name] for name in names[:3]) or not found["former"].isdigit():
        raise ValueError("no manifest")
    return Manifest(**found)


class Luggage:
    """The data between two clusters, in a directory of PostgreSQL's account beside them."""

    def __init__(self, home: str, account: str) -> None:
        self.home, self._account = home, account
        self.path = os.path.join(home, DIRECTORY)
        self.data = os.path.join(self.path, "data")
        self._file = os.path.join(self.path, "manifest.json")

    @property
    def user(self) -> pwd.struct_passwd:
        """The account, as soon as PostgreSQL's package has made it."""
        try:
            return pwd.getpwnam(self._account)
        except KeyError as error:
            raise Sentence(f"there is no user {self._account}, which PostgreSQL's package makes", "program") from error

    def manifest(self) -> Manifest | None:
        """What waits; None for nothing, and for what the old cluster has gone on from."""
        found = no_links.read(self._file)
        try:
            manifest = parse(found[0].decode()) if found else None
        except ValueError:
            return None
        if manifest and control(path_of(self.home, manifest.former)) == manifest.control:
            return manifest
        return None

    def begin(self) -> None:
        """An empty directory."""
        self.remove()
        no_links.make_directory(self.path, self.user.pw_uid, self.user.pw_gid, 0o700)

    def close(self, manifest: Manifest) -> None:
        """Say, in one step and onto the disk, that all of it is there."""
        text = json.dumps(dataclasses.asdict(manifest), indent=1, sort_keys=True) + "\n"
        put(self._file, text.encode(), Attributes(-1, -1, 0o600))
        with no_links.directory(self.path) as here:
            os.fsync(here)

    def remove(self) -> bool:
        """Returns whether there was anything."""
        if not os.path.lexists(self.path):
            return False
        # Half of it is nothing.
        no_links.remove(self._file)
        shutil.rmtree(self.path)
        return True

    def current(self) -> str:
        """The major version of the homeserver's cluster; empty when there is none."""
        manifest = self.manifest()
        found = clusters(self.home)
        return manifest.former if manifest else str(found[-1]) if found else ""


def require_successor(luggage: Luggage, version: str) -> None:
    """C(Sentence) when the homeserver's data are in a cluster of another major version than this one, and would stay
    there.
    """
    home, manifest = luggage.home, luggage.manifest()
    others = [other for other in clusters(home) if str(other) != version]
    if manifest and manifest.former in (version, str(others[-1]) if others else ""):
        # They wait, or are to go on where they were.
        return
    if others and others[-1] > int(version):
        raise Sentence(
            f"{path_of(home, others[-1])} holds the homeserver's data, and PostgreSQL {version} cannot read them; use "
            f"a repository whose driver is linked to {others[-1]}, or go back to a snapshot",
            "version",
        )
    if others and not major(path_of(home, version)):
        raise Sentence(
            f"{path_of(home, others[-1])} holds the homeserver's data, and they were not brought out of it", "former"
        )
