# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that pot calls, at the boot and by hand too (see C(guarding)): looks at a stopped pot by C(guard).

It lies on the host in one file with all that it imports, and needs nothing but Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import read_text
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import PATH
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.snapshots import GOING_BACK
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.tables import parse_mounts
from ansible_collections.potluck.matrix.plugins.module_utils._pot import settings
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import PotConf
from ansible_collections.potluck.matrix.plugins.module_utils._pot.guard import RECORD, Pot
from ansible_collections.potluck.matrix.plugins.module_utils._pot.guard_tree import Refused

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
# A name that no pot can have: asks whether pot calls this program at all.
PROOF = ".potluck-guard"
ANSWER = "the guard of potluck.matrix is called"

ENVIRONMENT = {"PATH": PATH}


def _run(*argv: str) -> tuple[int, str]:
    # By a pipe, not by a file as the modules have it: a full disk must not keep a pot from its start.
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=ENVIRONMENT, check=False)
    return done.returncode, done.stdout.decode("utf-8", "surrogateescape")


def _output(*argv: str) -> str:
    return _run(*argv)[1]


def _mounts() -> list[tuple]:
    return parse_mounts(_output("/sbin/mount", "-p"))


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
    keys = ("POT_FS_ROOT",)
    texts = [read_text(path) or "" for path in settings.files(prefix)]
    rc, out = _run(*settings.question(texts, keys))
    if rc:
        raise Refused(f"sh cannot read {' and '.join(settings.files(prefix))}, so no pot is started: correct them")
    return settings.answer(out, keys)["POT_FS_ROOT"] or settings.DEFAULTS["POT_FS_ROOT"]


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
        text = read_text(conf + "pot.conf")
    except Sentence:
        # Whatever that is, it is for pot to say.
        return []
    if text is None:
        return []
    depends = PotConf(text).all("pot.depend")
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
    try:
        fs_root = _fs_root(prefix)
        said = after(fs_root, rest[0]) if command == "poststop" else before(fs_root, command, rest)
    except Refused as exc:
        _say(f"###>  {exc}")
        return 1
    except (OSError, Sentence) as exc:
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
