# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs from run to run and from host to host in the outputs of the recorded commands."""

from __future__ import annotations

import re
from collections.abc import Callable

MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"


def _lines(text: str, keep: Callable[[str], bool]) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if keep(line.rstrip("\n")))


def waiting(text: str, stream: str) -> str:
    """Whether rc.subr still finds the process when it first looks is a matter of milliseconds."""
    return _lines(text, lambda line: not re.fullmatch(r"Waiting for PIDS: [\d ,]+\.", line))


def pids(text: str, stream: str) -> str:
    """Process ids."""
    return re.sub(r"(\bpid[ =]|PIDS: |(?<=[a-z])\[)\d+", r"\1PID", text)


def dates(text: str, stream: str) -> str:
    """Points in time as date(1), ls(1), syslog and zfs print them."""
    text = re.sub(rf"{DAY} {MONTH} [ \d]\d +\d?\d:\d\d:\d\d (?:UTC )?\d{{4}}(?: UTC)?", "DATE", text)
    text = re.sub(rf"{DAY} {MONTH} [ \d]\d +\d?\d:\d\d \d{{4}}", "DATE", text)
    text = re.sub(rf"{MONTH} [ \d]\d \d\d:\d\d:\d\d", "DATE", text)
    return re.sub(rf"{MONTH} [ \d]\d (?:\d\d:\d\d| \d{{4}})", "DATE", text)


def ls_long(text: str, stream: str) -> str:
    """Link counts and sizes in ls -l, and with them the widths of its columns: another file system."""
    text = re.sub(r"^total \d+$", "total N", text, flags=re.M)
    return re.sub(
        r"^([-dlbcps][-rwxsStT]{9})\s+\d+\s+(\S+)\s+(\S+)\s+\S+\s+DATE ", r"\1 LINKS \2 \3 SIZE DATE ", text, flags=re.M
    )


def zfs_ls(text: str, stream: str) -> str:
    """ls -l complained about every file on ZFS on the recorded 13.2, and nowhere else."""
    return (
        _lines(text, lambda line: not re.fullmatch(r"ls: .*: Invalid argument", line)) if stream == "stderr" else text
    )


def mktemp(text: str, stream: str) -> str:
    """The random part of mktemp's names."""
    return re.sub(r"(/tmp/\w+\.)[A-Za-z0-9]{6,10}$", r"\1RANDOM", text, flags=re.M)


def password_hash(text: str, stream: str) -> str:
    """Salted hashes."""
    return re.sub(r"\$6\$[^:\s]+", "$6$HASH", text)


def file_size(text: str, stream: str) -> str:
    """The size of a file whose comment lines nobody promised."""
    return re.sub(r" \d+$", " SIZE", text, flags=re.M)


def epoch(text: str, stream: str) -> str:
    """Seconds since 1970, as dates and in the names of pot's snapshots."""
    return re.sub(r"\b1[78]\d{8}\b", "EPOCH", text)


def numbers(text: str, stream: str) -> str:
    """Sizes, counters and times that have nothing in common with the recorded host's, and the blanks before them."""
    return re.sub(r" *\b\d+(?:\.\d+)?[KMGTB]?%?(?!\w)", " N", text)


def name_server(text: str, stream: str) -> str:
    """The name server of the recorded host had an address of its own; elsewhere the router is one."""
    return re.sub(r"\b10\.0\.2\.3\b", "10.0.2.2", text)


def mirror(text: str, stream: str) -> str:
    """The recorded host's name server did not know the SRV record of its packages' mirror; how many packages a
    mirror has.
    """
    text = _lines(text, lambda line: not re.match(r"pkg: SRV lookup failed for ", line))
    return re.sub(r"(?<=completed\. )\d+(?= packages)|(?<=: )\.+(?= done)", "N", text)


def port_revision(text: str, stream: str) -> str:
    """Which version of a port the packages of that day were made from."""
    return re.sub(r"(?<=-)\d+(?:\.\d+)+(?:_\d+)?", "VERSION", text)


def nic_options(text: str, stream: str) -> str:
    """What a network card can do."""
    return re.sub(r"\toptions=[0-9a-f]+<[A-Z0-9_,]*>", "\toptions", text)


def moment(text: str, stream: str) -> str:
    """A point in time in ISO 8601."""
    return re.sub(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "MOMENT", text)


def download(text: str, stream: str) -> str:
    """fetch(1)'s last word on a base that the host did not have yet."""
    return _lines(text, lambda line: not re.match(r"/var/cache/pot/\S+\s.* [kM]?Bps ", line))


def mac(text: str, stream: str) -> str:
    """Hardware addresses."""
    return re.sub(r"\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b", "MAC", text)


def sorted_lines(text: str, stream: str) -> str:
    """Lines whose order is chance."""
    return "".join(sorted(text.splitlines(keepends=True)))


def first_word(text: str, stream: str) -> str:
    """Only the first word of every line."""
    return "".join(line.split()[0] + "\n" for line in text.splitlines() if line.split())


def blanks(text: str, stream: str) -> str:
    """Widths of columns that follow from volatile contents."""
    return re.sub(r"^ ", "", re.sub(r"[ \t]+", " ", text), flags=re.M)


ALWAYS: list[Callable[[str, str], str]] = [waiting, pids, dates, ls_long, zfs_ls, mktemp, password_hash, name_server]
RULES: dict[str, Callable[[str, str], str]] = {
    "file-size": file_size,
    "epoch": epoch,
    "numbers": numbers,
    "download": download,
    "mac": mac,
    "mirror": mirror,
    "moment": moment,
    "nic-options": nic_options,
    "port-revision": port_revision,
    "sorted-lines": sorted_lines,
    "first-word": first_word,
    "blanks": blanks,
}


def renamed(text: str, names: dict[str, str]) -> str:
    """A text with other names and addresses, each as a whole word; longer ones go first. A pot's name may precede a
    host's.
    """
    words = "|".join(
        (r"(?<!\.)" if name[0].isdigit() else "") + re.escape(name) for name in sorted(names, key=len, reverse=True)
    )
    return re.sub(rf"(?<![\w-])(?:{words})(?!\w)", lambda match: names[match[0]], text) if names else text


def normalise(text: str, stream: str, rules: list[str]) -> str:
    """Apply the rules that always hold, and the line's own."""
    for rule in [*ALWAYS, *(RULES[name] for name in rules)]:
        text = rule(text, stream)
    return text
