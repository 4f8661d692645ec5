# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module file_set: files, directories and what must not be there, each as it is wanted."""

from __future__ import annotations

import grp
import hashlib
import os
import pwd
import re
import secrets
import shlex
import shutil
import stat

from ansible.module_utils.common.text.converters import to_bytes, to_native
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import put
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.kept import Kept
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.mounts import landing_place
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.no_links import Attributes
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner

# Seconds for a command that judges a file.
LIMIT = 600


def permissions(entry: dict) -> int:
    """The number of the entry's mode, which YAML has already made of digits without quotes; Sentence for what is not
    octal.
    """
    mode = entry["mode"]
    if isinstance(mode, int):
        return mode
    if not re.match(r"0?[0-7]{3,4}\Z", str(mode)):
        raise Sentence('{}: the mode {} is not octal digits, good ones are "0644"'.format(entry["path"], mode))
    return int(mode, 8)


def identity(entry: dict, check: bool) -> tuple[int | None, int | None]:
    """Return (uid, gid); None for one that does not exist yet in check mode."""
    try:
        uid: int | None = pwd.getpwnam(entry["owner"]).pw_uid
    except KeyError:
        uid = None
    gid: int | None = 0
    if entry["group"]:
        try:
            gid = grp.getgrnam(entry["group"]).gr_gid
        except KeyError:
            gid = None
    if not check and (uid is None or gid is None):
        raise Sentence(
            "{}: there is no {}".format(
                entry["path"], "user " + entry["owner"] if uid is None else "group " + entry["group"]
            )
        )
    return uid, gid


def present(path: str) -> os.stat_result | None:
    """The lstat of a path, or None; Sentence for a symbolic link."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(found.st_mode):
        raise Sentence(f"{path} is a symbolic link, which is not followed")
    return found


def filled(text: str, fills: dict[str, str], check: bool) -> str:
    """The text with what files say in the place of words. fills: path of a file by the word it stands for.

    Sentence for a file that says nothing, or more than a line; in check mode the word stays where there is no file yet.
    """
    for word, path in fills.items():
        found = texts([path]).get(path, "").strip()
        if "\n" in found:
            raise Sentence(f"{path} holds more than one line")
        if not found and not check:
            raise Sentence(f"{path} holds nothing")
        text = text.replace(word, found or word)
    return text


def texts(paths: list[str]) -> dict[str, str]:
    """The texts of those of the files that are there, by their paths; Sentence for what is no file."""
    found = {}
    for path in paths:
        there = present(path)
        if there is None:
            continue
        if not stat.S_ISREG(there.st_mode):
            raise Sentence(f"{path} has to be a file, but is something else")
        with open(path, "rb") as stream:
            found[path] = to_native(stream.read(), errors="replace")
    return found


class FileSet:
    """Brings the paths to the wanted state; ``changed`` lists paths, ``diffs`` what diff mode shows.

    keep: the name below which a C(Kept) has what is replaced, if any; ValueError for one that is none.
    """

    def __init__(self, runner: Runner, keep: str | None, check: bool) -> None:
        self.runner, self.check = runner, check
        self.changed: list[str] = []
        self.diffs: list[dict[str, str]] = []
        self.kept = Kept(keep) if keep else None
        # Of an earlier run, whose service has not proved itself yet.
        self.unproven = bool(self.kept and self.kept.there)

    def note(self, path: str, before: str, after: str) -> None:
        """Count a path as changed, which it is after this; before and after are the texts that diff mode shows for
        it.
        """
        if self.kept and not self.check:
            self.kept.keep(path)
        self.changed.append(path)
        self.diffs.append({"before_header": path, "after_header": path, "before": before, "after": after})

    def ensure(self, entries: list[dict], mount: str | None) -> None:
        """Bring all to their state; Sentence for what cannot be done, after what was done was taken back where it is
        kept.

        mount: something has to be mounted there if any of the paths lies below it.
        """
        entry: dict = {"path": mount}
        try:
            self._need_mount(entries, mount)
            for entry in entries:
                self._ensure(entry)
        except (Sentence, OSError) as error:
            problem = f"{entry['path']}: {error.strerror or error}" if isinstance(error, OSError) else str(error)
            if self.changed and self.kept and not self.check:
                problem += self._back(self.kept)
            raise Sentence(problem) from error

    def _need_mount(self, entries: list[dict], mount: str | None) -> None:
        """Sentence when a path belongs on what is not mounted."""
        if not mount or self.check:
            return
        below = [entry["path"] for entry in entries if os.path.normpath(entry["path"]).startswith(mount + "/")]
        if below and landing_place(mount, self.runner):
            raise Sentence(f"{below[0]}: nothing is mounted at {mount}, where it belongs (matrix_dataset)")

    def _back(self, kept: Kept) -> str:
        """Put all that was kept back; empty, or the end of a sentence about what is not as it was."""
        try:
            kept.put_back()
        except OSError as error:
            return f"; and what was changed before that is not as it was: {error.filename}: {error.strerror or error}"
        if not self.unproven:
            kept.forget()
        self.changed, self.diffs = [], []
        return ""

    def _ensure(self, entry: dict) -> None:
        """Bring one item of ``files`` to its state; Sentence for what cannot be done, OSError as the system raises
        it.
        """
        state = entry["state"]
        # With a slash behind it the name of a link would be followed.
        entry["path"] = os.path.normpath(entry["path"])
        if state != "absent" and entry["mode"] is None:
            raise Sentence("{}: mode is required".format(entry["path"]))
        getattr(self, state)(entry)

    def absent(self, entry: dict) -> None:
        """Remove whatever is at the path, a directory with all that is in it. Of a symbolic link only the link goes."""
        path = entry["path"]
        if not os.path.lexists(path):
            return
        self.note(path, "present\n", "absent\n")
        if not self.check:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)

    def attributes(self, entry: dict, found: os.stat_result | None) -> tuple[str, str, Attributes]:
        """(shown attributes now, shown attributes wanted, attributes wanted); an id that does not exist yet in check
        mode is -1.
        """
        uid, gid = identity(entry, self.check)
        mode = permissions(entry)
        now = f"{no_links.attributes(found)}\n" if found else ""
        owner, group = ("(new)" if number is None else str(number) for number in (uid, gid))
        wanted = Attributes(-1 if uid is None else uid, -1 if gid is None else gid, mode)
        return now, f"owner {owner}:{group} mode {mode:04o}\n", wanted

    def directory(self, entry: dict) -> None:
        """Make a directory, or only set owner, group and mode of one; Sentence when something else is at the path.

        What lies in it is left alone.
        """
        path = entry["path"]
        found = present(path)
        if found is not None and not stat.S_ISDIR(found.st_mode):
            raise Sentence(f"{path} has to be a directory, but is something else")
        now, shown, wanted = self.attributes(entry, found)
        if now == shown:
            return
        self.note(path, now or "absent\n", shown)
        if self.check:
            return
        if found is None:
            # Parents get the system's default, never this mode: they may be others' too.
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.mkdir(path, 0o700)
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            os.fchown(handle, wanted.uid, wanted.gid)
            os.fchmod(handle, wanted.mode)
        finally:
            os.close(handle)

    def file(self, entry: dict) -> None:
        """Write a file unless content, owner, group and mode are right; a wrong mode alone makes it a new file too.

        Sentence when anything but a file is at the path, and when its directory is a symbolic link.
        """
        path, secret = entry["path"], entry["content"] is None
        text = entry["secret"] if secret else entry["content"]
        if text is None:
            raise Sentence(f"{path}: content or secret is required")
        content = to_bytes(filled(text, entry.get("fills") or {}, self.check))
        if os.path.islink(os.path.dirname(path)):
            raise Sentence(f"{os.path.dirname(path)} is a symbolic link, which is not followed")
        found = present(path)
        if found is not None and not stat.S_ISREG(found.st_mode):
            raise Sentence(f"{path} has to be a file, but is something else")
        old = None
        if found is not None:
            with open(path, "rb") as stream:
                old = stream.read()
        now, shown, wanted = self.attributes(entry, found)
        if now == shown and old == content:
            return
        if old != content:
            before, after = "(another secret)\n", "(a secret)\n"
            if not secret:
                before, after = (to_native(each or b"", errors="replace") for each in (old, content))
            now, shown = (now + (before if old is not None else ""), shown + after)
        self.note(path, now or "absent\n", shown)
        if self.check:
            return
        judge = entry["validate"] if old != content else None
        put(
            path,
            content,
            wanted,
            draft=self.draft(path),
            follow=True,
            accept=(lambda draft: self.judge(judge, draft, path)) if judge else None,
        )

    def generated(self, entry: dict) -> None:
        """Make a file with a secret of its own unless there is one that says something; Sentence as file()."""
        path = entry["path"]
        found = present(path)
        old = texts([path])[path] if found is not None and stat.S_ISREG(found.st_mode) else ""
        # An empty one, as a full disk leaves it, is none.
        text = old if old.strip() else secrets.token_hex(32) + "\n"
        self.file({**entry, "content": None, "secret": text, "validate": None, "fills": None})

    @staticmethod
    def draft(path: str) -> str:
        """Where the new file is written: beside the directory, since a service may read all that lies in it, and a run
        can be killed here.

        The name is the same each time, so that the next run takes the place of one that was left.
        """
        directory = os.path.dirname(path)
        parent = os.path.dirname(directory)
        if os.lstat(parent).st_dev != os.lstat(directory).st_dev:
            parent = directory
        digest, ending = hashlib.sha256(to_bytes(path)).hexdigest()[:16], os.path.splitext(path)[1]
        return os.path.join(parent, f".potluck-{digest}{ending}")

    def judge(self, command: str, draft: str, path: str) -> None:
        """Sentence when a command, with the draft in the place of C(%s), does not end with 0."""
        argv = [word.replace("%s", draft) for word in shlex.split(command)]
        rc, out, err = self.runner.run(argv, LIMIT, environment=self.runner.inherited())
        if rc != 0:
            said = (err.strip() or out.strip()).replace(draft, path)
            raise Sentence(f"{path} stays as it was, since the new one is refused: {said}")
