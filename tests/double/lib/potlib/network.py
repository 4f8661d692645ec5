# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and bridges of pots."""

from __future__ import annotations

import ipaddress
import os
import subprocess

import net
import pf

from potlib.configuration import settings
from potlib.output import Exit, error
from potlib.pots import all_pots, raw, var


def aliases(pot: str) -> list[tuple[str, str]]:
    text = " ".join(raw(pot, "ip"))
    return net.split_alias(text, settings["POT_EXTIF"])


def taken_addresses() -> dict[str, str]:
    """The addresses of pot's network that somebody has, as potnet says it: address -> who."""
    network = ipaddress.ip_network(settings["POT_NETWORK"])
    found = {
        str(network.network_address): "",
        str(network.broadcast_address): "",
        settings["POT_GATEWAY"]: "default gateway",
    }
    if ipaddress.ip_address(settings["POT_DNS_IP"]) in network:
        found[settings["POT_DNS_IP"]] = settings["POT_DNS_NAME"]
    for pot in all_pots():
        if var(pot, "network_type") in ("public-bridge", "private-bridge") and var(pot, "ip"):
            found[var(pot, "ip")] = pot
    for bridge in bridges():
        subnet = ipaddress.ip_network(bridge_var(bridge, "net"))
        found[str(subnet.network_address)] = bridge + " bridge - network "
        found[bridge_var(bridge, "gateway")] = bridge + " bridge - gateway "
        found[str(subnet.broadcast_address)] = bridge + " bridge - broadcast "
    return found


def bridges() -> list[str]:
    try:
        return sorted(os.listdir(settings.fs + "/bridges"))
    except OSError:
        return []


def bridge_var(bridge: str, key: str) -> str:
    try:
        with open(f"{settings.fs}/bridges/{bridge}", encoding="utf-8") as stream:
            return next((line.strip()[len(key) + 1 :] for line in stream if line.startswith(key + "=")), "")
    except OSError:
        return ""


def next_address(bridge: str = "") -> str:
    """potnet next."""
    network = ipaddress.ip_network(bridge_var(bridge, "net") if bridge else settings["POT_NETWORK"])
    taken = taken_addresses()
    reserved = [ipaddress.ip_network(bridge_var(name, "net")) for name in bridges()] if not bridge else []
    for address in network.hosts():
        if str(address) in taken or any(address in other for other in reserved):
            continue
        return str(address)
    return ""


def valid_address(text: str, version: int = 0) -> bool:
    try:
        return ipaddress.ip_address(text).version == version if version else bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def bridge_is_up(bridge: str = "") -> bool:
    return net.bridge_with(bridge_var(bridge, "gateway") if bridge else settings["POT_GATEWAY"]) is not None


def network_address(network: str, addresses: list[str], bridge: str, stack: str) -> str:
    """The ip= value for a new pot; ends the command with pot's message when the options do not fit."""
    if network == "inherit":
        return ""
    if network == "alias":
        if not addresses:
            error("option -i is mandatory with network type is alias")
            raise Exit(1)
        for text in addresses:
            if text == "auto":
                error("-i auto not usable with network type alias - a real IP address has to be provided")
                raise Exit(1)
            plain = text.rpartition("|")[2]
            if (
                not valid_address(plain)
                or (stack == "ipv4" and not valid_address(plain, 4))
                or (stack == "ipv6" and not valid_address(plain, 6))
            ):
                error(f"The {text} IP is not valid - run potnet validate -H {plain} for more information")
                raise Exit(1)
        return " ".join(addresses)
    if network == "private-bridge":
        if not bridge:
            error("private-bridge network type requires -B option, to specify which private bridge to use")
            raise Exit(1)
        if bridge not in bridges():
            error(f"bridge {bridge} is not valid. Have you already created it?")
            raise Exit(1)
        if stack == "ipv6":
            error("private-bridge network type is not supported on ipv6 only network stack")
            raise Exit(1)
    else:
        bridge = ""
    wanted = addresses[-1] if addresses else "auto"
    if stack == "ipv6":
        return ""
    if wanted == "auto":
        return next_address(bridge)
    network_range = ipaddress.ip_network(bridge_var(bridge, "net") if bridge else settings["POT_NETWORK"])
    if not valid_address(wanted, 4) or ipaddress.ip_address(wanted) not in network_range or wanted in taken_addresses():
        error(f"The {wanted} IP is not valid - run potnet validate -H {wanted} for more information")
        raise Exit(1)
    return wanted


def network_lines(network: str, address: str, bridge: str) -> list[str]:
    lines = [f"network_type={network}", f"vnet={'true' if network.endswith('bridge') else 'false'}"]
    if network != "inherit":
        lines.append(f"ip={address}")
    if network == "private-bridge":
        lines.append(f"bridge={bridge}")
    return lines


def hosts_of(bridge: str) -> list[str]:
    """potnet etc-hosts."""
    wanted = "private-bridge" if bridge else "public-bridge"
    lines = [] if bridge else [f"{settings['POT_DNS_IP']} {settings['POT_DNS_NAME']}"]
    for name in all_pots():
        if var(name, "network_type") == wanted and (not bridge or var(name, "bridge") == bridge) and var(name, "ip"):
            lines.append(f"{var(name, 'ip')} {name}")
    return lines


def new_network(hosts: int):
    """potnet new-net: the first free subnet with room for the network's and the broadcast address, too."""
    prefix = 32
    while (1 << (32 - prefix)) < hosts + 2:
        prefix -= 1
    taken = [ipaddress.ip_address(address) for address in taken_addresses()]
    others = [ipaddress.ip_network(bridge_var(name, "net")) for name in bridges()]
    for network in ipaddress.ip_network(settings["POT_NETWORK"]).subnets(new_prefix=prefix):
        if not any(address in network for address in taken) and not any(network.overlaps(other) for other in others):
            return network
    return None


def vnet_start(bridge: str = "") -> int:
    gateway = bridge_var(bridge, "gateway") if bridge else settings["POT_GATEWAY"]
    if net.bridge_with(gateway):
        return 0
    net.bridge_up(gateway, bridge_var(bridge, "net") if bridge else settings["POT_NETWORK"])
    # Both anchors have to be among the rules in force; the host's file is loaded where they are not, and pf switched
    # on.
    if not {'nat-anchor "pot-nat" all', 'rdr-anchor "pot-rdr/*" all'} <= set(pf.state()["main"]):
        done = subprocess.run(["/usr/sbin/sysrc", "-n", "pf_rules"], capture_output=True, text=True, check=False)
        subprocess.run(["/sbin/pfctl", "-f", done.stdout.strip()], check=False)
    pf.enable(True)
    pf.translate(settings["POT_EXTIF"], settings["POT_NETWORK"])
    return 0
