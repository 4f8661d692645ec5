# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flavours: pot commands and scripts that a new pot goes through."""

from __future__ import annotations

import os
import shutil
import sys

import jail as jaillib

from potlib.configuration import PREFIX
from potlib.dispatch import nested
from potlib.output import complain, error, say, usage
from potlib.pots import attribute, replace, root_of

FLAVOUR_COMMANDS = [
    "add-dep",
    "set-attribute",
    "copy-in",
    "copy-in-flv",
    "mount-in",
    "set-rss",
    "export-ports",
    "set-cmd",
    "set-env",
]


def flavour_files(flavour: str) -> list[str]:
    """The command file and/or the script of a flavour: the literal path, ./X, then the flavour directory."""
    home = PREFIX + "/etc/pot/flavours"
    found = []
    if not flavour.endswith(".sh"):
        for path in (flavour, "./" + flavour, f"{home}/{flavour}"):
            if os.path.isfile(path):
                found.append(path)
                break
    script = flavour if flavour.endswith(".sh") else flavour + ".sh"
    for path in (script, "./" + script, f"{home}/{script}"):
        if os.path.isfile(path):
            found.append(path)
            break
    return found


def check_flavours(command: str, flavours: list[str]) -> None:
    for flavour in flavours:
        if not flavour_files(flavour):
            error(f"Flavour {flavour} not found")
            raise usage(command)


def apply_flavours(pot: str, flavours: list[str], command: str) -> int:
    os.environ["_POT_RECURSIVE"] = "1"
    for flavour in flavours:
        for path in flavour_files(flavour):
            if path.endswith(".sh"):
                if not flavour_script(pot, path):
                    error(f"{command}: flavour {flavour} failed (script)")
                    return 1
            elif not flavour_commands(pot, path, flavour):
                error(f"{command}: flavour {flavour} failed (pot commands)")
                return 1
    return 0


def flavour_commands(pot: str, path: str, flavour: str) -> bool:
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        text = stream.read()
    lines = text.split("\n")[:-1]  # read(1) drops a last line without its newline
    for line in lines:
        words = line.split()
        if not words or words[0] not in FLAVOUR_COMMANDS:
            error(f"Flavor {flavour}: line {line} not valid - ignoring")
            continue
        if words[0] == "set-cmd":
            rest = line.strip()[len("set-cmd") :].strip()
            argv = ["set-cmd", "-p", pot, "-c", rest[2:].strip() if rest.startswith("-c") else rest]
        elif words[0] == "copy-in-flv":
            argv = ["copy-in", "-p", pot] + words[1:]
            for index, word in enumerate(argv):
                if word == "-s" and index + 1 < len(argv):
                    argv[index + 1] = os.path.join(os.path.dirname(os.path.abspath(path)), argv[index + 1])
        else:
            argv = [words[0], "-p", pot] + words[1:]
        if nested(argv):
            return False
    return True


def flavour_script(pot: str, path: str) -> bool:
    persistent = attribute(pot, "persistent")
    if persistent == "NO":
        replace(pot, "pot.attr.persistent", ["YES"])
    nested(["start", pot])
    target = f"{root_of(pot)}/tmp/{os.path.basename(path)}"
    say(f"{path} -> {target}")
    code = 1
    try:
        shutil.copyfile(path, target)
        os.chmod(target, 0o755)
        found = jaillib.find(pot)
        if found:
            code = run_inside(found[1], ["/tmp/" + os.path.basename(path), pot])
    except OSError as problem:
        complain(problem)
    nested(["stop", pot])
    if persistent == "NO":
        replace(pot, "pot.attr.persistent", ["NO"])
    return code == 0


def run_inside(jail: dict, argv: list[str], environment: dict[str, str] | None = None) -> int:
    def problem(failure: OSError) -> None:
        os.write(2, f"jexec: execvp: {argv[0]}: {failure.strerror}\n".encode())

    sys.stdout.flush()
    return jaillib.enter(jail, argv, dict(os.environ) if environment is None else environment, complain=problem)
