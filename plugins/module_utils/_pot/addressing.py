# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The network a pot needs on its host: interfaces, bridges, free addresses, and what a stopped pot leaves behind."""

from __future__ import annotations

import ipaddress
import os
import re

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import read_text
from ansible_collections.potluck.matrix.plugins.module_utils._pot.names import check_name
from ansible_collections.potluck.matrix.plugins.module_utils._pot.network import (
    BRIDGES,
    lenient,
    normalise_address,
    parse_bridge,
    split_alias,
)


def check_wanted_network(machine, options, conf):
    """Raise for a NIC, bridge or address that cannot work on this host. conf: the pot's own, or empty."""
    kind = options.get("network_type") or conf.text("network_type", "inherit")
    ips = [i for i in options.get("ip") or [] if i != "auto"]
    if kind == "alias" and ips:
        nics = {split_alias(i, machine.config["POT_EXTIF"])[0] for i in ips}
        present = machine.query(["ifconfig", "-l"], "the network interfaces").split()
        for nic in sorted(nics - set(present)):
            raise Sentence(f"The network interface {nic} does not exist on this host.")
        wanted = {split_alias(i, machine.config["POT_EXTIF"])[1] for i in ips}
        for nic, _family, address, added in interface_addresses(machine):
            if address in wanted and not added:
                # jail(8) would give it a host mask, and take it away from the host when the pot stops.
                raise Sentence(
                    f"Address {address} belongs to the host itself ({nic}); an alias pot needs one of its own."
                )
    network = machine.config["POT_NETWORK"] if kind == "public-bridge" else ""
    if kind == "private-bridge":
        bridge = options.get("bridge") or conf.text("bridge")
        text = read_text(f"{machine.fs_root}/bridges/{bridge}") if bridge else None
        if text is None and not options.get("bridge_hosts"):
            raise Sentence(
                f"The private bridge {bridge} does not exist: give bridge_hosts to have it made, or run "
                "'pot create-private-bridge'."
            )
        network = parse_bridge(text or "").get("net", "")
    if kind in BRIDGES and ips and network:
        try:
            inside = ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise Sentence(f"pot's network of this host is malformed: {network}.") from None
        if ipaddress.ip_address(normalise_address(ips[0])) not in inside:
            raise Sentence(f"Address {ips[0]} is not inside {network}, the network of the bridge.")


def ensure_bridge(machine, bridge, hosts):
    """Make a private bridge for that many hosts; one that exists is left as it is, whatever its size.

    What counts as a bridge is pot's file below FS_ROOT/bridges. C(Sentence) when it is not there in the end.
    """
    path = f"{machine.fs_root}/bridges/{bridge}"
    if os.path.exists(path):
        return
    check_name(bridge)
    rc, out, err = machine.act(["pot", "create-private-bridge", "-B", bridge, "-S", str(hosts)])
    if not machine.check and not os.path.exists(path):
        raise Sentence(f"Cannot create the private bridge {bridge}: {machine.explain(rc, out, err)}")


def next_ip(machine, bridge):
    """A free address on a bridge, from potnet."""
    argv = ["potnet", "next"] + (["-b", bridge] if bridge else [])
    if machine.check:
        return "auto"
    rc, out, err = machine.runner.run(argv)
    try:
        return normalise_address(out.strip())
    except Sentence as exc:
        raise Sentence(
            "Cannot get a free address from potnet: %s" % ((err or out).strip() or f"exit code {rc}")
        ) from exc


def jail_addresses(machine, name):
    found = []
    for parameter in ("ip4.addr", "ip6.addr"):
        rc, out, _err = machine.runner.run(["jls", "-j", name, parameter])
        found += re.findall(r"[0-9a-fA-F:.]+", out) if rc == 0 else []
    return [a for a in lenient(normalise_address, found) if "." in a or ":" in a]


def interface_addresses(machine):
    """[(NIC, inet or inet6, address, whether it has a host mask)] of the host."""
    found, nic = [], ""
    for line in machine.query(["ifconfig"], "the network interfaces").split("\n"):
        if line[:1].strip():
            nic = line.partition(":")[0]
        fields = line.split()
        if len(fields) > 3 and fields[0] in ("inet", "inet6"):
            found.append((nic, fields[0], fields[1].partition("%")[0], fields[3] in ("0xffffffff", "128")))
    return found


def remove_addresses(machine, gone):
    """Take addresses of an alias pot away that jail(8) has added: those with a host mask."""
    for nic, family, address, added in interface_addresses(machine) if gone else []:
        if added and address in gone:
            machine.act(["ifconfig", nic, family, address, "-alias"])
