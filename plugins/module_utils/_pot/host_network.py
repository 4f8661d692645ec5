# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The addresses and routes that a host has for itself, and the network of pots on a bridge, which must leave them
alone.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import typing as t

NETWORK_KEYS = ("POT_NETWORK", "POT_NETMASK", "POT_GATEWAY")


def default_interface(route: str) -> str:
    """The interface in the output of C(route -n get default), or an empty string."""
    match = re.search(r"^\s*interface:\s*(\S+)", route, re.MULTILINE)
    return match.group(1) if match else ""


def carrier(address: str, ifconfig: str) -> str:
    """The interface in the output of ifconfig(8) that has an address of its own in the network which the given one lies
    in, the smallest if there are several; an empty string where none has. What has a host mask is no network.
    """
    wanted, found = ipaddress.ip_address(address), []
    for block in _blocks(ifconfig):
        for held, mask in re.findall(r"(?m)^\s+inet6? ([0-9a-f:.]+) (?:netmask|prefixlen) (\S+)", block):
            length = str(bin(int(mask, 16)).count("1")) if mask.startswith("0x") else mask
            network = ipaddress.ip_interface(f"{held}/{length}").network
            if network.num_addresses > 1 and wanted in network:
                found.append((network.prefixlen, block.split(":", 1)[0]))
    return max(found)[1] if found else ""


def without_ipv6(ifconfig: str) -> list[str]:
    """The interfaces in the output of ifconfig(8) on which IPv6 is switched off, as it is where nothing asks for it."""
    return [block.split(":", 1)[0] for block in _blocks(ifconfig) if re.search(r"(?m)^\s+nd6 .*\bIFDISABLED\b", block)]


def _blocks(ifconfig: str) -> list[str]:
    return [block for block in re.split(r"(?m)^(?=\S)", ifconfig) if ":" in block]


@dataclasses.dataclass(frozen=True)
class Place:
    """Something of the host that has an address: what it is called in a sentence, and the network (often of one
    address) that it takes.
    """

    what: str
    network: ipaddress.IPv4Network


def interfaces(ifconfig: str) -> dict[str, tuple[list[str], list[str]]]:
    """C({name: (IPv4 addresses, groups)}) in the output of ifconfig(8)."""
    found = {}
    for block in _blocks(ifconfig):
        groups = re.search(r"(?m)^\s+groups: (.*)$", block)
        found[block.split(":", 1)[0]] = (
            re.findall(r"(?m)^\s+inet ([0-9.]+) ", block),
            groups.group(1).split() if groups else [],
        )
    return found


def places_of(ifconfig: str, netstat: str, resolv_conf: str, gateways: t.Container[str]) -> list[Place]:
    """Everything of the host that has an IPv4 address, but for what is on or behind pot's own bridges: members of the
    group C(pot) or with one of the gateways.

    ifconfig, netstat: the output of ifconfig(8) and of C(netstat -rn -f inet); resolv_conf: a resolv.conf(5); gateways:
    the addresses of pot's bridges.
    """
    found = interfaces(ifconfig)
    bridges = {
        name
        for name, (addresses, groups) in found.items()
        if "pot" in groups or any(address in gateways for address in addresses)
    }
    own = {address for name in bridges for address in found[name][0]}
    places = [
        Place(f"the address {address} of {name}", network)
        for name, (addresses, dummy) in found.items()
        if name not in bridges
        for address in addresses
        if (network := _destination(address))
    ]
    return places + _resolver_places(resolv_conf) + _route_places(netstat, bridges, own)


def _destination(text: str) -> ipaddress.IPv4Network | None:
    """The network in netstat's first column, whose last zeros may be left out: C(10.0.2.0/24), C(10.199/16),
    C(10.0.2.15); None for anything else.
    """
    match = re.match(r"([0-9]+(?:\.[0-9]+){0,3})(?:/([0-9]+))?\Z", text)
    if not match:
        return None
    parts = match.group(1).split(".")
    try:
        return ipaddress.IPv4Network(
            "{}/{}".format(".".join(parts + ["0"] * (4 - len(parts))), match.group(2) or 32), strict=False
        )
    except ValueError:
        return None


def _route_places(netstat: str, bridges: t.Container[str], own: t.Container[str]) -> list[Place]:
    places = []
    for line in netstat.splitlines():
        fields = line.split()
        if len(fields) < 4 or fields[3] in bridges or fields[0] in own:
            continue
        target, gateway = _destination(fields[0]), _destination(fields[1])
        # An address of the host is a route by lo0 as well.
        if target is not None and target.prefixlen > 0 and not (target.prefixlen == 32 and fields[3].startswith("lo")):
            places.append(Place(f"the route to {fields[0]}", target))
        if gateway is not None and (target is not None or fields[0] == "default"):
            places.append(Place(f"the gateway {fields[1]}", gateway))
    return places


def bridge_gateway(text: str) -> str:
    """The gateway in the file of a private bridge (lines C(net=…), C(gateway=…), C(name=…)), or an empty string."""
    match = re.search(r"(?m)^gateway=(\S+)$", text)
    return match.group(1) if match else ""


def _resolver_places(resolv_conf: str) -> list[Place]:
    servers = re.findall(r"(?m)^\s*nameserver\s+([0-9.]+)\s*$", resolv_conf)
    return [Place(f"the name server {address}", network) for address in servers if (network := _destination(address))]


def network_of(settings: t.Mapping[str, str]) -> ipaddress.IPv4Network:
    """The network that pots on a bridge live in; raises ValueError, as a sentence, for settings that contradict each
    other or are none.
    """
    given, mask, gateway = (settings[key] for key in NETWORK_KEYS)
    try:
        network = ipaddress.IPv4Network(given)
    except ValueError:
        raise ValueError(f"POT_NETWORK is '{given}', which is not a network such as 172.20.0.0/16") from None
    if mask != str(network.netmask):
        raise ValueError(f"POT_NETMASK is '{mask}', and the mask of POT_NETWORK {network} is {network.netmask}")
    try:
        address = ipaddress.IPv4Address(gateway)
    except ValueError:
        address = None
    if address is None or address not in network or address in (network.network_address, network.broadcast_address):
        raise ValueError(
            f"POT_GATEWAY is '{gateway}', which is not an address for a pot's gateway in POT_NETWORK {network}, such "
            f"as {network.network_address + 1}"
        )
    return network


def free_network(places: t.Iterable[Place]) -> ipaddress.IPv4Network | None:
    """A private network of 16 bits that none of the places touches, 172.20.0.0/16 if possible."""
    taken = [place.network for place in places]
    names = (
        ["172.%d.0.0/16" % number for number in [*range(20, 32), *range(16, 20)]]
        + ["10.%d.0.0/16" % number for number in range(256)]
        + ["192.168.0.0/16"]
    )
    return next(
        (network for network in map(ipaddress.IPv4Network, names) if not any(network.overlaps(each) for each in taken)),
        None,
    )


def network_conflict(settings: t.Mapping[str, str], places: t.Sequence[Place]) -> str | None:
    """Why pots on a bridge must not live in the network of the settings, as a sentence with a network that is free, or
    None.
    """
    try:
        network = network_of(settings)
        inside = sorted({place.what for place in places if place.network.subnet_of(network)})
        if not inside:
            return None
        problem = (
            "pot's network {} takes in {} of this host, which would be cut off when the first pot on a bridge starts"
        ).format(network, " and ".join(inside[:3]))
    except ValueError as error:
        problem = str(error)
    free = free_network(places)
    if free is None:
        return problem
    return (
        f"{problem}; take a network that is free here, as in pot_jail_settings: {{POT_NETWORK: {free}, POT_NETMASK: "
        f"{free.netmask}, POT_GATEWAY: {free.network_address + 1}}}, with matrix_ip in it"
    )
