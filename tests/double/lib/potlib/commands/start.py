# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot start."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import subprocess
import sys
import time

import jail as jaillib
import jailmounts
import net
import release as releases
import socketrules
import zfs

from potlib.commandline import has, last, need_root, options
from potlib.configuration import settings
from potlib.dispatch import nested
from potlib.mounting import mount_pot
from potlib.network import aliases, bridge_is_up, bridge_var, vnet_start
from potlib.output import complain, debug, error, info, usage
from potlib.pots import attribute, dataset, directory, is_pot, is_running, raw, replace, root_of, var
from potlib.starting import (
    append_rc_conf,
    environment_text,
    etc_hosts,
    exported_ports,
    jail_parameters,
    release_of,
    resolv_conf,
    run_hook,
    write_private,
)
from potlib.states import set_status, status
from potlib.steps import try_zfs
from potlib.stopping import stop_pot


def start_failed(pot: str) -> int:
    """start-cleanup: what stop does, starting from 'doa'."""
    set_status(pot, "doa")
    stop_pot(pot)
    return 1


def main(args: list[str]) -> int:
    found, rest = options("start", args)
    pot = last(found, "p") or (rest[0] if rest else "")
    if not pot:
        error("A pot name is mandatory")
        raise usage("start")
    if not is_pot(pot):
        return 1
    if is_running(pot):
        debug(f"pot {pot} is already running")
        return 0
    if var(pot, "ip4") or var(pot, "pot.export.static.ports"):
        error(f"Configuration file for {pot} contains obsolete elements")
        error(f"Please run pot update-config -p {pot} to fix")
        return 1
    need_root()
    kind = var(pot, "network_type")
    if kind == "private-bridge" and var(pot, "pot.stack") == "ipv6":
        error("The framework is configured to run ipv6 only and private-bridge are supported only on ipv4 - abort")
        return 1
    code = set_status(pot, "starting")
    if code:
        error(f"pot {pot} is already starting" if code == 2 else f"pot {pot} is not in a state where it can start")
        return 1
    for other in raw(pot, "pot.depend"):
        nested(["start", other])
    if has(found, "s") or has(found, "S"):
        try_zfs(zfs.snapshot, [f"{dataset(pot)}@{int(time.time())}"], True, {})
    if not mount_pot(pot):
        return start_failed(pot)
    if not resolv_conf(pot):
        return start_failed(pot)
    etc_hosts(pot)
    return run_jail(pot, kind)


def run_jail(pot: str, kind: str) -> int:
    params = jail_parameters(pot)
    networks = {"inherit": networks_of_host, "alias": alias_network}
    try:
        setup, interface, first_lines = networks.get(kind, own_network)(pot, params)
        command = write_command(pot, first_lines, kind.endswith("bridge"))
        run_hook(pot, "prestart")
        info(f"Starting the pot {pot}")
        jailmounts.mount_devfs(root_of(pot))
        hostname = var(pot, "host.hostname")
        jail = jaillib.create(pot, root_of(pot), hostname, params, release_of(pot), kind != "inherit", setup)
    except OSError as problem:
        complain(problem)
        error(f"{pot} failed to start")
        return start_failed(pot)
    return supervise(pot, jail, command, interface)


# Each kind of network: what is done once the jail's first process, whose pid it is given, is there; the interface of a
# jail with a network stack of its own; lines for the script that starts a jail without rc.
def networks_of_host(pot: str, params: dict[str, str]) -> tuple:
    stack = var(pot, "pot.stack") or settings["POT_NETWORK_STACK"]
    if stack in ("ipv4", "dual"):
        params["ip4"] = "inherit"
    if stack in ("ipv6", "dual"):
        params["ip6"] = "inherit"
        return None, "", []
    return lambda pid: restrict_sockets(pot, params, pid, None, False), "", []


def alias_network(pot: str, params: dict[str, str]) -> tuple:
    addresses = aliases(pot)
    first = next((address for _rest, address in addresses if ":" not in address), None)
    params["ip4.addr"] = ",".join(address for _rest, address in addresses if ":" not in address)
    params["ip6.addr"] = ",".join(address for _rest, address in addresses if ":" in address)
    params["interfaces"] = " ".join(f"{nic}|{address}" for nic, address in addresses)

    def setup(pid: int) -> None:
        net.alias_up(pot, pid, addresses, settings["POT_EXTIF"])
        restrict_sockets(pot, params, pid, first, bool(params["ip6.addr"]), bool(first))

    return setup, "", []


def restrict_sockets(
    pot: str, params: dict[str, str], pid: int, address: str | None, ipv6: bool, ipv4: bool = True
) -> None:
    group = socketrules.socket_rules(pot, pid, address, ipv6, ipv4)
    if group:
        params["cgroup"] = group


def own_network(pot: str, params: dict[str, str]) -> tuple:
    bridge = var(pot, "bridge") if var(pot, "network_type") == "private-bridge" else ""
    if not bridge_is_up(bridge):
        if not bridge:
            info("Internal network not found! Calling vnet-start to fix the issue")
        vnet_start(bridge)
    gateway = bridge_var(bridge, "gateway") if bridge else settings["POT_GATEWAY"]
    network = ipaddress.ip_network(bridge_var(bridge, "net") if bridge else settings["POT_NETWORK"])
    device = net.bridge_with(gateway)
    taken = {int(jail["params"]["epair"]) for jail in jaillib.running().values() if "epair" in jail["params"]}
    number = net.epair(taken)
    interface = f"epair{number}"
    params.update({"vnet": "new", "epair": str(number)})
    address = var(pot, "ip")
    if attribute(pot, "no-rc-script") != "YES":
        value = f"inet {address} netmask {network.netmask}" if not bridge else f"inet {address}/{network.prefixlen}"
        append_rc_conf(
            pot,
            r"^ifconfig_epair[0-9]+[ab]=|^defaultrouter=",
            [f'ifconfig_{interface}b="{value}"', f'defaultrouter="{gateway}"'],
        )
    redirect_ports(pot, address)
    return (
        lambda pid: net.epair_up(number, pid, device, address, network.prefixlen, gateway),
        interface,
        [f"ifconfig {interface}b inet {address} netmask {network.netmask}", f"route add default {gateway}"],
    )


def redirect_ports(pot: str, address: str) -> None:
    rules = exported_ports(pot)
    if not rules:
        return
    try:
        net.redirect(
            pot,
            settings["POT_EXTIF"],
            [(protocol, outside, address, inside) for protocol, inside, outside in rules],
        )
    except OSError:
        error("pfctl failed to apply redirection rules - ignoring but no redirection is performed")
    if attribute(pot, "localhost-tunnel") == "YES" and not os.access("/usr/local/bin/ncat", os.X_OK):
        error("nmap package is missing, localhost-tunnel attribute ignored")


def write_command(pot: str, first_lines: list[str], loopback: bool) -> list[str]:
    """Write what pot.cmd is started by into the jail's /tmp; the command that does it."""
    root, text = root_of(pot), environment_text(pot)
    if attribute(pot, "no-rc-script") != "YES":
        write_private(root + "/tmp/environment.sh", text, 0o600)
        return ((raw(pot, "pot.cmd") or [""])[-1] or "sh /etc/rc").split()
    lines = ["#!/bin/sh", "echo $$ > /tmp/tinirc.pid", *first_lines, *text.splitlines()]
    if loopback:
        lines.append("ifconfig lo0 inet 127.0.0.1 alias")
    lines.append("exec " + (raw(pot, "pot.cmd") or ["sh /etc/rc"])[-1])
    write_private(root + "/tmp/tinirc", "".join(line + "\n" for line in lines), 0o755)
    return ["/tmp/tinirc"]


def supervise(pot: str, jail: dict, command: list[str], interface: str) -> int:
    """Run pot.cmd in the jail, note that the pot has started, wait for the command."""
    persistent = attribute(pot, "persistent") != "NO"
    if attribute(pot, "prunable") == "YES":
        replace(pot, "pot.attr.to-be-pruned", ["YES"])
    sys.stdout.flush()
    if var(pot, "pot.rss.cpus") and releases.kernel().major < 15:
        # the double has no CPU sets; this is how the recorded 13.2 said that its had failed, on 15.0 there was nothing
        # to say
        complain(OSError("cpuset: setaffinity: Resource deadlock avoided"))

    if var(pot, "pot.rss.memory"):
        # It stays when the jail is gone.
        subprocess.run(["/usr/bin/rctl", "-a", f"jail:{pot}:memoryuse:deny={var(pot, 'pot.rss.memory')}"], check=False)

    def problem(failure: OSError) -> None:
        os.write(2, f"jexec: execvp: {command[0]}: {failure.strerror}\n".encode())

    child = jaillib.spawn(jail, command, dict(os.environ), groups=(0, 5), complain=problem)
    if not persistent:
        with open(f"{settings.tmp}/pot_main_pid_{pot}", "w", encoding="ascii") as stream:
            stream.write(f"{child}\n")
    run_hook(pot, "poststart")
    code = wait_for(pot, child, interface)
    if os.path.isdir(directory(pot) + "/conf"):
        with open(directory(pot) + "/conf/.last_run_stats", "w", encoding="ascii") as stream:
            stream.write('{ "ExitCode": %d }\n' % code)
    if persistent:
        if is_running(pot):
            return 0
        if status(pot)[0] == "started":
            stop_pot(pot)
        error(f"{pot} failed to start")
        return 1
    with contextlib.suppress(OSError):
        os.unlink(f"{settings.tmp}/pot_main_pid_{pot}")
    if status(pot)[0] == "started":
        stop_pot(pot)
    if code:
        error(f"{pot} reported application error")
        return 125
    return 0


def wait_for(pot: str, child: int, interface: str) -> int:
    """The exit code of the jail's first command; the pot counts as started once that has run for half a second."""
    code: int | None = None
    end = time.monotonic() + 0.5
    while code is None and time.monotonic() < end:
        pid, result = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(result)
        else:
            time.sleep(0.01)
    set_status(pot, "started", f"{interface}:" if interface else "")
    if code is None:
        _rest, result = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(result)
    return code if code >= 0 else 128 - code
