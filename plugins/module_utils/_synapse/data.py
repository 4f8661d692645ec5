# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Directories, signing key and secrets of a homeserver: made when there has never been one, refused when there was.

The signing key is the homeserver's identity: other servers refuse one that comes back with another key. So a data
directory without a key is a new homeserver only if nothing tells of an earlier one: neither the note about the key
that lies outside of the data, nor a database, media or a configuration.
"""

from __future__ import annotations

import contextlib
import functools
import grp
import hashlib
import json
import os
import pwd
import secrets
import typing as t
import urllib.parse

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import put
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.mounts import landing_place
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.no_links import Attributes
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import database


def text(path: str) -> str:
    """What a file says, without surrounding blanks, as Synapse reads its secrets; empty when there is none."""
    found = no_links.read(path)
    return found[0].decode("utf-8", "replace").strip() if found else ""


def fingerprints(key: str) -> dict[str, str]:
    """Fingerprint (SHA-256 of the line, hexadecimal) to name of each key in the text of a signing key's file."""
    found = {}
    for line in key.splitlines():
        words = line.split()
        if len(words) == 3:
            found[hashlib.sha256(" ".join(words).encode()).hexdigest()] = f"{words[0]}:{words[1]}"
    return found


def check_mounted(mountpoint: str, directories: list[str], runner: Runner) -> None:
    """Sentence unless the directories lie on the file system that is mounted at a directory; empty for wherever they
    lie.
    """
    if not mountpoint:
        return
    nothing = not os.path.isdir(mountpoint) or landing_place(mountpoint, runner)
    if nothing or not all(path.startswith(mountpoint + "/") for path in directories):
        raise Sentence(
            f"{' and '.join(directories)} must lie on a file system mounted at {mountpoint}, but "
            + ("nothing is mounted there" if nothing else "they lie elsewhere")
            + '; mount the dataset into the pot (role pot_jail does), or set synapse_data_mountpoint to "" to keep the '
            "data here",
            "mountpoint",
        )


def files_below(directory: str) -> list[str]:
    """The regular files in a directory and in those below it, in order; links are none."""
    found = [os.path.join(parent, name) for parent, _below, names in os.walk(directory) for name in names]
    return sorted(path for path in found if os.path.isfile(path) and not os.path.islink(path))


def _secret(given: str | None) -> str:
    """The given secret, or a random one."""
    return (given or "").strip() or secrets.token_urlsafe(48)


class Data:
    """The data of one homeserver; C(params) are the module's, C(made) names what was made or corrected, C(sqlite) the
    files of SQLite that there are: the database, and what was kept of it when it was moved; C(files) those that were
    brought from elsewhere.
    """

    def __init__(self, params: dict, check: bool) -> None:
        self.params, self.check = params, check
        self.data, self.identity_file = params["path"], params["identity"]
        self.made: list[str] = []
        path = params["database"]
        self.sqlite = [name for name in (path, path + database.KEPT) if path and os.path.lexists(name)]
        self.files = files_below(params["files"]) if params["files"] else []
        try:
            self.owner = pwd.getpwnam(params["owner"])
        except KeyError as error:
            raise Sentence(f"there is no user {params['owner']}, which Synapse's package makes", "program") from error

    # --- what there is ---

    def _remembered(self) -> dict:
        """The note about an earlier key: C(server_name), C(keys) as fingerprints() has them. Empty when there is
        none."""
        known = text(self.identity_file)
        if not known:
            return {}
        try:
            note = json.loads(known)
            return {"server_name": str(note["server_name"]), "keys": dict(note["keys"])}
        except (ValueError, KeyError, TypeError) as error:
            raise Sentence(
                f"{self.identity_file} is not what was written into it; move it away if {self.data} is right",
                "identity",
            ) from error

    def _name_in_database(self) -> str:
        """The server name that accounts in a database of SQLite have; empty when there are none yet."""
        path = self.params["database"]
        if not path or not os.path.exists(path):
            return ""
        # A package of its own on FreeBSD, which is there when there is such a database.
        import sqlite3

        try:
            with contextlib.closing(
                sqlite3.connect(f"file:{urllib.parse.quote(path)}?mode=ro", uri=True)
            ) as connection:
                if not connection.execute(
                    "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'users'"
                ).fetchone():
                    return ""
                found = connection.execute("SELECT name FROM users WHERE name LIKE '@%:%' LIMIT 1").fetchone()
        except sqlite3.Error as error:
            raise Sentence(
                f"the database {path} cannot be read ({error}), so nobody knows whose it is", "identity"
            ) from error
        return found[0].partition(":")[2] if found else ""

    def _traces(self) -> list[str]:
        """What tells of an earlier homeserver when its key is not there."""
        found = []
        with contextlib.suppress(OSError):
            if os.stat(self.params["database"] or "/nonexistent").st_size > 0:
                found.append("a database")
        with contextlib.suppress(OSError):
            if os.listdir(self.params["media"]):
                found.append("media")
        if os.path.lexists(os.path.join(self.params["config"], "homeserver.yaml")):
            found.append("a configuration")
        return found

    def _refuse_another_name(self, noted: str) -> None:
        former = text(os.path.join(self.data, "server_name")) or self._name_in_database() or noted
        if former not in ("", self.params["server_name"]):
            raise Sentence(
                f"{self.data} holds the homeserver {former}, which cannot be renamed to "
                f"{self.params['server_name']}; set it back, or "
                "give the new homeserver a dataset of its own (matrix_dataset: zroot/matrix-new)",
                "name",
            )

    def _refuse_another_key(self, keys: dict, noted: dict) -> None:
        begin_anew = (
            "to start anew with another key, which other servers will not take for the same homeserver, "
            f"remove {self.identity_file} in the pot"
        )
        if not keys and noted:
            raise Sentence(
                f"{self.data} has no signing key, but this homeserver has one "
                f"({', '.join(sorted(noted.values()))}): its dataset is not "
                f"mounted, locked, emptied, or another one is; bring the data back and run again ({begin_anew})",
                "identity",
            )
        if not keys and self._traces():
            raise Sentence(
                f"{self.data} has no signing key, but there is {' and '.join(self._traces())} of an earlier "
                "homeserver; put its key "
                f"into {os.path.join(self.data, 'signing.key')}, or move these away if they are of no value",
                "identity",
            )
        if keys and noted and not set(keys) & set(noted):
            raise Sentence(
                f"{self.data} holds the signing key {', '.join(sorted(keys.values()))}, but this pot's homeserver "
                "has another one "
                f"({', '.join(sorted(noted.values()))}): another homeserver's dataset is mounted; mount the right "
                f"one ({begin_anew})",
                "identity",
            )

    # --- what there is to be ---

    def ensure(self) -> None:
        """Make what is missing; Sentence, before anything is made, when an earlier homeserver's data are missing or
        are another's."""
        check_mounted(self.params["mountpoint"], [self.data, self.params["media"]], Runner())
        key_file = os.path.join(self.data, "signing.key")
        key = text(key_file)
        keys = fingerprints(key)
        if key and not keys:
            raise Sentence(f"{key_file} is no signing key; bring back the one of this homeserver", "identity")
        note = self._remembered()
        self._refuse_another_name(note.get("server_name", ""))
        self._refuse_another_key(keys, note.get("keys", {}))
        problem = database.no_way_back(text(os.path.join(self.data, database.MARK)), self.params["engine"])
        if problem:
            raise Sentence(problem, "database")
        for entry in self.params["directories"]:
            self._directory(entry["path"], entry["owner"], entry["group"], int(entry["mode"], 8))
        directory = os.path.join(self.data, "secrets")
        self._directory(directory, self.params["owner"], None, 0o750)
        for name, given in sorted(self.params["secrets"].items()):
            self._file(os.path.join(directory, name), functools.partial(_secret, given))
        self._file(os.path.join(self.data, "server_name"), lambda: self.params["server_name"])
        self._file(key_file, self._new_signing_key)
        engine = self.params["engine"]
        if engine in ("postgresql", database.ELSEWHERE) and self.params["database"] not in self.sqlite:
            self._file(os.path.join(self.data, database.MARK), lambda: engine)
        self._note(keys or fingerprints(text(key_file)), note)

    def _directory(self, path: str, owner: str | None, group: str | None, mode: int) -> None:
        try:
            uid = -1 if owner is None else pwd.getpwnam(owner).pw_uid
            gid = -1 if group is None else grp.getgrnam(group).gr_gid
            if no_links.make_directory(path, uid, gid, mode, self.check):
                self.made.append(path)
        except KeyError as error:
            raise Sentence(f"{path}: {error.args[0]}", "directory") from error
        except OSError as error:
            raise Sentence(
                f"{path} has to be a directory, and cannot be made one: {error.strerror}; links are not followed",
                "directory",
            ) from error

    def _file(self, path: str, make: t.Callable[[], str]) -> None:
        """Make a file of the data unless there is one that says something."""
        if text(path):
            return
        self.made.append(path)
        if not self.check:
            # An empty one, as a full disk leaves it, is none.
            no_links.remove(path)
            put(
                path,
                (make() + "\n").encode(),
                Attributes(self.owner.pw_uid, self.owner.pw_gid, 0o640),
                keep=True,
            )

    def _new_signing_key(self) -> str:
        """The text of a new key, by Synapse's own program, as the user that Synapse runs as."""
        try:
            rc, out, err = Runner().run(
                [self.params["python"], "-B", "-m", "synapse._scripts.generate_signing_key"],
                timeout=60,
                environment={"PATH": os.defpath},
                user=self.owner,
            )
        except Sentence as error:
            raise Sentence(f"Synapse cannot make a signing key: {str(error).rstrip('.')}", "program") from error
        if rc != 0 or not fingerprints(out):
            lines = (err.strip() or "it said nothing").splitlines()
            raise Sentence(f"Synapse cannot make a signing key: {lines[-1].strip()}", "program")
        return out.strip()

    def _note(self, keys: dict, known: dict) -> None:
        """Remember the key outside of the data. Its fingerprint gives nothing away: a key is 32 random bytes."""
        wanted = {"server_name": self.params["server_name"], "keys": keys}
        if known == wanted:
            return
        self.made.append(self.identity_file)
        if not self.check:
            if not os.path.isdir(os.path.dirname(self.identity_file)):
                no_links.make_directory(os.path.dirname(self.identity_file), -1, -1, 0o755)
            put(
                self.identity_file,
                (json.dumps(wanted, indent=2, sort_keys=True) + "\n").encode(),
                Attributes(0, 0, 0o644),
            )
