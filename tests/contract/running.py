# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployed homeservers for the recordings that were made on hosts with one: what those hosts had, by name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from captures import HERE
from machines import Machine

sys.path.insert(0, str(HERE.parent / "tools"))

from deployment import DOUBLE, Deployment, output

__all__ = ["DEPLOYMENTS", "DOUBLE", "Deployment", "Running", "output"]


class Running(Machine):
    """A double on which a homeserver was deployed, in a pot named as the recorded one."""

    # The recorded hosts had another interface for what is not a pot's.
    here = {"vtnet1": "vtnet0"}
    back = {"vtnet0": "vtnet1"}

    def __init__(self, deployment: Deployment):
        self.deployment = deployment
        self.name = deployment.machine

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *_: object) -> None:
        self.deployment.stop()


# The installer of the recorded hosts made more datasets.
DATASETS = """
zfs set atime=off compression=on zroot
zfs create -o mountpoint=/home zroot/home
zfs create -o mountpoint=/usr -o canmount=off zroot/usr && zfs create zroot/usr/ports
zfs create -o mountpoint=/var -o canmount=off zroot/var && zfs create -o exec=off -o setuid=off zroot/var/crash
"""


def deploy(deployment: Deployment, **variables: object) -> None:
    """Start the host and run the site; RuntimeError with the end of its output where that fails."""
    deployment.start_machine()
    deployment.inside("/bin/sh", "-ec", DATASETS)
    deployment.describe(**variables)
    done = subprocess.run(
        deployment.command("site"),
        env=deployment.environment(ANSIBLE_NOCOLOR="1"),
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        raise RuntimeError(done.stdout[-4000:] + done.stderr[-2000:])


def alias(place: Path) -> Running:
    """Everything switched on, the pot's address beside the host's."""
    deployment = Deployment(
        place,
        "matrix.bare.test",
        ("fbsd", "10.199.0.150"),
        "10.199.0.151",
        ("bare", "10.199.0.19"),
        ["10.199.0.5", "10.199.0.7", "10.199.0.8"],
        hostname="bare",
    )
    deployment.stop()
    try:
        deployment.place.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The last double may have taken the network with it.
        output(DOUBLE, "bridge", "up")
        names = [f"{deployment.domain}={deployment.jail}", "pkg.freebsd.org=10.199.0.1"]
        deployment.neighbour(
            "dns", "--address", deployment.address, *(word for name in names for word in ("--host", name))
        )
        deploy(deployment, **deployment.start_neighbours())
    except BaseException:
        deployment.stop()
        raise
    return Running(deployment)


def bridge(place: Path) -> Running:
    """A homeserver alone, on the public bridge behind pf."""
    deployment = Deployment(
        place, "real2.test", ("real2", "10.199.0.160"), "172.20.0.10", ("real2", "10.199.0.1"), [], hostname="real2"
    )
    deployment.stop()
    try:
        deploy(
            deployment,
            matrix_control_user=False,
            matrix_tls_mode="selfsigned",
            matrix_pot_network_type="public-bridge",
            matrix_pot_exported_ports=["80:80", "443:443", "8448:8448"],
            matrix_verify_address=deployment.machine_address,
            pot_jail_configure_pf=True,
            pot_jail_settings={
                "POT_NETWORK": "172.20.0.0/16",
                "POT_NETMASK": "255.255.0.0",
                "POT_GATEWAY": "172.20.0.1",
            },
        )
    except BaseException:
        deployment.stop()
        raise
    return Running(deployment)


# By capture file.
DEPLOYMENTS: dict[str, Callable[[Path], Running]] = {"running-alias": alias, "running-bridge": bridge}
