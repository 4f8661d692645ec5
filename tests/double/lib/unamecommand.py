# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""uname(1)."""

import os
import sys

import release

LETTERS = "asnrvmpioKU"


def main(argv: list[str]) -> int:
    wanted = set()
    for word in argv:
        if word == "--":
            continue
        if not word.startswith("-") or len(word) < 2:
            print("usage: uname [-abiKmnoprsUv]", file=sys.stderr)
            return 1
        for letter in word[1:]:
            if letter not in LETTERS + "b":
                print(f"uname: illegal option -- {letter}\nusage: uname [-abiKmnoprsUv]", file=sys.stderr)
                return 1
            wanted.add(letter)
    if "a" in wanted:
        wanted |= set("snrvm")
    if not wanted or wanted == {"o"}:
        wanted = {"s"}
    running = release.running()
    values = {
        "s": "FreeBSD",
        "n": os.uname().nodename,
        "r": running.full,
        "v": running.version,
        "m": "amd64",
        "p": "amd64",
        "i": "GENERIC",
        "K": release.kernel().osreldate,
        "U": release.userland().osreldate,
        "b": "0" * 40,
    }
    print(" ".join(values[letter] for letter in "snrvmpiKUb" if letter in wanted))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
