# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pw(8) does to users and groups."""

from __future__ import annotations

import os
import shutil

import accounts
from pwcommandline import DATAERR, HIGHEST, LOWEST, NOUSER, OSFILE, USAGE, Failure, date, hashed, next_id, password


class Tool:
    def __init__(self, known: accounts.Accounts, root: str, options: dict[str, str]):
        self.known, self.root, self.options = known, root, options

    # -- finding ------------------------------------------------------------------------------------------------------
    def the_user(self, by_id: bool = True) -> accounts.User:
        if "n" in self.options:
            for user in self.known.users:
                if user.name == self.options["n"]:
                    return user
            raise Failure(NOUSER, f"no such user `{self.options['n']}'")
        if by_id and "u" in self.options:
            for user in self.known.users:
                if str(user.uid) == self.options["u"]:
                    return user
            raise Failure(NOUSER, f"no such uid `{self.options['u']}'")
        raise Failure(NOUSER, "user name or id required")

    def the_group(self) -> accounts.Group:
        reference = self.options.get("n") or self.options.get("g_id") or self.options.get("g", "")
        if not reference:
            raise Failure(DATAERR, "group name or id required")
        for group in self.known.groups:
            if group.name == reference or ("n" not in self.options and str(group.gid) == reference):
                return group
        raise Failure(DATAERR, f"unknown group `{reference}'")

    def group_named(self, reference: str, complaint: str = "group `{}' does not exist") -> accounts.Group:
        group = self.known.group(reference)
        if group is None:
            raise Failure(NOUSER, complaint.format(reference))
        return group

    def join(self, user: str, references: str, replace: bool) -> None:
        wanted = [self.group_named(reference) for reference in references.split(",") if reference]
        if replace:
            for group in self.known.groups:
                if user in group.members and group not in wanted:
                    group.members.remove(user)
        for group in wanted:
            if user not in group.members:
                group.members.append(user)

    def limits(self) -> tuple[int, int]:
        found = dict(word.partition("=")[::2] for word in self.options.get("K", "").split())
        return int(found.get("UID_MIN", LOWEST)), int(found.get("UID_MAX", HIGHEST))

    def check_name(self, name: str) -> None:
        for character in name:
            if character in ' ,\t:+&#%$^()!@~*?<>=|\\/"' and not (character == "$" and name.endswith("$")):
                raise Failure(
                    DATAERR, f"invalid character `{character}' at position {name.index(character)} in userid/group name"
                )
        if name.startswith("-"):
            raise Failure(DATAERR, "invalid character `-' at position 0 in userid/group name")
        if len(name) > 32:
            raise Failure(DATAERR, "name too long `" + name + "' (max is 32)")

    # -- users --------------------------------------------------------------------------------------------------------
    def user_add(self) -> None:
        options = self.options
        name = options.get("n", "")
        if not name:
            raise Failure(DATAERR, "login name required")
        self.check_name(name)
        if any(user.name == name for user in self.known.users):
            raise Failure(DATAERR, f"login name `{name}' already exists")
        uids = {user.uid for user in self.known.users}
        if "u" in options:
            if not options["u"].isdigit():
                raise Failure(USAGE, f"Bad id '{options['u']}': invalid")
            uid = int(options["u"])
            if uid in uids and "o" not in options:
                raise Failure(DATAERR, f"uid `{uid}' has already been allocated")
        else:
            uid = next_id(uids, *self.limits())
        if "g" in options:
            gid = self.group_named(options["g"]).gid
        else:
            own = next((group for group in self.known.groups if group.name == name), None)
            if own is None:
                gids = {group.gid for group in self.known.groups}
                own = accounts.Group(name, "*", uid if uid not in gids else next_id(gids))
                self.known.groups.append(own)
            gid = own.gid
        home = options.get("d") or f"/home/{name}"
        user = accounts.User(
            name,
            password(options, "*"),
            uid,
            gid,
            options.get("L", ""),
            date(options.get("p", "")),
            date(options.get("e", "")),
            options.get("c", "User &"),
            home,
            self.shell(options.get("s", "sh")),
        )
        if ":" in user.gecos:
            raise Failure(DATAERR, "invalid character `:' in gecos field")
        self.known.users.append(user)
        if options.get("w") == "random":
            import secrets

            clear = secrets.token_urlsafe(9)
            user.password = hashed(clear)
            print(clear)
        if "G" in options:
            self.join(name, options["G"], replace=False)
        if "m" in options:
            self.make_home(user)

    def shell(self, text: str) -> str:
        if not text or text.startswith("/"):
            return text
        for directory in ("/bin", "/usr/bin", "/usr/local/bin", "/usr/sbin"):
            path = f"{directory}/{text}"
            if os.path.lexists(self.root + path):
                return path
        raise Failure(OSFILE, f"can't find shell `{text}' in shell paths")

    def make_home(self, user: accounts.User) -> None:
        path = self.root + user.home
        if os.path.isdir(path):
            return
        # /home is a link; below another root it must not lead out of it.
        parent = os.path.dirname(user.home)
        if os.path.islink(self.root + parent):
            target = os.readlink(self.root + parent)
            parent = os.path.normpath(os.path.join(os.path.dirname(parent), target))
            path = self.root + parent + "/" + os.path.basename(user.home)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.mkdir(path)
        skeleton = self.root + self.options.get("k", "/usr/share/skel")
        if os.path.isdir(skeleton):
            for entry in os.scandir(skeleton):
                target = os.path.join(
                    path, entry.name.removeprefix("dot") if entry.name.startswith("dot.") else entry.name
                )
                if entry.is_dir(follow_symlinks=False):
                    shutil.copytree(entry.path, target, symlinks=True)
                else:
                    shutil.copyfile(entry.path, target)
        for top, directories, files in os.walk(path):
            for name in [".", *directories, *files]:
                os.lchown(os.path.join(top, name), user.uid, user.gid)
        umask = dict(word.partition("=")[::2] for word in self.options.get("K", "").split()).get("UMASK")
        os.chmod(
            path, int(self.options["M"], 8) if self.options.get("M") else 0o777 & ~int(umask, 8) if umask else 0o755
        )

    def user_mod(self) -> None:
        user, options = self.the_user(), self.options
        if "u" in options and "n" in options:
            uid = int(options["u"])
            if uid != user.uid and uid in {other.uid for other in self.known.users} and "o" not in options:
                raise Failure(DATAERR, f"uid `{uid}' has already been allocated")
            user.uid = uid
        if "g" in options:
            user.gid = self.group_named(options["g"]).gid
        if "c" in options:
            user.gecos = options["c"]
        if "d" in options:
            user.home = options["d"]
        if "s" in options:
            user.shell = self.shell(options["s"])
        if "L" in options:
            user.klass = options["L"]
        if "e" in options:
            user.expire = date(options["e"])
        if "p" in options:
            user.change = date(options["p"])
        user.password = password(options, user.password)
        if "G" in options:
            self.join(user.name, options["G"], replace=True)
        if "l" in options and options["l"]:
            self.check_name(options["l"])
            for group in self.known.groups:
                group.members = [options["l"] if member == user.name else member for member in group.members]
            user.name = options["l"]
        if "m" in options:
            self.make_home(user)

    def user_del(self) -> None:
        user = self.the_user()
        if user.name == "root":
            raise Failure(DATAERR, "cannot remove user 'root'")
        self.known.users.remove(user)
        for group in list(self.known.groups):
            if user.name in group.members:
                group.members.remove(user.name)
            # The user's own group goes with it when nobody else is in it.
            if (
                group.name == user.name
                and group.gid == user.gid
                and not group.members
                and not any(other.gid == group.gid for other in self.known.users)
            ):
                self.known.groups.remove(group)
        if "r" in self.options:
            path = self.root + user.home
            if user.home not in ("/", "/root", "/nonexistent") and os.path.isdir(path):
                shutil.rmtree(os.path.realpath(path))
            for path in (f"{self.root}/var/mail/{user.name}", f"{self.root}/var/cron/tabs/{user.name}"):
                if os.path.exists(path):
                    os.unlink(path)

    def user_show(self) -> None:
        if "a" in self.options:
            for user in self.known.users:
                print(user.passwd("*") if "7" in self.options else user.master())
            return
        try:
            user = self.the_user()
        except Failure:
            if "F" not in self.options:
                raise
            print(":*:-1:-1::0:0:User &::/bin/sh")
            return
        print(user.master())

    def user_next(self) -> None:
        print(
            f"{next_id({user.uid for user in self.known.users})}:{next_id({group.gid for group in self.known.groups})}"
        )

    def user_lock(self) -> None:
        user = self.the_user()
        if user.password.startswith(accounts.LOCKED):
            raise Failure(DATAERR, f"user '{user.name}' is already locked")
        user.password = accounts.LOCKED + user.password

    def user_unlock(self) -> None:
        user = self.the_user()
        if not user.password.startswith(accounts.LOCKED):
            raise Failure(DATAERR, f"user '{user.name}' is not locked")
        user.password = user.password.removeprefix(accounts.LOCKED)

    # -- groups -------------------------------------------------------------------------------------------------------
    def group_add(self) -> None:
        options = self.options
        name = options.get("n", "")
        if not name:
            raise Failure(DATAERR, "group name required")
        self.check_name(name)
        if any(group.name == name for group in self.known.groups):
            raise Failure(DATAERR, f"group name `{name}' already exists")
        gids = {group.gid for group in self.known.groups}
        if options.get("g"):
            if not options["g"].isdigit():
                raise Failure(USAGE, f"Bad id '{options['g']}': invalid")
            gid = int(options["g"])
            if gid in gids and "o" not in options:
                raise Failure(DATAERR, f"gid `{gid}' has already been allocated")
        else:
            found = dict(word.partition("=")[::2] for word in options.get("K", "").split())
            gid = next_id(gids, int(found.get("GID_MIN", LOWEST)), int(found.get("GID_MAX", HIGHEST)))
        group = accounts.Group(name, "*", gid)
        for member in [member for member in options.get("M", "").split(",") if member]:
            group.members.append(self.member(member))
        self.known.groups.append(group)

    def member(self, reference: str) -> str:
        user = self.known.user(reference)
        if user is None:
            raise Failure(NOUSER, f"user does not exist: {reference}")
        return user.name

    def group_mod(self) -> None:
        group, options = self.the_group(), self.options
        if options.get("g"):
            gid = int(options["g"])
            if gid != group.gid and gid in {other.gid for other in self.known.groups} and "o" not in options:
                raise Failure(DATAERR, f"gid `{gid}' has already been allocated")
            group.gid = gid
        if "M" in options:
            group.members = [self.member(member) for member in options["M"].split(",") if member]
        for member in [member for member in options.get("m", "").split(",") if member]:
            member = self.member(member)
            if member not in group.members:
                group.members.append(member)
        for member in [member for member in options.get("d", "").split(",") if member]:
            if member in group.members:
                group.members.remove(member)
        if options.get("l"):
            group.name = options["l"]

    def group_del(self) -> None:
        self.known.groups.remove(self.the_group())

    def group_show(self) -> None:
        if "a" in self.options:
            for group in self.known.groups:
                print(group.line())
            return
        print(self.the_group().line())

    def group_next(self) -> None:
        print(next_id({group.gid for group in self.known.groups}))
