# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pot prints, and how it ends."""

from __future__ import annotations

import sys

import potusage


class Exit(Exception):
    """End the command with this code."""

    def __init__(self, code: int):
        super().__init__(code)
        self.code = code


verbosity = 1


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def info(text: str) -> None:
    say("===>  " + text)


def error(text: str, quiet: str | None = None) -> None:
    """pot echoes its quiet flag into the text: pass '' for the calls that do so with an empty one."""
    say("###>  " + (f"{quiet} " if quiet is not None else "") + text)


def debug(text: str) -> None:
    if verbosity > 1:
        say("=====>  " + text)


def say_more() -> None:
    """One -v more."""
    global verbosity
    verbosity += 1


def usage(command: str, code: int = 1) -> Exit:
    sys.stdout.write(potusage.of(command))
    sys.stdout.flush()
    return Exit(code)


def complain(problem: BaseException) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"{problem}\n")
    sys.stderr.flush()
