# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What info, list, show and get-rss say of a pot."""

from __future__ import annotations

import jail as jaillib

from potlib.configuration import settings
from potlib.mounting import mount_lines
from potlib.output import say
from potlib.pots import dataset, is_running, kind_of, raw, var
from potlib.steps import datasets


def active(pot: str) -> str:
    return "true" if is_running(pot) else "false"


def show_ports(pot: str) -> None:
    ports = " ".join(raw(pot, "pot.export.ports"))
    say(f"\t\texported ports: {ports}" if ports else "\t\tno ports exported")


def show_datasets(pot: str) -> None:
    say("\tdatasets:")
    if kind_of(pot) == "single":
        say(f"\t\t{pot}/m")
    prefix = f"{settings.zfs}/fscomp/"
    for source, where, _rest in mount_lines(pot):
        name = source
        if source.startswith(prefix):
            name = "fscomp/" + source[len(prefix) :]
        elif source.startswith(settings.zfs + "/"):
            name = source[len(settings.zfs) + 1 :]
        say(f"\t\t{where} => {name}")


def show_snapshots(pot: str) -> None:
    say("\tsnapshots:")
    known = datasets()
    names = [
        f"{name}@{tag}"
        for name in [dataset(pot)] + [key for key in sorted(known) if key.startswith(dataset(pot) + "/")]
        if name in known
        for tag in known[name]["snaps"]
    ]
    for name in names or ["no snapshots"]:
        say(f"\t\t{name}")


def environment_lines(pot: str) -> list[str]:
    """pot info -E."""
    kind = var(pot, "network_type")
    address = var(pot, "ip")
    lines = [f"export _POT_NAME={pot}"]
    if kind == "alias":
        nic, separator, _rest = address.partition("|")
        plain = address.rpartition("|")[2]
        lines.append(f"export _POT_IP={plain}")
    else:
        lines.append(f"export _POT_IP={'' if kind == 'inherit' else address}")
    if kind == "private-bridge":
        lines.append(f"export _POT_BRIDGE={var(pot, 'bridge')}")
    if kind == "alias":
        nic = nic if separator else settings["POT_EXTIF"]
        lines += [
            f"export _POT_IP_0={plain}",
            f"export _POT_NIC_0={nic}",
            "export _POT_IP_LIST=_POT_IP_0",
            "export _POT_NIC_LIST=_POT_NIC_0",
        ]
    found = jaillib.find(pot)
    if found and found[0] == pot:
        lines.append(f"export _POT_JID={found[1]['jid']}")
    return lines


def memory_of(pot: str) -> tuple[int, int, int]:
    """(virtual bytes, resident bytes, CPU ticks) of a running pot's processes."""
    found = jaillib.find(pot)
    virtual = resident = ticks = 0
    for pid in jaillib.processes(found[1]) if found else []:
        try:
            with open(f"/proc/{pid}/statm", encoding="ascii") as stream:
                pages = stream.read().split()
            with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stream:
                fields = stream.read().rpartition(")")[2].split()
        except OSError:
            continue
        virtual += int(pages[0]) * 4096
        resident += int(pages[1]) * 4096
        ticks += int(fields[11]) + int(fields[12])
    return virtual, resident, ticks


def short(number: int) -> str:
    """rctl -h: a whole number with a unit."""
    for unit in ("", "K", "M", "G"):
        if number < 10240 or unit == "G":
            return f"{number}{unit}"
        number //= 1024
    return str(number)
