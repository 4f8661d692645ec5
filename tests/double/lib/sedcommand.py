# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sed(1): FreeBSD's options in front of a sed that has others; -i and -I take their suffix as a word of its own."""

import os
import signal
import sys

USAGE = """usage: sed script [-Ealnru] [-i extension] [file ...]
\tsed [-Ealnu] [-i extension] [-e script] ... [-f script_file] ... [file ...]"""
# An option with a value to what it is called here.
MEANS = {"i": "-i{}", "I": "-i{}", "e": "--expression={}"}


def main(argv: list[str]) -> int:
    arguments: list[str] = []
    position = 0
    while position < len(argv):
        word = argv[position]
        position += 1
        if word == "--":
            arguments += ["--", *argv[position:]]
            break
        if not word.startswith("-") or word == "-":
            # Options end with the first operand.
            arguments += ["--", word, *argv[position:]]
            break
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in "efiI":
                if letters:
                    value, letters = letters, ""
                elif position < len(argv):
                    value = argv[position]
                    position += 1
                else:
                    print(f"sed: option requires an argument -- {letter}\n{USAGE}", file=sys.stderr)
                    return 1
                arguments.append(MEANS.get(letter, f"-{letter}{{}}").format(value))
            elif letter in "Enru":
                arguments.append("-" + letter)
            elif letter == "l":
                arguments.append("-u")
            elif letter != "a":
                print(f"sed: illegal option -- {letter}\n{USAGE}", file=sys.stderr)
                return 1
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    return os.execv("/.double/usr/bin/sed", ["sed", *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
