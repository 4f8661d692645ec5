# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot's options, read as its getopts loops read them."""

from __future__ import annotations

import os
import sys

from potlib.output import Exit, error, say_more, usage
from potlib.pots import is_pot
from potlib.subcommands import GETOPT


def need_root() -> None:
    if os.geteuid() != 0:
        error("This operation needs 'root' privilegies", "")
        raise Exit(1)


def options(command: str, args: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    """getopts: (letter, argument) in order, then the operands; usage on anything unknown."""
    letters, found, rest = GETOPT[command], [], list(args)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        position = 1
        while position < len(word):
            letter = word[position]
            position += 1
            at = letters.find(letter)
            if at < 0 or letter == ":":
                if command in ("term", "vnet-start"):
                    return found, rest
                sys.stderr.write(f"Illegal option -{letter}\n")
                sys.stderr.flush()
                raise usage(command)
            if letters[at + 1 : at + 2] == ":":
                value = word[position:]
                if not value:
                    if not rest:
                        sys.stderr.write(f"No arg for -{letter} option\n")
                        sys.stderr.flush()
                        raise usage(command)
                    value = rest.pop(0)
                found.append((letter, value))
                break
            if letter == "h":
                raise usage(command, 0)
            if letter == "v":
                say_more()
            found.append((letter, ""))
    return found, rest


def last(found: list[tuple[str, str]], letter: str, default: str = "") -> str:
    return next((value for key, value in reversed(found) if key == letter), default)


def has(found: list[tuple[str, str]], letter: str) -> bool:
    return any(key == letter for key, _rest in found)


def pot_option(command: str, found: list[tuple[str, str]]) -> str:
    pot = last(found, "p")
    if not pot:
        error("A pot name is mandatory")
        raise usage(command)
    if not is_pot(pot):
        raise usage(command)
    need_root()
    return pot
