# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A FreeBSD host reached by ssh as root, that recorded commands are compared with or recorded on.

What a capture file does to a host is declared in coverage/NAME.machine.yml:

    makes:                # names that the lines make: none of them may exist beforehand, and all of them are removed
    afterwards
      pots, datasets, users, groups, files, directories (those only when they are empty)
    may_make:             # paths that may have been there before, and are removed afterwards where they were not;
    {release} is the host's
    setup:                # sh script in place of NAME.setup, which is for doubles
    before_removal:       # sh script that ends what still runs
    skipped:              # lines (numbers and ranges) that change what the host had, and why; a disposable host
    runs them
    never:                # lines that no host runs, and why
    rules:                # normalisation rules beyond those for doubles, as in captures.py
"""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Iterator

import yaml
from captures import COVERAGE, expand, releases
from machines import HOSTNAMES, PATH, TIMEOUT

# Reserved for documentation, so nobody's: what stands for the address of the recorded alias pot.
SPARE = "192.0.2.50"
# Files of the host that the lines of a disposable host may change, and that are put back.
KEPT = ("/etc/rc.conf",)
SINGULAR = {
    "pots": "pot",
    "datasets": "dataset",
    "users": "user",
    "groups": "group",
    "files": "file",
    "directories": "directory",
}
KINDS = tuple(SINGULAR)
THERE = {
    "pots": "[ -e /opt/pot/jails/{0} ] || zfs list zroot/pot/jails/{0}",
    "datasets": "zfs list {0}",
    "users": "getent passwd {0}",
    "groups": "getent group {0}",
    "files": "[ -e {0} ] || [ -L {0} ]",
    "directories": "[ -e {0} ] || [ -L {0} ]",
}
# pot destroy deletes through whatever is still mounted below a pot.
REMOVE = {
    "pots": (
        "pot stop -p {0}; if mount -p | awk '{{ print $2, $3 }}' | grep -q '^/opt/pot/jails/{0}/.* nullfs'; then exit "
        "1; fi; pot destroy -Fp {0}"
    ),
    "datasets": "zfs destroy -r {0}",
    "users": "pw userdel {0} -r",
    "groups": "pw groupdel {0}",
    "files": "rm -f {0}",
    "directories": "rmdir {0}",
}


class Refusal(Exception):
    """Why nothing is run on a host, or what was left on it, as a sentence."""


class Effects:
    """What coverage/NAME.machine.yml says; a file without one is for doubles alone."""

    def __init__(self, name: str):
        path = COVERAGE / f"{name}.machine.yml"
        self.known = path.exists()
        data = yaml.safe_load(path.read_text(encoding="utf-8")) if self.known else {}
        unknown = set(data) - {"makes", "may_make", "setup", "before_removal", "skipped", "never", "rules"} | set(
            data.get("makes") or {}
        ) - set(KINDS)
        if unknown:
            raise ValueError(f"{path}: unknown keys {sorted(unknown)}")
        self.makes: dict[str, list[str]] = data.get("makes") or {}
        self.rules: dict[int, list[str]] = data.get("rules") or {}
        self.may_make: list[str] = data.get("may_make") or []
        self.setup: str = data.get("setup") or ""
        self.before_removal: str = data.get("before_removal") or ""
        self.skipped = dict(self._lines(data.get("skipped") or {}))
        self.never = dict(self._lines(data.get("never") or {}))

    @staticmethod
    def _lines(reasons: dict[int | str, str]) -> Iterator[tuple[int, str]]:
        for lines, reason in reasons.items():
            yield from ((seq, reason) for seq in expand([lines]))

    def names(self) -> list[tuple[str, str]]:
        """(kind, name) of all that the lines make, in an order in which it can be removed."""
        return [(kind, name) for kind in KINDS for name in self.makes.get(kind, [])]

    def not_run(self, seq: int, disposable: bool) -> str | None:
        """Why a line is not run on a host; None when it is."""
        if not self.known:
            return "needs a deployed homeserver, or a host of its own"
        return self.never.get(seq) or (None if disposable else self.skipped.get(seq))


class Remote:
    """The host; as a context for one capture file it is prepared, and afterwards it has again what it had.

    address: what ssh takes, such as root@192.0.2.7; options: further arguments of ssh; disposable: whether the lines
    that change what the host had may run (see Effects). Refusal, before anything is made, where the host is not what
    the captures are about or has something of a name that they use, and afterwards where something could not be
    removed.
    """

    def __init__(self, address: str, options: list[str] | None = None, disposable: bool = False):
        self.address = address
        self.disposable = disposable
        # ssh's own limit on the length of a socket's path leaves no room for a long directory.
        self.sockets = tempfile.TemporaryDirectory(prefix="contract-", dir="/tmp")
        self.command = [
            "ssh",
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=10",
            "-o",
            "ServerAliveInterval=15",
            "-o",
            "ServerAliveCountMax=4",
            "-o",
            "ControlMaster=auto",
            "-o",
            f"ControlPath={self.sockets.name}/%C",
            "-o",
            "ControlPersist=60",
            *(options or []),
            address,
        ]
        self.effects = Effects("")
        self.new_paths: list[str] = []
        self.release = self._release()
        self.here, self.back = self._names()

    def close(self) -> None:
        """End the shared connection."""
        subprocess.run([*self.command[:-1], "-O", "exit", self.address], capture_output=True, check=False)
        self.sockets.cleanup()

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """A command as the captures were made: sh -c as root, no standard input, that PATH. Root's shell sees nothing
        of it.
        """
        script = (
            f"command=$(cat <<'END OF COMMAND'\n{command}\nEND OF COMMAND\n)\n"
            f'cd /root && env -i PATH={PATH} HOME=/root USER=root LOGNAME=root TERM=su /bin/sh -c "$command" '
            f"</dev/null\n"
            "printf '\\nrc=%s\\n' $? >&2\n"
        )
        done = subprocess.run(
            [*self.command, "/bin/sh"],
            input=script,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=TIMEOUT,
            check=False,
        )
        # ssh's own exit code cannot be told from a command's.
        stderr, marker, code = done.stderr.rpartition("\nrc=")
        if not marker:
            raise Refusal(f"{self.address} cannot be reached: {done.stderr.strip()}")
        return subprocess.CompletedProcess(command, int(code), done.stdout, stderr)

    def output(self, command: str) -> str:
        """What a command prints, without the line's end; empty when it fails."""
        done = self.run(command)
        return done.stdout.strip() if done.returncode == 0 else ""

    def _release(self) -> str:
        said = self.output("uname -s && freebsd-version -u").split()
        if said[:1] != ["FreeBSD"]:
            raise Refusal(f"{self.address} is no FreeBSD host.")
        return said[1].partition("-")[0]

    def require_recorded(self) -> None:
        """Refusal where nothing was recorded on the host's release."""
        if self.release not in releases():
            raise Refusal(f"{self.address} is FreeBSD {self.release}; recorded are {', '.join(releases())}.")

    def _names(self) -> tuple[dict[str, str], dict[str, str]]:
        """Names and addresses of the recorded host as this one's, and this one's as those of the recorded host."""
        route = dict(
            line.strip().split(": ", 1) for line in self.output("route -n get default").splitlines() if ": " in line
        )
        interface, gateway = route.get("interface", "vtnet0"), route.get("gateway", "")
        address = self.output(f"ifconfig {shlex.quote(interface)} inet | awk '$1 == \"inet\" {{ print $2; exit }}'")
        pairs = {
            HOSTNAMES.get(self.release, HOSTNAMES["15.0"]): self.output("hostname"),
            "vtnet0": interface,
            "10.0.2.15": address,
            "10.0.2.2": gateway,
            "10.0.2.50": SPARE,
        }
        here = {recorded: name for recorded, name in pairs.items() if name}
        return here, {name: recorded for recorded, name in here.items()}

    def prepare(self, name: str) -> None:
        """Refuse where the host lacks what the file needs or has what it makes; then run its setup."""
        self.effects = Effects(name)
        if not self.effects.known:
            return
        if self.effects.makes:
            places = self.output(
                "zfs list -H -o name zroot && pot config -qg fs_root && pot config -qg zfs_root && zfs list -H -o name "
                "zroot/pot"
            )
            if places.split() != ["zroot", "/opt/pot", "zroot/pot", "zroot/pot"]:
                raise Refusal(
                    f"{self.address} needs a pool zroot, and pot, initialised with its usual places /opt/pot and "
                    "zroot/pot."
                )
        found = [f"{SINGULAR[kind]} {each}" for kind, each in self.effects.names() if self.there(kind, each)]
        if found:
            raise Refusal(
                f"{self.address} has something of a name that the recordings use, and nothing is run on it: "
                f"{', '.join(found)}."
            )
        paths = [path.format(release=self.release) for path in self.effects.may_make]
        self.new_paths = [path for path in paths if not self.there("files", path)]
        if self.disposable:
            for path in KEPT:
                self.run(f"cp -p {path} {path}.before-contract")
        if self.effects.setup:
            done = self.run(self.effects.setup)
            if done.returncode:
                self.remove()
                raise Refusal(f"{self.address} could not be prepared: {done.stderr.strip()}")

    def there(self, kind: str, name: str) -> bool:
        """Whether the host has something of that name."""
        return self.run(THERE[kind].format(shlex.quote(name))).returncode == 0

    def remove(self) -> None:
        """Remove what the lines made; Refusal that names what is still there."""
        if self.effects.before_removal:
            self.run(self.effects.before_removal)
        for kind, name in self.effects.names():
            if self.there(kind, name):
                self.run(REMOVE[kind].format(shlex.quote(name)))
        if self.disposable:
            for path in KEPT:
                self.run(f"[ ! -e {path}.before-contract ] || mv {path}.before-contract {path}")
        for path in self.new_paths:
            self.run(f"[ -d {path} ] && rmdir {path} || rm -f {path}")
        left = [f"{SINGULAR[kind]} {name}" for kind, name in self.effects.names() if self.there(kind, name)]
        if left:
            raise Refusal(
                f"{self.address} still has what the recordings made, to be removed by hand: {', '.join(left)}."
            )
