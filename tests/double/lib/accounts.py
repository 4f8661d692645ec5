# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FreeBSD's account files: master.passwd and group are the truth, the rest is derived as pwd_mkdb(8) does.

passwd is for everybody's eyes; shadow (which FreeBSD does not have) keeps glibc programs such as sshd in agreement.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

LOCKED = "*LOCKED*"


@dataclass
class User:
    """One line of master.passwd."""

    name: str
    password: str
    uid: int
    gid: int
    klass: str
    change: str
    expire: str
    gecos: str
    home: str
    shell: str

    @classmethod
    def parse(cls, line: str) -> User:
        """Raises ValueError on a malformed line."""
        name, password, uid, gid, klass, change, expire, gecos, home, shell = line.split(":")
        return cls(name, password, int(uid), int(gid), klass, change, expire, gecos, home, shell)

    def master(self) -> str:
        """The master.passwd line: ten fields."""
        return ":".join(
            map(
                str,
                (
                    self.name,
                    self.password,
                    self.uid,
                    self.gid,
                    self.klass,
                    self.change,
                    self.expire,
                    self.gecos,
                    self.home,
                    self.shell,
                ),
            )
        )

    def passwd(self, password: str = "*") -> str:
        """The passwd line: seven fields."""
        return ":".join(map(str, (self.name, password, self.uid, self.gid, self.gecos, self.home, self.shell)))

    def shadow(self) -> str:
        """The line glibc reads; expiry counts days there and seconds here."""
        password = "!" + self.password.removeprefix(LOCKED) if self.password.startswith(LOCKED) else self.password
        expire = str(int(self.expire) // 86400) if self.expire.isdigit() and int(self.expire) else ""
        return f"{self.name}:{password}:19000:0:99999:7::{expire}:"


@dataclass
class Group:
    """One line of group."""

    name: str
    password: str
    gid: int
    members: list[str] = field(default_factory=list)

    @classmethod
    def parse(cls, line: str) -> Group:
        """Raises ValueError on a malformed line."""
        name, password, gid, members = line.split(":")
        return cls(name, password, int(gid), [member for member in members.split(",") if member])

    def line(self) -> str:
        """The group line."""
        return f"{self.name}:{self.password}:{self.gid}:{','.join(self.members)}"


class Accounts:
    """The files of one /etc."""

    def __init__(self, etc: str = "/etc"):
        self.etc = etc
        self.users = [User.parse(line) for line in self._lines("master.passwd")]
        self.groups = [Group.parse(line) for line in self._lines("group")]

    def _lines(self, name: str) -> list[str]:
        with open(os.path.join(self.etc, name), encoding="utf-8") as stream:
            return [line.rstrip("\n") for line in stream if line.strip() and not line.startswith("#")]

    def user(self, reference: str) -> User | None:
        """By name, or by uid if there is no such name."""
        for user in self.users:
            if user.name == reference:
                return user
        return next((user for user in self.users if str(user.uid) == reference), None)

    def group(self, reference: str) -> Group | None:
        """By name, or by gid if there is no such name."""
        for group in self.groups:
            if group.name == reference:
                return group
        return next((group for group in self.groups if str(group.gid) == reference), None)

    def write(self) -> None:
        """Write all files; each appears whole."""
        for name, mode, lines in (
            ("master.passwd", 0o600, [user.master() for user in self.users]),
            ("passwd", 0o644, [user.passwd() for user in self.users]),
            ("group", 0o644, [group.line() for group in self.groups]),
            ("shadow", 0o600, [user.shadow() for user in self.users]),
            ("pwd.db", 0o644, []),
            ("spwd.db", 0o600, []),
        ):
            path = os.path.join(self.etc, name)
            temporary = f"{path}.{os.getpid()}"
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                os.fchmod(stream.fileno(), mode)
                stream.writelines(line + "\n" for line in lines)
            os.replace(temporary, path)


@contextlib.contextmanager
def editing(etc: str = "/etc") -> Iterator[Accounts]:
    """Read the files, change, write them back; other writers wait. Nothing is written when the body raises."""
    with open(os.path.join(etc, ".pwd.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        accounts = Accounts(etc)
        yield accounts
        accounts.write()
