# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot list."""

from __future__ import annotations

import os

from potlib.commandline import has, options
from potlib.configuration import PREFIX, settings
from potlib.network import bridges
from potlib.output import error, say, usage
from potlib.pots import all_bases, all_pots, raw, var
from potlib.showing import active, show_datasets, show_snapshots


def simple(label: str, names: list[str], quiet: bool) -> None:
    for name in names:
        say(name if quiet else f"{label}: {name}")


def pots(quiet: bool, verbose: bool) -> None:
    names = all_pots()
    if not names and not quiet:
        say("No pot created yet...")
    for pot in names:
        if quiet:
            say(pot)
            continue
        kind = var(pot, "network_type")
        say(f"pot name : {pot}")
        if verbose:
            say(f"\tbase : {var(pot, 'pot.base')}")
            say(f"\tlevel : {var(pot, 'pot.level')}")
            if var(pot, "pot.potbase"):
                say(f"\tbase pot : {var(pot, 'pot.potbase')}")
        say(f"\tnetwork : {kind}")
        if kind not in ("inherit", ""):
            say(f"\tip : {' '.join(raw(pot, 'ip'))}")
        say(f"\tactive : {active(pot)}")
        if verbose:
            show_datasets(pot)
            show_snapshots(pot)
        say("")


def fscomps() -> list[str]:
    try:
        return sorted(os.listdir(settings.fs + "/fscomp"))
    except OSError:
        return []


def flavours() -> list[str]:
    try:
        return sorted({name.removesuffix(".sh") for name in os.listdir(PREFIX + "/etc/pot/flavours")})
    except OSError:
        return []


def main(args: list[str]) -> int:
    found, _rest = options("list", args)
    quiet, verbose = has(found, "q"), has(found, "v")
    selected = [letter for letter, _rest in found if letter in "bpfFBa"]
    if len(set(selected)) > 1:
        error("Options -b -p -f -F -B -a are mutually exclusive")
        raise usage("list")
    what = selected[0] if selected else "p"
    if what == "a" and quiet:
        error("Options -a and -q are mutually exclusive")
        raise usage("list")

    if what in "ba":
        simple("bases", all_bases(), quiet)
    if what in "pa":
        pots(quiet, verbose)
    if what in "fa":
        simple("fscomp", fscomps(), quiet)
    if what in "Fa":
        simple("flavour", flavours(), quiet)
    if what in "Ba":
        simple("bridge", bridges(), quiet)
    return 0
