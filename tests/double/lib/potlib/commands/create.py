# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot create."""

from __future__ import annotations

import os

from potlib.commandline import has, last, need_root, options
from potlib.configuration import settings
from potlib.creation import create_filesystem, quiet_crontab, write_conf
from potlib.dispatch import nested
from potlib.flavours import apply_flavours, check_flavours
from potlib.network import network_address
from potlib.output import Exit, error, info, usage
from potlib.pots import NETWORKS, all_bases, is_pot, kind_of, root_of, var
from potlib.releases import build_tree, fetch_base, is_release
from potlib.states import status


def check_words(pot: str, kind: str, network: str, stack: str) -> None:
    if not pot:
        error("pot name is missing")
        raise usage("create")
    if "." in pot:
        error(f"{pot} is not a valid name for a pot ('.' is the only character not allowed)")
        raise Exit(1)
    if is_pot(pot, None):
        error(f"pot {pot} already exists")
        raise Exit(1)
    if kind not in ("single", "multi"):
        error(f"Type {kind} not supported")
        raise usage("create")
    if network not in NETWORKS:
        error(f"Network type {network} not recognized")
        raise usage("create")
    if stack not in ("ipv4", "ipv6", "dual"):
        error(f"Network stack {stack} not valid")
        raise usage("create")


def level_of(kind: str, level: str, base: str, source: str) -> str:
    if kind == "single":
        if level not in ("", "0"):
            error("single pot level can only be zero (omit -l option)")
            raise usage("create")
        level = "0"
        if not base and not source:
            error("at least one of -b and -P has to be used")
            raise usage("create")
        if base and not is_release(base):
            error(f"{base} is not a valid release")
            raise usage("create")
    else:
        level = level or "1"
        if not base and not source:
            error("at least one of -b and -P has to be used")
            raise usage("create")
        if level not in ("0", "1", "2"):
            error("The level has to be 0,1 or 2")
            raise usage("create")
        if level == "2" and not source:
            error("level 2 pots need another pot as reference")
            raise usage("create")
        if base and base not in all_bases():
            error(f"{base} is not a valid base")
            raise usage("create")
    return level


def check_dns(dns: str) -> None:
    if dns not in ("inherit", "pot", "off"):
        if not dns.startswith("custom:"):
            error(f"'{dns}' is not a valid dns option")
            raise usage("create")
        if not os.access(dns[7:], os.R_OK):
            error(f"The file {dns[7:]} is not valid or readable")
            raise usage("create")


def announce(*values: str) -> None:
    """All but the first line of what create says of a pot that it is about to make."""
    labels = (
        "pot name     ",
        "type         ",
        "base         ",
        "pot_base     ",
        "level        ",
        "network-type ",
        "network-stack",
        "ip           ",
        "bridge       ",
        "dns          ",
        "flavours     ",
    )
    for label, value in zip(labels, values):
        info(f"{label}: {value}")


def extract(pot: str, base: str) -> bool:
    """A release's tree as the root of a single pot."""
    info(f"Fetching FreeBSD {base}")
    if not fetch_base(base):
        return False
    info("Extract the tarball")
    build_tree(root_of(pot), base)
    if not os.path.lexists(root_of(pot) + "/home"):
        os.makedirs(root_of(pot) + "/usr/home", exist_ok=True)
        os.symlink("usr/home", root_of(pot) + "/home")
    return True


def undo(pot: str) -> None:
    os.environ["_POT_RECURSIVE"] = "1"
    if var(pot, "pot.level") == "0" and kind_of(pot) == "multi":
        error(f"The pot {pot} has level 0. Please destroy the related base insted")
    else:
        nested(["destroy", "-Fp", pot])


def main(args: list[str]) -> int:
    found, _rest = options("create", args)
    pot, kind, base, source = last(found, "p"), last(found, "t", "multi"), last(found, "b"), last(found, "P")
    network, bridge, stack, dns = (
        last(found, "N", "inherit"),
        last(found, "B"),
        last(found, "S") or settings["POT_NETWORK_STACK"],
        last(found, "d", "inherit"),
    )
    level = last(found, "l")
    addresses = [value for letter, value in found if letter == "i"]
    flavours = [value for letter, value in found if letter == "f"]
    check_words(pot, kind, network, stack)
    level = level_of(kind, level, base, source)
    if source:
        if not is_pot(source, None):
            error(f"{source} is not a valid pot")
            raise usage("create")
        if kind == "single" and kind_of(source) != "single":
            error(f"{source} has type multi, not single")
            raise usage("create")
        base = base or var(source, "pot.base")
    check_dns(dns)
    check_flavours("create", flavours)
    need_root()
    address = network_address(network, addresses, bridge, stack)
    info("Creating a new pot")
    announce(pot, kind, base, source, level, network, stack, address, bridge, dns, " ".join(flavours))
    if not create_filesystem(pot, kind, level, base, source):
        # pot's undo works on a structurally complete pot only and reports success otherwise
        return 0 if not is_pot(pot, None) else 1
    write_conf(pot, kind, level, base, source, network, address, bridge, stack, dns)
    if kind == "single":
        if not source and not extract(pot, base):
            return 1
        quiet_crontab(root_of(pot))
    code = apply_flavours(pot, flavours, "create")
    if code and not has(found, "k") and status(pot)[0]:
        undo(pot)
    return code
