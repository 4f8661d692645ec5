# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot export."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import zfs

from potlib.commandline import has, last, need_root, options
from potlib.dispatch import nested
from potlib.images import image_hash, version_key
from potlib.output import error, info, usage
from potlib.pots import dataset, is_pot, kind_of
from potlib.steps import datasets, fault, try_zfs


def main(args: list[str]) -> int:
    found, _rest = options("export", args)
    pot, tag, place, level = last(found, "p"), last(found, "t"), last(found, "D", "."), last(found, "l", "6")
    if not pot:
        error("A pot name is mandatory")
        raise usage("export")
    if not is_pot(pot, None):
        error(f"{pot} is not a valid pot")
        raise usage("export")
    if kind_of(pot) != "single":
        error(f"pot {pot} has type multi - only single pots can be exported")
        return 1
    if not re.fullmatch("[0-9]", level):
        error(f"{level} is not a valid compression level")
        raise usage("export")
    if not os.path.isdir(place):
        error(f"{place} is not a directory")
        raise usage("export")
    need_root()
    name = dataset(pot)
    snap = snapshot_to_export(pot, has(found, "A"), has(found, "F"))
    if not snap:
        return 1
    tag = tag or snap
    known = datasets()[name]["props"].get(":pot.tag", [""])[0]
    if has(found, "c") and known and version_key(tag) <= version_key(known):
        error(f"version {tag} is not newer than {known}")
        return 1
    info(f"exporting {pot} @ {snap} to {place}/{pot}_{tag}.xz")
    target = f"{place}/{pot}_{tag}.xz"
    sys.stdout.flush()
    with (
        open(target, "wb") as stream,
        subprocess.Popen(["/usr/bin/xz", f"-{level}", "-T", "0"], stdin=subprocess.PIPE, stdout=stream) as packer,
    ):
        sent = try_zfs(zfs.send, f"{name}@{snap}", True, True, None, packer.stdin)
        packer.stdin.close()
    with open(target + ".meta", "w", encoding="utf-8") as stream:
        stream.write(parent_of(name) + "\n")
    if not sent or fault("export-hash"):
        error("Export failed")
        for suffix in ("", ".meta", ".skein"):
            if os.path.exists(target + suffix):
                os.unlink(target + suffix)
        return 0
    with open(target + ".skein", "w", encoding="ascii") as stream:
        stream.write(image_hash(target, target + ".meta"))
    try_zfs(zfs.set_properties, name, {":pot.tag": tag, ":pot.snap": snap})
    return 0


def snapshot_to_export(pot: str, automatic: bool, force: bool) -> str:
    name = dataset(pot)
    snaps = sorted(datasets()[name]["snaps"])
    if automatic:
        if not snaps:
            if nested(["snapshot", "-p", pot]):
                return ""
        elif len(snaps) > 1:
            nested(["purge-snapshots", "-p", pot])
        snaps = sorted(datasets()[name]["snaps"])
    if not snaps:
        error(f"The pot {pot} has no snapshots - please use the snapshot command")
        return ""
    if len(snaps) > 1 and not force:
        error(f"The pot {pot} has more than one snapshot - please use the purge-snapshots command, or -F")
        return ""
    return snaps[-1]


def parent_of(name: str) -> str:
    """The meta file's content: the image that this pot was cloned from, or a hyphen."""
    origin = datasets()[name + "/m"]["origin"]
    if not origin:
        return "-"
    source = origin.rpartition("/m@")[0].rpartition("/")[2]
    source_tag = datasets()[dataset(source)]["props"].get(":pot.tag", [""])[0] if dataset(source) in datasets() else ""
    return f"{source}:{source_tag}@{origin.rpartition('@')[2]}"
