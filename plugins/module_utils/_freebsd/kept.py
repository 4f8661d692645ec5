# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service last worked with: files and rc.conf variables, kept while a change of them has not proved itself.

The module file_set keeps what it replaces, rc_service what it writes, and rc_service forgets all of it as soon as the
service works with the new, or puts it back. It lies on the disk, so that a run which comes after one that was cut off
knows the way back as well.
"""

from __future__ import annotations

import base64
import json
import os
import re
import stat

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import put
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.no_links import Attributes

DIRECTORY = "/var/db/potluck-kept"


def _entry(path: str) -> dict | None:
    """What is at a path, as put_back() makes it again; None for nothing, and for what no service's file is (links,
    sockets).
    """
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    entry = {"uid": found.st_uid, "gid": found.st_gid, "mode": stat.S_IMODE(found.st_mode)}
    if stat.S_ISDIR(found.st_mode):
        return entry
    if not stat.S_ISREG(found.st_mode):
        return None
    with open(path, "rb") as stream:
        content = stream.read()
    # The time with it: a service that reads the same as before is not to look as if it had not read it.
    return {**entry, "content": base64.b64encode(content).decode("ascii"), "time": found.st_mtime_ns}


def _put_back(path: str, entry: dict) -> None:
    if "content" not in entry:
        if not os.path.isdir(path):
            os.mkdir(path, 0o700)
        os.chown(path, entry["uid"], entry["gid"], follow_symlinks=False)
        os.chmod(path, entry["mode"])
        return
    wanted = Attributes(entry["uid"], entry["gid"], entry["mode"])
    put(path, base64.b64decode(entry["content"]), wanted, follow=True, time=entry["time"])


class Kept:
    """What is kept for one service, below a name (lower case, digits, C(_) and C(-)); ValueError for another one."""

    def __init__(self, name: str):
        if not re.match(r"[a-z0-9_-]+\Z", name):
            raise ValueError(f"{name!r} cannot be the name of what is kept")
        self._path = os.path.join(DIRECTORY, name + ".json")
        self._state: dict = {"files": {}, "variables": {}}
        try:
            with open(self._path, encoding="utf-8") as stream:
                self._state = json.load(stream)
        except FileNotFoundError:
            self.there = False
        except ValueError:
            # Cut off by a full disk, before anything was changed.
            self.there = False
        else:
            self.there = True

    def _save(self) -> None:
        os.makedirs(DIRECTORY, mode=0o700, exist_ok=True)
        put(self._path, json.dumps(self._state).encode(), Attributes(-1, -1, 0o600), follow=True)
        self.there = True

    def keep(self, path: str) -> None:
        """Keep what is at a path, a directory with all that is in it. What was kept first stays: that is what
        worked.
        """
        if path in self._state["files"]:
            return
        self._state["files"][path] = _entry(path)
        if os.path.isdir(path) and not os.path.islink(path):
            for parent, directories, files in os.walk(path):
                for name in directories + files:
                    below = os.path.join(parent, name)
                    entry = _entry(below)
                    if entry is not None:
                        self._state["files"].setdefault(below, entry)
        self._save()

    def keep_variables(self, values: dict) -> None:
        """Keep rc.conf variables, None for one that is in no file of the system's administrator. What was kept first
        stays.
        """
        new = {name: value for name, value in values.items() if name not in self._state["variables"]}
        if new:
            self._state["variables"].update(new)
            self._save()

    def keep_running(self, running: bool) -> None:
        """Keep whether the service ran, with what is kept for it or will be. What was kept first stays."""
        if "running" not in self._state:
            self._state["running"] = running
            if self.there:
                self._save()

    @property
    def variables(self) -> dict:
        """The variables that were kept; see keep_variables()."""
        return dict(self._state["variables"])

    @property
    def running(self) -> bool:
        """Whether the service ran before."""
        return bool(self._state.get("running"))

    def put_back(self) -> None:
        """Put the files back, OSError as the system raises it; the variables are the caller's. What had been nothing is
        removed.
        """
        files = self._state["files"]
        for path in sorted(files):
            if files[path] is not None:
                _put_back(path, files[path])
        for path in sorted(files, reverse=True):
            if files[path] is None and os.path.lexists(path):
                if os.path.isdir(path) and not os.path.islink(path):
                    # Somebody may have put something into it meanwhile, a service its data.
                    if not os.listdir(path):
                        os.rmdir(path)
                else:
                    os.unlink(path)

    def forget(self) -> None:
        """Keep nothing any longer."""
        if os.path.lexists(self._path):
            os.unlink(self._path)
        self.there = False
        self._state = {"files": {}, "variables": {}}
