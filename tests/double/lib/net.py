# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of jails: aliases, bridges with epairs, and FreeBSD's rules about 127.0.0.1 in a jail that shares the host's stack.

All Linux means stay in the host double's own network namespace and vanish with it.

* alias: the jail has a namespace of its own, joined to the host's by a veth whose jail end bears the NIC's name; the host
  routes the address there and answers for it on the NIC (proxy ARP), so it is reachable like an alias on that NIC. Once the
  jail is gone, the NIC itself bears the address until whoever started the jail removes it.
* FreeBSD maps 127.0.0.1 (and a wildcard bind) in such a jail to the jail's own address, and refuses IPv6 sockets when it
  has no IPv6 address. Control-group BPF programs do the same here, for every program whatever it is linked with.
* bridges: veths named epairNa/epairNb, a Linux bridge named bridgeN, NAT and port redirection by iptables.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import ipaddress
import json
import os
import socket
import struct
import subprocess

import mounts
import shared

IP = "/.double/usr/bin/ip"
IPTABLES = "/.double/usr/sbin/iptables-nft"
NSENTER = "/.double/usr/bin/nsenter"
CGROUP = shared.RUN + "/cgroup"
NEXT_HOP = "169.254.1.1"
SYS_BPF = 321
# attach types of linux/bpf.h
SOCK_CREATE, INET4_BIND, INET4_CONNECT, UDP4_SENDMSG = 2, 8, 10, 14
PROG_CGROUP_SOCK, PROG_CGROUP_SOCK_ADDR = 9, 18
EAFNOSUPPORT = errno.EAFNOSUPPORT


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
        run(NSENTER, "-t", str(pid), "-n", "/bin/sh", "-c", f"[ ! -e /proc/sys/net/{path} ] || echo {value} > /proc/sys/net/{path}")
        return
    try:
        with open("/proc/sys/net/" + path, "w", encoding="ascii") as stream:
            stream.write(value)
    except FileNotFoundError:
        pass


def interfaces(pid: int | None = None) -> list[dict]:
    """ip -json address: every interface of a namespace."""
    return json.loads(run(IP, "-json", "-details", "address", "show", pid=pid) or "[]")


def host_end(name: str) -> str:
    """The name of the host's end of an alias jail's veth: at most 15 characters."""
    return "jl" + hashlib.sha1(name.encode()).hexdigest()[:10]


# ---------------------------------------------------------------- alias


def split_alias(text: str, default_nic: str) -> list[tuple[str, str]]:
    """'NIC|IP NIC|IP' or 'IP' -> [(nic, ip)]."""
    found = []
    for word in text.replace(",", " ").split():
        nic, separator, address = word.partition("|")
        found.append((nic, address) if separator else (default_nic, word))
    return found


def alias_up(name: str, pid: int, addresses: list[tuple[str, str]], uplink: str) -> None:
    """Give the namespace of process pid the addresses; the host answers for them on the uplink. OSError when a NIC is missing."""
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
                run(IP, "-6", "neigh", "replace", "proxy", address, "dev", nic)
                continue
            run(IP, "address", "add", address + "/32", "dev", nic, pid=pid)
            run(IP, "route", "replace", address + "/32", "dev", end)
            sysctl(f"ipv4/neigh/{nic}/proxy_delay", "0")
            run(IP, "neigh", "replace", "proxy", address, "dev", nic)
        if index == 0:
            run(IP, "neigh", "replace", NEXT_HOP, "lladdr", mac, "dev", nic, "nud", "permanent", pid=pid)
            run(IP, "route", "add", "default", "via", NEXT_HOP, "dev", nic, "onlink", pid=pid)
    announce(addresses)


def take_from_host(nic: str, address: str) -> None:
    """What "ifconfig NIC alias ADDRESS" with a host mask does to a machine that holds the address itself.

    The address is set anew with that mask, its network's route goes. If nothing else on the NIC is in that network, the
    machine is cut off: the default route stays, but nobody finds out any more where the gateway is. The jail of such an
    address is as unreachable here as the machine; of any other it takes the address over.
    """
    held = [entry for i in interfaces() if i["ifname"] == nic for entry in i["addr_info"]]
    own = next((entry for entry in held if entry["local"] == address), None)
    if own is None:
        return
    network = ipaddress.ip_interface(f"{address}/{own['prefixlen']}").network
    others = [entry for entry in held if entry["local"] != address and ipaddress.ip_address(entry["local"]) in network]
    sysctl(f"ipv4/conf/{nic}/promote_secondaries", "1")
    if network.num_addresses > 1 and not others:
        gateways = [route["gateway"] for route in json.loads(run(IP, "-json", "route", "show", "default", "dev", nic) or "[]") if "gateway" in route]
        run(IP, "address", "add", f"{address}/{network.max_prefixlen}", "dev", nic)
        for gateway in gateways if network.version == 4 else []:
            run(IP, "neigh", "replace", gateway, "lladdr", "02:00:00:00:00:01", "dev", nic, "nud", "permanent", check=False)
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
    for index, nic in enumerate(dict.fromkeys(nic for nic, _rest in addresses)):
        run(IP, "link", "del", host_end(f"{name}/{index}"), check=False)
    for nic, address in addresses:
        family = "-6" if ":" in address else "-4"
        run(IP, family, "neigh", "del", "proxy", address, "dev", nic, check=False)


# ---------------------------------------------------------------- FreeBSD's socket rules for a jail that shares the host's stack


def _insn(code: int, registers: int = 0, offset: int = 0, immediate: int = 0) -> bytes:
    return struct.pack("<BBhi", code, registers, offset, immediate)


def _address_program(address: str) -> bytes:
    """user_ip4 of 127.0.0.1 or 0.0.0.0 becomes the jail's address."""
    own = struct.unpack("<i", socket.inet_aton(address))[0]
    loopback = struct.unpack("<i", socket.inet_aton("127.0.0.1"))[0]
    return b"".join(
        [
            _insn(0x61, 0x12, 4),  # r2 = *(u32 *)(r1 + user_ip4)
            _insn(0x15, 0x02, 3, loopback),  # if r2 == 127.0.0.1 goto rewrite
            _insn(0x15, 0x02, 2, 0),  # if r2 == 0.0.0.0 goto rewrite
            _insn(0xB7, 0x00, 0, 1),  # r0 = 1
            _insn(0x95),  # exit
            _insn(0xB4, 0x02, 0, own),  # rewrite: w2 = own address
            _insn(0x63, 0x21, 4),  # *(u32 *)(r1 + user_ip4) = r2
            _insn(0xB7, 0x00, 0, 1),
            _insn(0x95),
        ]
    )


def _no_ipv6_program() -> bytes:
    """socket(AF_INET6) fails with EAFNOSUPPORT."""
    return b"".join(
        [
            _insn(0x61, 0x12, 4),  # r2 = *(u32 *)(r1 + family)
            _insn(0x15, 0x02, 2, socket.AF_INET6),
            _insn(0xB7, 0x00, 0, 1),
            _insn(0x95),
            _insn(0xB7, 0x01, 0, -EAFNOSUPPORT),  # r1 = -EAFNOSUPPORT
            _insn(0x85, 0x00, 0, 187),  # bpf_set_retval()
            _insn(0xB7, 0x00, 0, 0),
            _insn(0x95),
        ]
    )


def _bpf(command: int, attributes: bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, 144)
    result = libc.syscall(SYS_BPF, command, ctypes.byref(buffer), len(attributes))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"bpf: {os.strerror(number)}")
    return result


def _load_and_attach(code: bytes, kind: int, attach: int, group: int) -> None:
    program = ctypes.create_string_buffer(code, len(code))
    licence = ctypes.create_string_buffer(b"GPL")
    attributes = struct.pack(
        "<IIQQIIQII16sII", kind, len(code) // 8, ctypes.addressof(program), ctypes.addressof(licence), 0, 0, 0, 0, 0, b"", 0, attach
    )
    handle = _bpf(5, attributes)
    try:
        _bpf(8, struct.pack("<IIII", group, handle, attach, 2))  # BPF_PROG_ATTACH, BPF_F_ALLOW_MULTI
    finally:
        os.close(handle)


def group_of(jail: str) -> str:
    """The control group of a jail, seen from the host double."""
    return f"{CGROUP}/potluck-{mounts.identity().get('name', 'host')}/{jail}"


def forget_groups(double: str) -> None:
    """Remove the control groups of a double that is gone. Runs on the Linux machine."""
    import tempfile

    top = tempfile.mkdtemp()
    try:
        mounts.mount("none", top, "cgroup2")
    except OSError:
        os.rmdir(top)
        return
    try:
        for directory, _rest, _rest in os.walk(f"{top}/potluck-{double}", topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                pass
    finally:
        mounts.umount(top)
        os.rmdir(top)


def socket_rules(jail: str, pid: int, address: str | None, ipv6: bool) -> str | None:
    """Put process pid of a jail into a control group with FreeBSD's rules.

    address: what 127.0.0.1 means (None: as on the host); ipv6: whether IPv6 sockets exist.
    Returns the group's directory, or None where the machine has no cgroup2 with BPF (127.0.0.1 is Linux' then).
    """
    if address is None and ipv6:
        return None
    try:
        if not mounts.is_mounted(CGROUP):
            os.makedirs(CGROUP, exist_ok=True)
            mounts.mount("none", CGROUP, "cgroup2")
        path = group_of(jail)
        os.makedirs(path, exist_ok=True)
        group = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if address:
                for attach in (INET4_BIND, INET4_CONNECT, UDP4_SENDMSG):
                    _load_and_attach(_address_program(address), PROG_CGROUP_SOCK_ADDR, attach, group)
            if not ipv6:
                _load_and_attach(_no_ipv6_program(), PROG_CGROUP_SOCK, SOCK_CREATE, group)
        finally:
            os.close(group)
        with open(path + "/cgroup.procs", "w", encoding="ascii") as stream:
            stream.write(str(pid))
        return path
    except OSError:
        return None


# ---------------------------------------------------------------- bridges


def bridge_with(address: str) -> str | None:
    """The bridge that bears this address."""
    for interface in interfaces():
        if interface.get("linkinfo", {}).get("info_kind") == "bridge" and any(
            entry.get("local") == address for entry in interface["addr_info"]
        ):
            return interface["ifname"]
    return None


def bridge_up(gateway: str, network: str, uplink: str) -> str:
    """Make the bridge of a pot network, with NAT outwards, and return its name."""
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
    for outside in networks_of(uplink):
        # pot's network contains the one the doubles live in: an alias there is no pot behind the bridge
        run(IPTABLES, "-t", "nat", "-A", "POSTROUTING", "-s", outside, "-o", uplink, "-j", "RETURN")
    run(IPTABLES, "-t", "nat", "-A", "POSTROUTING", "-s", network, "-o", uplink, "-j", "MASQUERADE")
    return name


def networks_of(nic: str) -> list[str]:
    """The IPv4 networks a NIC is in."""
    found = [
        entry for interface in interfaces() if interface["ifname"] == nic for entry in interface["addr_info"] if entry["family"] == "inet"
    ]
    return [str(ipaddress.ip_interface(f"{entry['local']}/{entry['prefixlen']}").network) for entry in found]


def epair(taken: set[int]) -> int:
    """The lowest free epair number."""
    known = {interface["ifname"] for interface in interfaces()}
    return next(number for number in range(1000) if number not in taken and f"epair{number}a" not in known)


def epair_up(number: int, pid: int, bridge: str, address: str, prefix: int, gateway: str, uplink: str) -> None:
    """Create an epair, plug a into the bridge, move b into the jail and configure it."""
    a, b = f"epair{number}a", f"epair{number}b"
    run(IP, "link", "add", a, "type", "veth", "peer", "name", b, "netns", str(pid))
    run(IP, "link", "set", a, "master", bridge, "up")
    run(IP, "link", "set", "lo", "up", pid=pid)
    run(IP, "address", "add", f"{address}/{prefix}", "broadcast", "+", "dev", b, pid=pid)
    run(IP, "link", "set", b, "up", pid=pid)
    run(IP, "route", "add", "default", "via", gateway, pid=pid)
    for outside in networks_of(uplink):
        # it may lie within pot's own network, and is reached through the gateway all the same
        run(IP, "route", "add", outside, "via", gateway, pid=pid)


def epair_down(number: int) -> None:
    run(IP, "link", "del", f"epair{number}a", check=False)


def anchor(pot: str) -> str:
    """The iptables chain that stands for pf's anchor pot-rdr/NAME."""
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
    run(IPTABLES, "-t", "nat", "-A", "PREROUTING", "-m", "addrtype", "--dst-type", "LOCAL", "-j", chain)
    with shared.editing(shared.RUN + "/redirects.json", {}) as table:
        table[pot] = rules


def unredirect(pot: str) -> None:
    with shared.editing(shared.RUN + "/redirects.json", {}) as table:
        known = table.pop(pot, None)
    if known is None:
        return
    chain = anchor(pot)
    run(IPTABLES, "-t", "nat", "-D", "PREROUTING", "-m", "addrtype", "--dst-type", "LOCAL", "-j", chain, check=False)
    run(IPTABLES, "-t", "nat", "-F", chain, check=False)
    run(IPTABLES, "-t", "nat", "-X", chain, check=False)


def redirects() -> dict[str, list]:
    return shared.load(shared.RUN + "/redirects.json", {})


# ---------------------------------------------------------------- sockets

STATES = {
    "01": "ESTABLISHED", "02": "SYN_SENT", "03": "SYN_RCVD", "04": "FIN_WAIT_1", "05": "FIN_WAIT_2", "06": "TIME_WAIT",
    "07": "CLOSED", "08": "CLOSE_WAIT", "09": "LAST_ACK", "0A": "LISTEN", "0B": "CLOSING",
}


def _address(text: str) -> tuple[str, int]:
    host, _separator, port = text.partition(":")
    raw = bytes.fromhex(host)
    if len(raw) == 4:
        return socket.inet_ntop(socket.AF_INET, raw[::-1]), int(port, 16)
    words = b"".join(raw[index : index + 4][::-1] for index in range(0, 16, 4))
    text = socket.inet_ntop(socket.AF_INET6, words)
    return text, int(port, 16)


def sockets(pid: str = "self") -> list[dict]:
    """TCP and UDP sockets of a process' network namespace: proto, local, remote (address, port), state, uid, inode, queues."""
    found = []
    for proto in ("tcp", "tcp6", "udp", "udp6"):
        try:
            with open(f"/proc/{pid}/net/{proto}", encoding="ascii") as stream:
                lines = stream.readlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            send, _separator, receive = fields[4].partition(":")
            found.append({
                "proto": proto[:3] + ("6" if proto.endswith("6") else "4"), "local": _address(fields[1]), "remote": _address(fields[2]),
                "state": STATES.get(fields[3], "CLOSED") if proto.startswith("tcp") else "", "uid": int(fields[7]),
                "inode": int(fields[9]), "send": int(send, 16), "receive": int(receive, 16),
            })
    return found
