# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must hold in a stopped pot before pot touches it, because pot follows every link that a jail has planted.

pot writes C(etc/resolv.conf), C(etc/hosts), C(etc/rc.conf) and C(tmp/environment.sh) below the jail's root, mounts
there and unmounts there, as root of the host and by path; of C(etc/rc.conf) it even has sh read what the jail wrote
(sysrc -f), and the words of C(bin/freebsd-version) become parameters of jail(8). So while no process of the jail runs,
each of these places is made what it should be, or the pot is not started.

The file is a program of its own as well: the module installs it on the host, where pot itself calls it, at the boot and
by hand too (see C(guarding)). It needs nothing but Python. Every step from one directory to the next is taken from an
open directory and follows no link.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import time
from typing import Callable

# Beside pot.conf, where the jail cannot reach: whoever has it is guarded.
RECORD = "potluck.json"
# Commands of pot that write or mount below the root of a stopped pot, and the option that names the pot.
COMMANDS = {
    "start": "p:",
    "run": "p:",
    "term": "p:",
    "mount-in": "d:z:f:p:m:",
    "mount-out": "p:m:",
    "copy-in": "s:d:p:",
    "copy-out": "s:d:p:",
}
# The property that datasets have while they go back, as in module_utils/_freebsd/snapshots.py, which is not there on a
# host.
GOING_BACK = "potluck.matrix:going-back"
# A name that no pot can have: asks whether pot calls this program at all.
PROOF = ".potluck-guard"
ANSWER = "the guard of potluck.matrix is called"

_RELEASE = re.compile(r'USERLAND_VERSION="[0-9A-Za-z.+-]{1,60}"\Z')
# Of rc.conf sh may read only what sets a variable to a fixed text: none of its own (PATH, IFS), and not the one that
# /etc/defaults/rc.conf takes for the names of more files to read.
_RC_NAME = r"(?!rc_conf_files=)[a-z][A-Za-z0-9_]*"
_RC_VALUE = r"(\"[^\"$`\\\n]*\"|'[^'\n]*'|[A-Za-z0-9_./:,@%+-]*)"
_RC_LINE = re.compile(rf"[ \t]*(#.*|{_RC_NAME}={_RC_VALUE}[ \t]*(;[ \t]*)?([ \t]#.*)?)?\Z")
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


def _value(conf: str, key: str, default: str = "") -> str:
    found = re.findall(rf"(?m)^{re.escape(key)}=(.*)$", conf)
    return re.sub(r'[ \t"]', "", found[0]).partition("=")[0] if found else default


def record(text: str) -> dict[str, list[str]] | None:
    """{source of a mount: [dataset, directory on which it must be mounted]} of a file RECORD; C(None) for one that is
    damaged.
    """
    try:
        found = json.loads(text).get("sources", {})
        return {source: [str(dataset), str(directory)] for source, (dataset, directory) in found.items()}
    except (ValueError, AttributeError, TypeError):
        return None


class Pot:
    """One stopped pot. home is its directory on the host; mounts are [(source, path, type, …)] of C(mount -p)."""

    def __init__(self, fs_root: str, name: str, mounts: list[tuple], mountpoint: Callable[[str], str]) -> None:
        self.name = name
        self.home = f"{fs_root}/jails/{name}"
        self.mounts = mounts
        self.mountpoint = mountpoint
        self.conf = self._read("pot.conf")
        single = _value(self.conf, "pot.type") == "single"
        base = "{}/bases/{}".format(fs_root, _value(self.conf, "pot.base"))
        self.tree = Tree(
            name,
            (
                [("/", self.home + "/m", False)]
                if single
                else [
                    ("/", base, True),
                    ("/usr/local", self.home + "/usr.local", False),
                    ("/opt/custom", self.home + "/custom", False),
                ]
            ),
        )

    def _read(self, name: str) -> str:
        try:
            with open(f"{self.home}/conf/{name}", encoding="utf-8", errors="surrogateescape") as handle:
                return handle.read()
        except FileNotFoundError:
            return ""

    def lines(self) -> list[tuple[str, str]]:
        """[(source, path in the jail)] of fscomp.conf, in pot's order."""
        root, found = self.home + "/m", []
        for fields in (line.split() for line in self._read("fscomp.conf").split("\n")):
            if len(fields) > 1:
                target = fields[1][len(root) :] or "/" if (fields[1] + "/").startswith(root + "/") else fields[1]
                found.append((fields[0], "/" + target.strip("/")))
        return found

    def _needed(self) -> dict[str, list[str]]:
        needed = record(self._read(RECORD) or "{}")
        if needed is None:
            raise Refused(f"{self.home}/conf/{RECORD} is damaged: run the playbook site again")
        return needed

    def whole(self, going_back: Callable[[list[str]], list[str]]) -> None:
        """C(Refused) while some of the pot's datasets have gone back to a snapshot and others have not, as a host
        leaves them that lost its power just then: whoever writes there loses it when the way back is gone on with.

        going_back: the snapshots to which any of the datasets are on their way.
        """
        datasets = sorted({dataset for dataset, _directory in self._needed().values()})
        tags = going_back(datasets) if datasets else []
        if tags:
            raise Refused(
                f"the data of pot {self.name} is on its way back to the snapshot {tags[0]}, and only some of it is "
                "there: run the playbook upgrade, rollback or site, which goes on with it"
            )

    def sources(self) -> None:
        """C(Refused) unless the datasets that the pot's data lie on are mounted where they were when the module last
        configured it.
        """
        for source, (dataset, directory) in self._needed().items():
            at = [mount[0] for mount in self.mounts if mount[1] in (directory, os.path.realpath(directory))]
            if at[-1:] != [dataset]:
                raise Refused(
                    f"dataset {dataset} is not mounted on {directory}, so pot {self.name} would find an empty "
                    "directory in place of its data: "
                    f"mount it ('zfs mount {dataset}') and start the pot again"
                )
            inside = os.path.realpath(directory).rstrip("/") + "/"
            if source.startswith("/") and not (os.path.realpath(source) + "/").startswith(inside):
                # What lies in a dataset that a jail has mounted may be links by now.
                raise Refused(
                    f"{source} leads out of {directory}, the data of pot {self.name}: look at the links in it"
                )

    def places(self) -> None:
        """Make every place that pot writes to or mounts on in a start what it should be, or raise C(Refused)."""
        tree = self.tree
        etc = tree.directory("/etc", repair=False)
        if etc is None:
            raise Refused(f"pot {self.name} has no /etc, which pot writes to: restore it before the pot is started")
        os.close(etc)
        for path, mode in (("/tmp", 0o1777), ("/dev", 0o555), ("/proc", 0o555)):
            self._directory(path, mode)
        for path in ("/etc/resolv.conf", "/etc/hosts", "/tmp/environment.sh", "/tmp/tinirc"):
            tree.file(path)
        self._release()
        if _value(self.conf, "vnet") == "true" and _value(self.conf, "pot.attr.no-rc-script") != "YES":
            self._rc_conf()
        for source, target in self.lines():
            if target != "/" and target not in tree.places:
                self._close(tree.directory(target, 0o755))
                tree.cover(target, self.mountpoint(source))

    @staticmethod
    def _close(fd: int | None) -> None:
        if fd is not None:
            os.close(fd)

    def _directory(self, path: str, mode: int) -> None:
        """One that pot needs but that may be missing; made anew only where something else was in its place."""
        before = len(self.tree.repaired)
        fd = self.tree.directory(path)
        if fd is None and len(self.tree.repaired) > before:
            fd = self.tree.directory(path, mode)
        self._close(fd)

    def _release(self) -> None:
        text = self.tree.text("/bin/freebsd-version")
        bad = [line for line in (text or "").split("\n") if line.startswith("USERLAND")]
        if bad and (len(bad) > 1 or not _RELEASE.match(bad[0])):
            raise Refused(
                f"/bin/freebsd-version in pot {self.name} says more than its release, which pot would hand to jail(8): "
                "repair that file"
            )

    def _rc_conf(self) -> None:
        self._close(self.tree.directory("/etc/rc.d", repair=False))
        for number, line in enumerate((self.tree.text("/etc/rc.conf") or "").split("\n"), 1):
            if not _RC_LINE.match(line):
                raise Refused(
                    "line %d of /etc/rc.conf in pot %s does more than set a variable to a fixed text, and pot would "
                    "have the host's "
                    'sh run it: write it as name="value"' % (number, self.name)
                )

    def after(self) -> None:
        """What pot does when a jail has ended (removes resolv.conf, unmounts) must not lead out either."""
        tree = self.tree
        self._close(tree.directory("/etc"))
        self._directory("/tmp", 0o1777)
        self._directory("/dev", 0o555)
        for source, target in self.lines():
            if target != "/" and target not in tree.places:
                self._close(tree.directory(target))
                tree.cover(target, self.mountpoint(source))

    def left(self) -> list[str]:
        """What is still mounted below the jail's root, last first; C(Refused) for a mount that its path does not lead
        to any more.
        """
        root = os.path.realpath(self.home + "/m") + "/"
        found = [mount[1] for mount in reversed(self.mounts) if mount[1].startswith(root) and mount[2] != "zfs"]
        for path in found:
            if os.path.realpath(path) != path:
                raise Refused(
                    f"something is mounted on {path}, which leads elsewhere by now: look at 'mount' and unmount it"
                )
        return found


# --------------------------------------------------------------------------- the program


ENVIRONMENT = {"PATH": "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"}


def _output(*argv: str) -> str:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=ENVIRONMENT, check=False)
    return done.stdout.decode("utf-8", "surrogateescape")


def _mounts() -> list[tuple]:
    found = []
    for fields in (line.split() for line in _output("/sbin/mount", "-p").split("\n")):
        if len(fields) > 2:
            found.append(
                tuple(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), field) for field in fields[:3])
            )
    return found


def _mountpoint(source: str) -> str:
    return (
        source
        if source.startswith("/")
        else _output("/sbin/zfs", "get", "-H", "-o", "value", "mountpoint", source).strip()
    )


def _going_back(datasets: list[str]) -> list[str]:
    values = _output("/sbin/zfs", "get", "-H", "-o", "value", GOING_BACK, *datasets).split()
    return [value for value in values if value != "-"]


def _fs_root(prefix: str) -> str:
    """POT_FS_ROOT: pot's two files are sh, and sh alone can read them as pot does."""
    files = [prefix + "/etc/pot/pot.default.conf", prefix + "/etc/pot/pot.conf"]
    script = (
        'f=$1; g=$2; shift 2; for f in "$f" "$g"; do [ ! -r "$f" ] || . "$f"; done; '
        'printf "\\n%s" "${POT_FS_ROOT:-/opt/pot}"'
    )
    return _output("/bin/sh", "-c", script, "guard", *files).split("\n")[-1]


def named(command: str, arguments: list[str]) -> str:
    """Name of the pot that a command of pot is about; empty when it names none."""
    takes, rest, name = COMMANDS[command], list(arguments), ""
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            return name or word
        for position, letter in enumerate(word[1:], 2):
            if letter + ":" in takes:
                value = word[position:] or (rest.pop(0) if rest else "")
                name = value if letter == "p" else name
                break
    return name


def _runs(name: str) -> bool:
    return (
        subprocess.run(
            ["/usr/sbin/jls", "-j", name, "jid"],
            env=ENVIRONMENT,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ).returncode
        == 0
    )


def _guarded(fs_root: str, name: str, seen: set[str]) -> list[str]:
    """The pot and those it depends on which pot would start as well, as far as they are guarded and stopped."""
    if not name or "/" in name or name in seen:
        return []
    seen.add(name)
    conf = f"{fs_root}/jails/{name}/conf/"
    try:
        with open(conf + "pot.conf", encoding="utf-8", errors="surrogateescape") as handle:
            depends = re.findall(r"(?m)^pot\.depend=(.*)$", handle.read())
    except OSError:
        return []
    found = [pot for other in depends for pot in _guarded(fs_root, other.strip(), seen)]
    return found + ([name] if os.path.exists(conf + RECORD) and not _runs(name) else [])


def before(fs_root: str, command: str, arguments: list[str]) -> list[str]:
    """What the program does when pot is about to do something: the sentences to say. C(Refused) when pot must not."""
    if arguments[:1] == [PROOF]:
        raise Refused(ANSWER)
    said = []
    for name in _guarded(fs_root, named(command, arguments), set()):
        pot = Pot(fs_root, name, _mounts(), _mountpoint)
        if command in ("start", "run"):
            pot.whole(_going_back)
        pot.sources()
        pot.places()
        said += [f"pot {name}: {text}" for text in pot.tree.repaired]
    return said


def after(fs_root: str, name: str) -> list[str]:
    """What the program does when a jail has ended, before pot cleans up (its hook poststop): the sentences to say."""
    deadline = time.monotonic() + 10
    # pot goes on even where jail(8) could not remove the jail; what still runs in it could plant something again.
    while (
        _runs(name)
        and subprocess.run(["/bin/pkill", "-KILL", "-j", name], env=ENVIRONMENT, check=False).returncode == 0
    ):
        if time.monotonic() > deadline:
            raise Refused(f"processes in pot {name} cannot be ended")
        time.sleep(0.1)
    pot = Pot(fs_root, name, _mounts(), _mountpoint)
    pot.after()
    for path in pot.left():
        subprocess.run(["/sbin/umount", "-f", path], env=ENVIRONMENT, check=False)
    return [f"pot {name}: {text}" for text in pot.tree.repaired]


def _say(text: str) -> None:
    """Say a line in the form of pot's own."""
    sys.stdout.write(text + "\n")


def main(arguments: list[str]) -> int:
    """C(PREFIX COMMAND …) as pot was called, or C(PREFIX poststop NAME); the exit code is 0 when pot may go on."""
    prefix, command, rest = arguments[0], arguments[1], arguments[2:]
    fs_root = _fs_root(prefix)
    try:
        said = after(fs_root, rest[0]) if command == "poststop" else before(fs_root, command, rest)
    except Refused as exc:
        _say(f"###>  {exc}")
        return 1
    except OSError as exc:
        _say(f"###>  the guard of potluck.matrix cannot look at the pot: {exc}")
        return 1
    for text in said:
        _say("===>  " + text)
    if said:
        subprocess.run(
            ["/usr/bin/logger", "-p", "auth.warning", "-t", "potluck-pot-guard", "; ".join(said)],
            env=ENVIRONMENT,
            check=False,
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
