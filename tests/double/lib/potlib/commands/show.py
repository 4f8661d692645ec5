# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot show."""

from __future__ import annotations

import os

import jail as jaillib
import net
import release as releases
import zfs

from potlib.commandline import has, last, options
from potlib.configuration import settings
from potlib.output import say
from potlib.pots import all_pots, dataset, is_pot, is_running, var
from potlib.showing import memory_of, short


def main(args: list[str]) -> int:
    found, _rest = options("show", args)
    pot = last(found, "p")
    if pot:
        if not is_pot(pot):
            return 1
        names = [pot]
    elif has(found, "a"):
        names = all_pots()
    else:
        names = [name for name in jaillib.running() if name in all_pots()]
    facts = zfs.Facts(zfs.load())
    for name in names:
        say(f"pot {name}")
        say(f"\tdisk usage      : {zfs.human(facts.used(dataset(name)))}")
        if not is_running(name):
            continue
        virtual, resident, _rest = memory_of(name)
        say(f"\tvirtual memory  : {short(virtual)}")
        say(f"\tphysical memory : {short(resident)}")
        cpus = os.cpu_count() or 1
        if var(name, "pot.rss.cpus"):
            say(f"\tmax amount of CPUs: {var(name, 'pot.rss.cpus')}")
            # The recorded hosts' potcpu counted differently: on 13.2 it gave out all of them, whatever the limit.
            given = cpus if releases.kernel().major < 15 else int(var(name, "pot.rss.cpus"))
            say(f"\tallocated CPUs    : {','.join(str(number) for number in range(given))}")
        if var(name, "network_type") == "public-bridge":
            rules = net.redirects().get(name, [])
            if rules:
                say("\n\tNetwork port redirection")
                for _rest, host_port, address, port in rules:
                    say(f"\t\t({settings['POT_EXTIF']}) port {host_port} -> {address} port {port}")
    return 0
