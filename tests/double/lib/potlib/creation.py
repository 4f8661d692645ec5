# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The datasets and the configuration of a new pot."""

from __future__ import annotations

import os
import re
import shutil
import socket

import zfs

from potlib.configuration import settings
from potlib.mounting import fscomp_path
from potlib.network import network_lines
from potlib.output import error
from potlib.pots import ATTRIBUTES, FRESH, JAIL_ATTRIBUTES, dataset, directory, root_of, write_lines
from potlib.steps import copy_dataset, datasets, last_snapshot, try_zfs, zfs_create


def hostname_for(pot: str) -> str:
    limit = int(settings["POT_HOSTNAME_MAX_LENGTH"])
    full = f"{pot}.{socket.gethostname()}"
    return full if len(full) <= limit else pot[:limit]


def quiet_crontab(root: str) -> None:
    """What a jail must not run: the entropy file and the clock are the host's."""
    path = root + "/etc/crontab"
    if os.path.exists(path):
        with open(path, encoding="utf-8") as stream:
            lines = stream.readlines()
        with open(path, "w", encoding="utf-8") as stream:
            stream.writelines(
                "#" + line if re.search(r"save-entropy|adjkerntz", line) and not line.startswith("#") else line
                for line in lines
            )


def create_filesystem(pot: str, kind: str, level: str, base: str, source: str) -> bool:
    own = dataset(pot)
    if own not in datasets() and not zfs_create(own):
        return False
    if kind == "single":
        if source:
            snap = last_snapshot(dataset(source) + "/m")
            if not snap:
                error(f"Pot {source} has no snapshots")
                return False
            if not copy_dataset(f"{dataset(source)}/m@{snap}", own + "/m"):
                return False
        elif not zfs_create(own + "/m"):
            return False
    else:
        os.makedirs(root_of(pot), exist_ok=True)
        parts = {"0": (), "1": ("usr.local", "custom"), "2": ("custom",)}[level]
        for part in parts:
            origin = f"{dataset(source)}/{part}" if source else f"{settings.zfs}/bases/{base}/{part}"
            snap = last_snapshot(origin)
            if not snap:
                error(f"{origin} has no snap - please take a snapshot")
                return False
            if not try_zfs(
                zfs.create, f"{own}/{part}", {"mountpoint": f"{directory(pot)}/{part}"}, origin=f"{origin}@{snap}"
            ):
                return False
    os.makedirs(directory(pot) + "/conf", exist_ok=True)
    return True


def write_conf(
    pot: str,
    kind: str,
    level: str,
    base: str,
    source: str,
    network: str,
    address: str,
    bridge: str,
    stack: str,
    dns: str,
) -> None:
    release = base
    if kind == "multi":
        try:
            with open(f"{settings.fs}/bases/{base}/.osrelease", encoding="ascii") as stream:
                release = stream.read().strip().removesuffix("-RELEASE")
        except OSError:
            pass
    lines = [
        f"pot.level={level}",
        f"pot.type={kind}",
        f"pot.base={base}",
        f"pot.potbase={source}",
        f"pot.dns={dns.partition(':')[0]}",
        "pot.cmd=sh /etc/rc",
        f'host.hostname="{hostname_for(pot)}"',
        f'osrelease="{release}-RELEASE"',
    ]
    lines += [f"pot.attr.{name}={(ATTRIBUTES.get(name) or JAIL_ATTRIBUTES[name])[1]}" for name in FRESH]
    lines.append(f"pot.stack={stack}")
    lines += network_lines(network, address, bridge)
    write_lines(pot, lines)
    fscomp = []
    if kind == "multi":
        store = f"{settings.zfs}/bases/{base}"
        own = dataset(pot)
        fscomp = {
            "0": [f"{store} /", f"{store}/usr.local /usr/local", f"{store}/custom /opt/custom"],
            "1": [f"{store} / ro", f"{own}/usr.local /usr/local zfs-remount", f"{own}/custom /opt/custom zfs-remount"],
            "2": [
                f"{store} / ro",
                f"{dataset(source)}/usr.local /usr/local ro",
                f"{own}/custom /opt/custom zfs-remount",
            ],
        }[level]
    with open(fscomp_path(pot), "w", encoding="utf-8") as stream:
        stream.write("".join(line + "\n" for line in fscomp))
    if dns.startswith("custom:"):
        shutil.copyfile(dns[7:], directory(pot) + "/conf/resolv.conf")
