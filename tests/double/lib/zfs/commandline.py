# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and usage of zfs(8)."""

from __future__ import annotations

from zfs.errors import ZfsError

USAGE = """usage: zfs command args ...
where 'command' is one of the following:

\tversion

\tcreate [-Pnpuv] [-o property=value] ... <filesystem>
\tdestroy [-fnpRrv] <filesystem|volume>
\tdestroy [-dnpRrv] <filesystem|volume>@<snap>[%<snap>][,...]

\tsnapshot [-r] [-o property=value] ... <filesystem|volume>@<snap> ...
\trollback [-rRf] <snapshot>
\tclone [-p] [-o property=value] ... <snapshot> <filesystem|volume>
\tpromote <clone-filesystem>
\trename [-f] <filesystem|volume|snapshot> <filesystem|volume|snapshot>
\tlist [-Hp] [-r|-d max] [-o property[,...]] [-s property]... [-t type[,...]] [filesystem|volume|snapshot] ...

\tset <property=value> ... <filesystem|volume|snapshot> ...
\tget [-rHp] [-d max] [-o "all" | field[,...]] [-t type[,...]] [-s source[,...]] <"all" | property[,...]> \
[filesystem|volume|snapshot] ...
\tinherit [-rS] <property> <filesystem|volume|snapshot> ...
\tmount [-o opts] <-a | filesystem>
\tunmount [-f] <-a | filesystem|mountpoint>
\tsend [-pRv] [-[i|I] snapshot] <snapshot>
\treceive [-Fu] [-o <property>=<value>] [-x <property>] ... <filesystem|volume|snapshot>

Each dataset is of the form: pool/[dataset/]*dataset[@name]

For the property list, run: zfs set|get
"""


def usage(reason: str = "") -> ZfsError:
    return ZfsError((reason + "\n" if reason else "") + USAGE.rstrip("\n"), 2)


def options(args: list[str], letters: str) -> tuple[list[tuple[str, str]], list[str]]:
    """getopt(3): options end at the first operand."""
    found, rest = [], list(args)
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
                raise usage(f"invalid option '{letter}'")
            if letters[at + 1 : at + 2] == ":":
                value = word[position:]
                if not value:
                    if not rest:
                        raise usage(f"missing argument for '{letter}' option")
                    value = rest.pop(0)
                found.append((letter, value))
                break
            found.append((letter, ""))
    return found, rest


def pairs(found: list[tuple[str, str]]) -> dict[str, str]:
    result: dict[str, str] = {}
    for letter, value in found:
        if letter == "o":
            name, sign, text = value.partition("=")
            if not sign:
                raise usage("missing '=' for property=value argument")
            if name in result:
                raise ZfsError(f"property '{name}' specified multiple times", 2)
            result[name] = text
    return result
