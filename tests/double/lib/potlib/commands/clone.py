# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot clone."""

from __future__ import annotations

import os
import shutil
import time

import zfs

from potlib.commandline import has, last, need_root, options
from potlib.configuration import settings
from potlib.creation import hostname_for
from potlib.dispatch import nested
from potlib.flavours import apply_flavours, check_flavours
from potlib.mounting import fscomp_path, normalise_mounts
from potlib.network import network_address, network_lines
from potlib.output import Exit, error, usage
from potlib.pots import NETWORKS, dataset, directory, is_pot, kind_of, lines_of, root_of, var, write_lines
from potlib.steps import datasets, last_snapshot, try_zfs, zfs_create


def check(pot: str, source: str, snap: str, force: bool) -> None:
    if not pot:
        error("A pot name is mandatory")
        raise usage("clone")
    if "." in pot:
        error(f"{pot} is not a valid name for a pot ('.' is the only character not allowed)")
        raise Exit(1)
    if is_pot(pot, None):
        error(f"pot {pot} already exists")
        raise usage("clone")
    if not source:
        error("reference pot name is missing")
        raise usage("clone")
    if not is_pot(source, None):
        error(f"reference pot {source} not found")
        raise usage("clone")
    if snap and force:
        error("Options -s and -F are mutually exclusive")
        raise usage("clone")
    if var(source, "pot.level") == "0" and kind_of(source) == "multi":
        error("Level 0 pots cannot be cloned")
        raise usage("clone")
    main = dataset(source) + ("/m" if kind_of(source) == "single" else "/custom")
    if snap and snap not in datasets()[main]["snaps"]:
        error(f"snapshot {snap} not found")
        raise usage("clone")


def clone_datasets(pot: str, source: str, snap: str, force: bool) -> bool:
    own, kind = dataset(source), kind_of(source)
    parts = ["m"] if kind == "single" else [part for part in ("usr.local", "custom") if f"{own}/{part}" in datasets()]
    for part in parts:
        if not (snap or last_snapshot(f"{own}/{part}")) and not force:
            error(f"{own}/{part} has no snap - please take a snapshot of {source}")
            return False
    tag = str(int(time.time()))
    if not zfs_create(dataset(pot)):
        return False
    for part in parts:
        origin = f"{own}/{part}"
        chosen = snap or last_snapshot(origin)
        if not chosen:
            try_zfs(zfs.snapshot, [f"{origin}@{tag}"], False, {})
            chosen = tag
        props = {} if kind == "single" else {"mountpoint": f"{directory(pot)}/{part}"}
        if not try_zfs(zfs.create, f"{dataset(pot)}/{part}", props, origin=f"{origin}@{chosen}"):
            return False
    return True


def write_mounts(pot: str, source: str) -> None:
    normalise_mounts(source)
    with open(fscomp_path(source), encoding="utf-8") as stream:
        mounts_text = stream.read()
    own = dataset(source)
    if kind_of(source) == "multi":
        kept = []
        for line in mounts_text.splitlines():
            words = line.split()
            if not words:
                continue
            if words[0].startswith(own + "/"):
                kept.append(line.replace(own + "/", dataset(pot) + "/", 1))
            elif words[0].startswith(settings.zfs + "/") or words[2:] == ["ro"] and not words[0].startswith("/"):
                kept.append(line)
            else:
                error(f"not able to manage {words[0]}")
        mounts_text = "".join(line + "\n" for line in kept)
    with open(fscomp_path(pot), "w", encoding="utf-8") as stream:
        stream.write(mounts_text)


def write_conf(pot: str, source: str, stack: str, dns: str, network: list[str]) -> None:
    os.makedirs(root_of(pot), exist_ok=True)
    os.makedirs(directory(pot) + "/conf", exist_ok=True)
    dropped = ("host.hostname=", "bridge=", "ip=", "vnet=", "network_type=", "pot.stack=", "pot.dns=")
    lines = [line for line in lines_of(source) if not line.startswith(dropped)]
    lines += [
        f'host.hostname="{hostname_for(pot)}"',
        f"pot.stack={stack}",
        *network,
        f"pot.dns={dns.partition(':')[0]}",
    ]
    write_lines(pot, lines)
    write_mounts(pot, source)
    for name in ("prestart.sh", "poststart.sh", "prestop.sh", "poststop.sh", "resolv.conf"):
        if os.path.exists(f"{directory(source)}/conf/{name}"):
            shutil.copy2(f"{directory(source)}/conf/{name}", f"{directory(pot)}/conf/{name}")
    if dns.startswith("custom:"):
        shutil.copyfile(dns[7:], directory(pot) + "/conf/resolv.conf")


def main(args: list[str]) -> int:
    found, _rest = options("clone", args)
    pot, source, snap, force = last(found, "p"), last(found, "P"), last(found, "s"), has(found, "F")
    network, bridge, stack, dns = last(found, "N"), last(found, "B"), last(found, "S"), last(found, "d")
    addresses = [value for letter, value in found if letter == "i"]
    flavours = [value for letter, value in found if letter == "f"]
    check(pot, source, snap, force)
    network = network or var(source, "network_type")
    if network not in NETWORKS:
        error(f"Network type {network} not recognized")
        raise usage("clone")
    stack = stack or var(source, "pot.stack") or settings["POT_NETWORK_STACK"]
    dns = dns or var(source, "pot.dns") or "inherit"
    if dns.startswith("custom:") and not os.access(dns[7:], os.R_OK):
        error(f"The file {dns[7:]} is not valid or readable")
        raise usage("clone")
    if network == "private-bridge" and not bridge:
        bridge = var(source, "bridge")
    check_flavours("clone", flavours)
    need_root()
    address = network_address(network, addresses, bridge, stack)
    if not clone_datasets(pot, source, snap, force):
        # pot says all the same that it went well
        return 0
    write_conf(pot, source, stack, dns, network_lines(network, address, bridge))
    code = apply_flavours(pot, flavours, "clone")
    if code and not has(found, "k"):
        nested(["destroy", "-Fp", pot])
    return code
