# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of a stopped pot, reached without following a link that its jail could have planted."""

from __future__ import annotations

import os
import stat

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Refused(Exception):
    """Why a pot must not be started; one sentence."""


class Tree:
    """The files of a stopped pot as its jail would see them, every directory opened by way of its parent.

    roots: [(path in the jail, directory of the host, whether the jail cannot write there)], one of them for C(/). What
    is mounted later in the same start is added with C(cover).
    """

    def __init__(self, name: str, roots: list[tuple[str, str, bool]]) -> None:
        self.name = name
        self.places = {path: (directory, trusted) for path, directory, trusted in roots}
        self.repaired: list[str] = []

    def cover(self, path: str, directory: str) -> None:
        """From now on the path in the jail is that directory of the host."""
        self.places[path] = (directory, False)

    def _enter(self, parent: int, path: str, mode: int | None, repair: bool) -> int | None:
        """Descriptor of a directory whose parent is open; C(None) for one that is missing and that no mode is given
        for.
        """
        name = path.rpartition("/")[2]
        kind = self._kind(parent, name)
        if kind is not None and not stat.S_ISDIR(kind):
            if not repair:
                raise Refused(
                    f"{path} in pot {self.name} is not a directory, so pot would write elsewhere: repair it before the "
                    "pot is started"
                )
            self._remove(parent, path, kind)
            kind = None
        if kind is not None:
            return os.open(name, _DIRECTORY, dir_fd=parent)
        if mode is None:
            return None
        os.mkdir(name, 0o700, dir_fd=parent)
        fd = os.open(name, _DIRECTORY, dir_fd=parent)
        os.fchmod(fd, mode)
        return fd

    def directory(self, path: str, mode: int | None = None, repair: bool = True) -> int | None:
        """Descriptor of a directory, C(None) when it or one above it is missing.

        mode: make what is missing, directories above it with 0755. repair: what is no directory is removed; otherwise
        C(Refused).
        """
        pending, here, links = [part for part in path.split("/") if part], "", 0
        top, trusted = self.places["/"]
        fd = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        following: int | None
        try:
            while pending:
                part = pending.pop(0)
                inside = here + "/" + part
                if inside in self.places:
                    place, trusted = self.places[inside]
                    following = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                elif trusted and stat.S_ISLNK(self._kind(fd, part) or 0):
                    # A link of the base release, which no jail can change; it leads on inside the jail.
                    link, links = os.readlink(part, dir_fd=fd), links + 1
                    if links > 40:
                        raise Refused(f"{path} in pot {self.name} leads through too many links")
                    base = [] if link.startswith("/") else here.split("/")
                    pending = [p for p in os.path.normpath("/" + "/".join(base + [link])).split("/") if p] + pending
                    here, (place, trusted) = "", self.places["/"]
                    following = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                    inside = ""
                else:
                    # pot mounts a base for reading only, so it makes nothing in one either.
                    wanted = None if mode is None or trusted else 0o755 if pending else mode
                    following = self._enter(fd, inside, wanted, repair)
                    if following is None:
                        os.close(fd)
                        return None
                os.close(fd)
                fd, here = following, inside
        except BaseException:
            os.close(fd)
            raise
        return fd

    @staticmethod
    def _kind(parent: int, name: str) -> int | None:
        try:
            return os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        except FileNotFoundError:
            return None

    def _remove(self, parent: int, path: str, kind: int) -> None:
        name = path.rpartition("/")[2]
        what = f"a link to {os.readlink(name, dir_fd=parent)}" if stat.S_ISLNK(kind) else "no plain file"
        try:
            os.unlink(name, dir_fd=parent)
        except OSError as exc:
            raise Refused(
                f"{path} in pot {self.name} is {what}, so pot would write elsewhere, and cannot be removed: "
                f"{exc.strerror}"
            ) from exc
        self.repaired.append(f"{path} was {what} and was removed")

    def file(self, path: str, repair: bool = True) -> None:
        """Remove what is not a plain file, so that pot makes one; C(Refused) for a directory."""
        directory, _slash, name = path.rpartition("/")
        fd = self.directory(directory, repair=False)
        if fd is None:
            return
        try:
            kind = self._kind(fd, name)
            if kind is None or stat.S_ISREG(kind):
                return
            if stat.S_ISDIR(kind) or not repair:
                raise Refused(f"{path} in pot {self.name} is not a plain file: repair it before the pot is started")
            self._remove(fd, path, kind)
        finally:
            os.close(fd)

    def text(self, path: str, limit: int = 1 << 20) -> str | None:
        """Text of a plain file, C(None) when there is none; C(Refused) for anything else and for more than that many
        bytes.
        """
        self.file(path, repair=False)
        directory, _slash, name = path.rpartition("/")
        parent = self.directory(directory, repair=False)
        if parent is None:
            return None
        try:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
        except FileNotFoundError:
            return None
        finally:
            os.close(parent)
        with os.fdopen(fd, "rb") as handle:
            data = handle.read(limit + 1)
        if len(data) > limit:
            raise Refused(f"{path} in pot {self.name} is too large to be read")
        return data.decode("utf-8", "replace")
