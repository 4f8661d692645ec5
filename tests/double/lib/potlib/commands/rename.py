# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot rename."""

from __future__ import annotations

import contextlib
import os
import re
import socket

import zfs

from potlib.commandline import last, need_root, options
from potlib.mounting import fscomp_path
from potlib.output import error, usage
from potlib.pots import all_pots, dataset, directory, is_pot, is_running, lines_of, replace, write_lines
from potlib.steps import datasets, try_zfs


def main(args: list[str]) -> int:
    found, _rest = options("rename", args)
    old, new = last(found, "p"), last(found, "n")
    if not old or not new:
        error("A pot name is mandatory" if not old else "A new pot name is mandatory")
        raise usage("rename")
    if not is_pot(old):
        return 1
    if is_pot(new, None):
        error(f"pot {new} exists already")
        return 1
    if is_running(old):
        error(f"pot {old} is still running")
        return 1
    need_root()
    before, after = directory(old), directory(new)
    text = ""
    if os.path.exists(fscomp_path(old)):
        with open(fscomp_path(old), encoding="utf-8") as stream:
            text = stream.read()
        text = re.sub(rf"{re.escape(before)}(?=/|\s|$)", after, text)
        text = re.sub(rf"{re.escape(dataset(old))}(?=/|\s|$)", dataset(new), text)
        with open(fscomp_path(old), "w", encoding="utf-8") as stream:
            stream.write(text)
    replace(old, "host.hostname", [f'"{new}.{socket.gethostname()}"'])
    moved = {
        part: zfs.mountpoint(zfs.load(), f"{dataset(old)}/{part}")
        for part in ("usr.local", "custom")
        if f"{dataset(old)}/{part}" in datasets()
    }
    try_zfs(zfs.rename, dataset(old), dataset(new), False, True, True, False)
    for part, where in moved.items():
        if where.startswith(before):
            try_zfs(zfs.set_properties, f"{dataset(new)}/{part}", {"mountpoint": after + where[len(before) :]})
    if os.path.isdir(before):
        with contextlib.suppress(OSError):
            os.rmdir(before)
    for name in all_pots():
        lines = lines_of(name)
        changed = [re.sub(rf"^(pot\.potbase|pot\.depend)={re.escape(old)}$", rf"\g<1>={new}", line) for line in lines]
        if changed != lines:
            write_lines(name, changed)
    return 0
