# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot import."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import zfs

from potlib.commandline import has, last, need_root, options
from potlib.configuration import settings
from potlib.dispatch import nested
from potlib.images import get_image
from potlib.network import next_address
from potlib.output import error, info, usage
from potlib.pots import dataset, is_pot, lines_of, replace, var, write_lines
from potlib.steps import try_zfs


def main(args: list[str]) -> int:
    found, _rest = options("import", args)
    image, tag, url, key = (
        last(found, "p"),
        last(found, "t"),
        last(found, "U"),
        last(found, "C") or settings["POT_DEFAULT_SIGNATURE_PUBKEY"],
    )
    if not image:
        error("The pot name is mandatory")
        raise usage("import")
    if not tag:
        error("The tag is mandatory")
        raise usage("import")
    if has(found, "U") and not url:
        error("The URL is empty")
        raise usage("import")
    pot = f"{image}_{tag}".replace(".", "_")
    if is_pot(pot, None):
        error(f"pot {pot} is already present")
        raise usage("import")
    if key and not os.access(key, os.R_OK):
        error(f"Public key {key} not found")
        raise usage("import")
    if key and not os.access("/usr/local/bin/signify", os.X_OK):
        error("signify is required to verify signatures")
        return 1
    need_root()
    url = url or "file://"
    info(f"importing {image} @ {tag} as {pot}")
    cached = f"{settings['POT_CACHE']}/{image}_{tag}.xz"
    if not (fetch_verified(url, f"{image}_{tag}.xz", cached) and import_dependency(pot, url, cached)):
        return 1
    sys.stdout.flush()
    with subprocess.Popen(["/usr/bin/xz", "-dc", cached], stdout=subprocess.PIPE) as unpacker:
        good = try_zfs(zfs.receive, dataset(pot), unpacker.stdout, False, True, None, {}, ["mountpoint"])
        unpacker.stdout.close()
    if not good:
        return 0
    host = socket.gethostname()
    replace(pot, "host.hostname", [f'"{pot}.{host}.{host}"'])
    move_to_internal_network(pot)
    return 0


def fetch_verified(url: str, name: str, cached: str) -> bool:
    """The image in the cache; one that is there and does not match its hash is fetched once more."""
    for _turn in range(2):
        if get_image(url, name, cached):
            return True
        for suffix in (".skein", "", ".meta"):
            if os.path.exists(cached + suffix):
                os.unlink(cached + suffix)
    return False


def import_dependency(pot: str, url: str, cached: str) -> bool:
    meta = "-"
    if os.path.exists(cached + ".meta"):
        with open(cached + ".meta", encoding="utf-8") as stream:
            meta = stream.read().strip()
    if meta == "-" or not meta:
        info(f"Pot {pot} has no dependencies")
    else:
        source, _separator, rest = meta.partition(":")
        source_tag, _separator, snap = rest.partition("@")
        local = f"{source}_{source_tag}".replace(".", "_")
        info(f"Pot {pot} depends on {local} (@{snap})")
        if is_pot(local, None):
            info(f"{local} already installed")
        else:
            info(f"Installing dependency {local}")
            if nested(["import", "-p", source, "-t", source_tag, "-U", url]):
                return False
    return True


def move_to_internal_network(pot: str) -> None:
    kind = var(pot, "network_type")
    if kind in ("public-bridge", "alias"):
        if kind == "alias":
            error("Static IP not supported by import. Moving the pot to the internal network")
        address = next_address()
        info(f"Assigning new IP: {address}")
        kept = [line for line in lines_of(pot) if not line.startswith(("vnet=", "ip="))]
        place = 1 + max(
            (number for number, line in enumerate(kept) if line.startswith("network_type=")), default=len(kept) - 1
        )
        write_lines(pot, [*kept[:place], "vnet=true", f"ip={address}", *kept[place:]])
