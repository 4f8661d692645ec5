# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files as Synapse is to have them, and as they were before."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import grp
import json
import os
import pwd
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import put
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.no_links import Attributes

ROOT_ONLY = Attributes(0, 0, 0o600)

# What is at a path: (content, attributes), None for nothing.
Found = t.Optional[tuple[bytes, Attributes]]
# What is at some paths.
Former = dict[str, Found]


class File:
    """A file as it is wanted: C(path), C(content) as bytes or None for none, C(secret) whether it may be shown,
    and its attributes."""

    def __init__(self, entry: dict, check: bool) -> None:
        self.path = os.path.normpath(entry["path"])
        self.secret = entry["secret"] is not None
        self.content: bytes | None = None
        self.attributes = ROOT_ONLY
        if entry["state"] == "absent":
            return
        text = entry["secret"] if self.secret else entry["content"]
        if text is None or entry["mode"] is None:
            raise Sentence(f"{self.path}: mode, and content or secret, are required", "files")
        self.content = text.encode()
        try:
            uid, gid = pwd.getpwnam(entry["owner"]).pw_uid, grp.getgrnam(entry["group"]).gr_gid
        except KeyError as error:
            if not check:
                raise Sentence(f"{self.path}: {error.args[0]}", "files") from error
            uid = gid = -1
        self.attributes = Attributes(uid, gid, int(entry["mode"], 8))

    def differs(self, found: Found) -> bool:
        """Whether what was found, (content, attributes) or None, is anything else."""
        if found is None or self.content is None:
            return (found is None) != (self.content is None)
        return found != (self.content, self.attributes)

    def shown(self, found: Found) -> dict[str, str]:
        """What diff mode tells."""

        def words(content: bytes | None, attributes: Attributes | None, secret: str) -> str:
            return (
                "absent\n"
                if content is None
                else f"{attributes}\n" + (secret if self.secret else content.decode("utf-8", "replace"))
            )

        old, attributes = found or (None, None)
        another = "(another secret)\n" if old != self.content else "(a secret)\n"
        return {
            "before_header": self.path,
            "after_header": self.path,
            "before": words(old, attributes, another),
            "after": words(self.content, self.attributes, "(a secret)\n"),
        }

    def put(self) -> None:
        """Make the file what is wanted."""
        if self.content is None:
            no_links.remove(self.path)
        else:
            put(self.path, self.content, self.attributes)


class Journal:
    """What files were before a change that is not proven yet, in a file that root alone can read."""

    def __init__(self, path: str) -> None:
        self.path = path

    def load(self) -> Former | None:
        """Path to (content, attributes) or None, as they were; None when no change is under way."""
        found = no_links.read(self.path)
        if found is None:
            return None
        entries = json.loads(found[0])
        return {
            path: entry and (base64.b64decode(entry["content"]), Attributes(*entry["attributes"]))
            for path, entry in entries.items()
        }

    def save(self, files: Former) -> None:
        """Keep what files are before they are changed."""
        entries = {
            path: entry
            and {"content": base64.b64encode(entry[0]).decode(), "attributes": dataclasses.astuple(entry[1])}
            for path, entry in files.items()
        }
        put(self.path, json.dumps(entries).encode(), ROOT_ONLY)

    def close(self) -> None:
        """End the change: what there is has been proven, or is what there was."""
        no_links.remove(self.path)


def restore(files: Former) -> None:
    """Put files back as a journal has them."""
    for path, entry in files.items():
        if entry is None:
            no_links.remove(path)
        else:
            put(path, *entry)


def unread(directories: list[str], pid_file: str) -> list[str]:
    """What is newer in the directories, at any depth, than the file of the running process; names that begin with
    a dot do not count."""
    try:
        started = os.lstat(pid_file).st_mtime_ns
    except FileNotFoundError:
        return []
    found = []
    for top in directories:
        for parent, names, files in os.walk(top):
            names[:] = [name for name in names if not name.startswith(".")]
            for name in names + files:
                path = os.path.join(parent, name)
                with contextlib.suppress(FileNotFoundError):
                    if not name.startswith(".") and os.lstat(path).st_mtime_ns > started:
                        found.append(path)
    return found


def mark_as_read(directories: list[str], pid_file: str) -> None:
    """Let nothing be newer than the process that has just been started: what a wrong clock has dated would be a
    reason for ever."""
    with contextlib.suppress(FileNotFoundError):
        started = os.lstat(pid_file).st_mtime_ns
        for path in unread(directories, pid_file):
            with contextlib.suppress(FileNotFoundError):
                os.utime(path, ns=(started, started), follow_symlinks=False)
