# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of jails: aliases, and bridges with epairs.

All Linux means stay in the host double's own network namespace and vanish with it.

* alias: the jail has a namespace of its own, joined to the host's by a veth whose jail end bears the NIC's name; the
  host routes the address there and answers for it on the NIC (proxy ARP, and proxy NDP where IPv6 is switched on), so
  it is reachable like an alias on that NIC.
  Once the jail is gone, the NIC itself bears the address until whoever started the jail removes it. socketrules.py has
  what FreeBSD does with 127.0.0.1 in such a jail.
* bridges: veths named epairNa/epairNb, a Linux bridge named bridgeN; pf.py has what pf does with them.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import json
import socket
import struct
import subprocess

import shared

IP = "/.double/usr/bin/ip"

IPTABLES = "/.double/usr/sbin/iptables-nft"

NSENTER = "/.double/usr/bin/nsenter"

NEXT_HOP = "169.254.1.1"

NEXT_HOP6 = "fe80::1"


def run(*argv: str, check: bool = True, pid: int | None = None) -> str:
    """Run a network tool here, or in the namespace of a process. OSError with its words when it fails."""
    if pid is not None:
        argv = (NSENTER, "-t", str(pid), "-n", *argv)
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise OSError(errno.EINVAL, f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def sysctl(path: str, value: str, pid: int | None = None) -> None:
    """Write a /proc/sys/net value; with pid in that process' network namespace. Unknown keys are no error."""
    if pid is not None:
        run(
            NSENTER,
            "-t",
            str(pid),
            "-n",
            "/bin/sh",
            "-c",
            f"[ ! -e /proc/sys/net/{path} ] || echo {value} > /proc/sys/net/{path}",
        )
        return
    try:
        with open("/proc/sys/net/" + path, "w", encoding="ascii") as stream:
            stream.write(value)
    except FileNotFoundError:
        pass


def ipv6_switch(nic: str) -> str:
    """What has FreeBSD's flag IFDISABLED of an interface, as a key for sysctl()."""
    return f"ipv6/conf/{nic}/disable_ipv6"


def ipv6_disabled(nic: str) -> bool:
    try:
        with open("/proc/sys/net/" + ipv6_switch(nic), encoding="ascii") as stream:
            return stream.read().strip() == "1"
    except FileNotFoundError:
        return True


def interfaces(pid: int | None = None) -> list[dict]:
    """ip -json address: every interface of a namespace."""
    return json.loads(run(IP, "-json", "-details", "address", "show", pid=pid) or "[]")


def host_end(name: str) -> str:
    """The name of the host's end of an alias jail's veth: at most 15 characters."""
    return "jl" + hashlib.sha1(name.encode()).hexdigest()[:10]


def split_alias(text: str, default_nic: str) -> list[tuple[str, str]]:
    """'NIC|IP NIC|IP' or 'IP' -> [(nic, ip)]."""
    found = []
    for word in text.replace(",", " ").split():
        nic, separator, address = word.partition("|")
        found.append((nic, address) if separator else (default_nic, word))
    return found


def alias_up(name: str, pid: int, addresses: list[tuple[str, str]], uplink: str) -> None:
    """Give the namespace of process pid the addresses; the host answers for them on the uplink. OSError when a NIC is
    missing.
    """
    known = {interface["ifname"] for interface in interfaces()}
    sysctl("ipv4/ip_forward", "1")
    run(IP, "link", "set", "lo", "up", pid=pid)
    sysctl("ipv6/conf/all/disable_ipv6", "0" if any(":" in address for _rest, address in addresses) else "1", pid=pid)
    for index, nic in enumerate(dict.fromkeys(nic for nic, _rest in addresses)):
        if nic not in known:
            raise OSError(errno.ENXIO, f"jail: {nic}: No such interface")
        end = host_end(f"{name}/{index}")
        run(IP, "link", "del", end, check=False)
        run(IP, "link", "add", end, "type", "veth", "peer", "name", nic, "netns", str(pid))
        run(IP, "link", "set", end, "up")
        mac = next(interface["address"] for interface in interfaces() if interface["ifname"] == end)
        run(IP, "link", "set", nic, "up", pid=pid)
        for entry_nic, address in addresses:
            if entry_nic != nic:
                continue
            take_from_host(nic, address)
            if ":" in address:
                run(IP, "-6", "address", "add", address + "/128", "dev", nic, "nodad", pid=pid)
                run(IP, "-6", "route", "replace", address + "/128", "dev", end)
                sysctl("ipv6/conf/all/forwarding", "1")
                sysctl(f"ipv6/conf/{nic}/proxy_ndp", "1")
                sysctl(f"ipv6/neigh/{nic}/proxy_delay", "0")
                run(IP, "-6", "neigh", "replace", "proxy", address, "dev", nic)
                continue
            run(IP, "address", "add", address + "/32", "dev", nic, pid=pid)
            run(IP, "route", "replace", address + "/32", "dev", end)
            sysctl(f"ipv4/neigh/{nic}/proxy_delay", "0")
            run(IP, "neigh", "replace", "proxy", address, "dev", nic)
        if index == 0:
            run(IP, "neigh", "replace", NEXT_HOP, "lladdr", mac, "dev", nic, "nud", "permanent", pid=pid)
            run(IP, "route", "add", "default", "via", NEXT_HOP, "dev", nic, "onlink", pid=pid)
            if any(":" in address for _rest, address in addresses):
                run(IP, "-6", "neigh", "replace", NEXT_HOP6, "lladdr", mac, "dev", nic, "nud", "permanent", pid=pid)
                run(IP, "-6", "route", "add", "default", "via", NEXT_HOP6, "dev", nic, "onlink", pid=pid)
    announce(addresses)


def take_from_host(nic: str, address: str) -> None:
    """What "ifconfig NIC alias ADDRESS" with a host mask does to a host that holds the address itself.

    The address is set anew with that mask, its network's route goes. If nothing else on the NIC is in that network, the
    host is cut off: the default route stays, but nobody finds out any more where the gateway is. The jail of such an
    address is as unreachable here as the host; of any other it takes the address over.
    """
    held = [entry for i in interfaces() if i["ifname"] == nic for entry in i["addr_info"]]
    own = next((entry for entry in held if entry["local"] == address), None)
    if own is None:
        return
    network = ipaddress.ip_interface(f"{address}/{own['prefixlen']}").network
    others = [entry for entry in held if entry["local"] != address and ipaddress.ip_address(entry["local"]) in network]
    sysctl(f"ipv4/conf/{nic}/promote_secondaries", "1")
    if network.num_addresses > 1 and not others:
        gateways = [
            route["gateway"]
            for route in json.loads(run(IP, "-json", "route", "show", "default", "dev", nic) or "[]")
            if "gateway" in route
        ]
        run(IP, "address", "add", f"{address}/{network.max_prefixlen}", "dev", nic)
        for gateway in gateways if network.version == 4 else []:
            run(
                IP,
                "neigh",
                "replace",
                gateway,
                "lladdr",
                "02:00:00:00:00:01",
                "dev",
                nic,
                "nud",
                "permanent",
                check=False,
            )
    run(IP, "address", "del", f"{address}/{own['prefixlen']}", "dev", nic)


def announce(addresses: list[tuple[str, str]]) -> None:
    """Gratuitous ARP, as ifconfig does for a new alias: neighbours forget who had the address before."""
    for nic, address in addresses:
        if ":" in address:
            continue
        try:
            with open(f"/sys/class/net/{nic}/address", encoding="ascii") as stream:
                mac = bytes.fromhex(stream.read().strip().replace(":", ""))
        except OSError:
            mac = next((bytes.fromhex(i["address"].replace(":", "")) for i in interfaces() if i["ifname"] == nic), b"")
        if not mac:
            continue
        ip = socket.inet_aton(address)
        packet = b"\xff" * 6 + mac + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, 1) + mac + ip + b"\0" * 6 + ip
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind((nic, 0))
            raw.send(packet)


def alias_orphaned(name: str, addresses: list[tuple[str, str]]) -> None:
    """The jail is gone and nobody has removed its aliases: the NIC bears them, and the host answers there itself."""
    _disconnect(name, addresses)
    for nic, address in addresses:
        run(IP, "address", "replace", address + ("/128" if ":" in address else "/32"), "dev", nic, check=False)


def alias_down(name: str, addresses: list[tuple[str, str]]) -> None:
    """Take the addresses off the host's NICs, be they the host's own; no error if they are gone."""
    _disconnect(name, addresses)
    held = {(i["ifname"], entry["local"]): entry["prefixlen"] for i in interfaces() for entry in i["addr_info"]}
    for nic, address in addresses:
        if (nic, address) in held:
            run(IP, "address", "del", f"{address}/{held[nic, address]}", "dev", nic, check=False)


def _disconnect(name: str, addresses: list[tuple[str, str]]) -> None:
    for index in range(len({nic for nic, _rest in addresses})):
        run(IP, "link", "del", host_end(f"{name}/{index}"), check=False)
    for nic, address in addresses:
        family = "-6" if ":" in address else "-4"
        run(IP, family, "neigh", "del", "proxy", address, "dev", nic, check=False)


def bridge_with(address: str) -> str | None:
    """The bridge that bears this address."""
    for interface in interfaces():
        if interface.get("linkinfo", {}).get("info_kind") == "bridge" and any(
            entry.get("local") == address for entry in interface["addr_info"]
        ):
            return interface["ifname"]
    return None


def bridge_up(gateway: str, network: str) -> str:
    """Make the bridge of a pot network and return its name."""
    known = {interface["ifname"] for interface in interfaces()}
    number = next(number for number in range(1000) if f"bridge{number}" not in known)
    name = f"bridge{number}"
    # FreeBSD's bridges have an address of their own, Linux's borrow a member's unless told.
    run(IP, "link", "add", name, "address", f"58:9c:fc:10:ff:{number:02x}", "type", "bridge", "forward_delay", "0")
    run(IP, "address", "add", f"{gateway}/{network.partition('/')[2]}", "dev", name)
    run(IP, "link", "set", name, "up")
    sysctl("ipv4/ip_forward", "1")
    # what the bridge forwards must not pass iptables a second time: redirected connections would lose their answers
    sysctl("bridge/bridge-nf-call-iptables", "0")
    return name


def epair(taken: set[int]) -> int:
    """The lowest free epair number."""
    known = {interface["ifname"] for interface in interfaces()}
    return next(number for number in range(1000) if number not in taken and f"epair{number}a" not in known)


def epair_up(number: int, pid: int, bridge: str, address: str, prefix: int, gateway: str) -> None:
    """Create an epair, plug a into the bridge, move b into the jail and configure it."""
    a, b = f"epair{number}a", f"epair{number}b"
    run(IP, "link", "add", a, "type", "veth", "peer", "name", b, "netns", str(pid))
    run(IP, "link", "set", a, "master", bridge, "up")
    run(IP, "link", "set", "lo", "up", pid=pid)
    run(IP, "address", "add", f"{address}/{prefix}", "broadcast", "+", "dev", b, pid=pid)
    run(IP, "link", "set", b, "up", pid=pid)
    run(IP, "route", "add", "default", "via", gateway, pid=pid)


def epair_down(number: int) -> None:
    run(IP, "link", "del", f"epair{number}a", check=False)


def anchor(pot: str) -> str:
    """The iptables chain, below pf.RDR_CHAIN, that stands for pf's anchor pot-rdr/NAME."""
    return "rdr-" + hashlib.sha1(pot.encode()).hexdigest()[:16]


def redirect(pot: str, uplink: str, rules: list[tuple[str, int, str, int]]) -> None:
    """Load (protocol, host port, address, port) for a pot, replacing what was there."""
    unredirect(pot)
    chain = anchor(pot)
    run(IPTABLES, "-t", "nat", "-N", chain)
    for protocol, host_port, address, port in rules:
        run(
            IPTABLES,
            "-t",
            "nat",
            "-A",
            chain,
            "-i",
            uplink,
            "-p",
            protocol,
            "--dport",
            str(host_port),
            "-j",
            "DNAT",
            "--to-destination",
            f"{address}:{port}",
        )
    run(IPTABLES, "-t", "nat", "-A", "POTRDR", "-j", chain)
    with shared.editing(shared.RUN + "/redirects.json", {}) as table:
        table[pot] = rules


def unredirect(pot: str) -> None:
    with shared.editing(shared.RUN + "/redirects.json", {}) as table:
        known = table.pop(pot, None)
    if known is None:
        return
    chain = anchor(pot)
    run(IPTABLES, "-t", "nat", "-D", "POTRDR", "-j", chain, check=False)
    run(IPTABLES, "-t", "nat", "-F", chain, check=False)
    run(IPTABLES, "-t", "nat", "-X", chain, check=False)


def redirects() -> dict[str, list]:
    return shared.load(shared.RUN + "/redirects.json", {})
