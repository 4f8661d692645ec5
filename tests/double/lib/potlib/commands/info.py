# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot info."""

from __future__ import annotations

import time

from potlib.commandline import has, last, options
from potlib.network import bridge_var, bridges
from potlib.output import error, say, usage
from potlib.pots import ATTRIBUTES, JAIL_ATTRIBUTES, all_pots, attribute, dataset, is_pot, is_running, kind_of, raw, var
from potlib.showing import active, environment_lines, show_datasets, show_ports, show_snapshots
from potlib.steps import datasets


def main(args: list[str]) -> int:
    found, _rest = options("info", args)
    pot, bridge, quiet, verbose = last(found, "p"), last(found, "B"), has(found, "q"), has(found, "v")
    if quiet and verbose:
        error("Options -q and -v are mutually exclusive")
        raise usage("info")
    if not pot and not bridge:
        error("Option -p or -B are mandatory" if not quiet else "Option -p or -B are mandatory")
        raise usage("info")
    if bridge:
        show_bridge(bridge, quiet)
        return 0
    if not is_pot(pot, None):
        if not quiet:
            error(f"NO {pot} is not a pot")
        raise usage("info")
    if has(found, "r"):
        return 0 if is_running(pot) else 1
    if has(found, "E"):
        for line in environment_lines(pot):
            say(line)
        return 0
    if has(found, "s"):
        name = dataset(pot) + ("/m" if kind_of(pot) == "single" else "")
        for tag, entry in datasets().get(name, {"snaps": {}})["snaps"].items():
            say(tag + (time.strftime("  %a %b %e %H:%M:%S %Z %Y", time.localtime(entry["created"])) if verbose else ""))
        return 0
    if quiet:
        return 0
    describe(pot, verbose)
    return 0


def show_bridge(bridge: str, quiet: bool) -> None:
    if bridge not in bridges():
        if not quiet:
            error(f"NO {bridge} is not a bridge")
        raise usage("info")
    if not quiet:
        for line in (
            f"bridge name : {bridge}",
            f"\tgateway: {bridge_var(bridge, 'gateway')}",
            f"\tnetwork: {bridge_var(bridge, 'net')}",
            "\tpots:",
        ):
            say(line)
        for name in all_pots():
            if var(name, "bridge") == bridge:
                say(f"\t\t{name}")


def describe(pot: str, verbose: bool) -> None:
    kind = var(pot, "network_type")
    say(f"pot name : {pot}")
    say(f"\ttype : {kind_of(pot)}")
    say(f"\tbase : {var(pot, 'pot.base')}")
    say(f"\tlevel : {var(pot, 'pot.level')}")
    if var(pot, "pot.level") == "2":
        say(f"\tbase pot : {var(pot, 'pot.potbase')}")
    say(f"\tnetwork_type : {kind}")
    if kind != "inherit":
        say(f"\tip : {' '.join(raw(pot, 'ip'))}")
        if kind == "private-bridge":
            say(f"\tbridge : {var(pot, 'bridge')}")
        if verbose:
            show_ports(pot)
    say(f"\tactive : {active(pot)}")
    if verbose:
        show_datasets(pot)
        show_snapshots(pot)
    say("\tattributes:")
    for name, (_rest, default) in ATTRIBUTES.items():
        say(f"\t\t{name}: {attribute(pot, name) or default}")
    say(f"\t\tto-be-pruned: {attribute(pot, 'to-be-pruned') or 'NO'}")
    say("\tjail attributes:")
    for name, (_rest, default) in JAIL_ATTRIBUTES.items():
        say(f"\t\t{name}: {attribute(pot, name) or default or 'NO'}")
    if verbose:
        show_limits(pot)
    say("")


def show_limits(pot: str) -> None:
    cpus, memory = var(pot, "pot.rss.cpus"), var(pot, "pot.rss.memory")
    if cpus or memory:
        say("\tresource limits:")
        if cpus:
            say(f"\t\tmax amount cpus: {cpus}")
        if memory:
            say(f"\t\tmax amount memory: {memory}")
