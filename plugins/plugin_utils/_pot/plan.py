# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of the options of role pot_jail on the host that is to carry the pot."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import releases
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import network
from ansible_collections.potluck.matrix.plugins.module_utils._pot.network import BRIDGES


class Plan:
    """One pot on one host.

    host: what the module pot_host returns; the rest: the options of the filter pot_plan, which documents them.
    """

    def __init__(
        self,
        host: t.Mapping[str, t.Any],
        name: str,
        network_type: str,
        ip: t.Any = "",
        interface: str = "",
        release: t.Any = "",
        image: t.Mapping | None = None,
        configure_pf: bool = False,
        memory: t.Any = "",
    ) -> None:
        self.host = host
        self.name = name
        self.image = bool(image)
        self.network_type = network_type
        self.interface = interface
        self.configure_pf = configure_pf
        self.memory = memory
        self.addresses = network.addresses(ip) if network_type != "inherit" else []
        self.aliases = self.addresses if network_type == "alias" else []
        # An existing pot keeps the release it was made from: a newer host is no reason to replace it.
        self.has = host["bases"].get(name, "")
        self.release_given = str(release)
        self.release = self.release_given or self.has or host["release"]
        # The interface of each alias.
        self.carriers = (
            [interface] * len(self.aliases) if interface else [carrier["interface"] for carrier in host["carriers"]]
        )

    def ip(self) -> list[str]:
        """The addresses as the module pot takes them, aliases with their interfaces."""
        if self.network_type != "alias":
            return self.addresses
        return [f"{interface}|{address}" for interface, address in zip(self.carriers, self.aliases)]

    def leaves_elsewhere(self) -> dict[str, str]:
        """C(address), the interface that the pot's IPv4 address is on, and C(route), that of the default route, where
        these are two; empty otherwise.
        """
        # The default route is IPv4's.
        on = [interface for interface, address in zip(self.carriers, self.aliases) if ":" not in address]
        route = self.host["default_interface"]
        return {"address": on[0], "route": route} if on and route and route != on[0] else {}

    def chosen(self) -> list[str]:
        """What was found on the host for want of a word in the inventory."""
        found = []
        if not self.release_given and not self.image:
            why = "as the pot has it" if self.has else "the release of the host"
            found.append(f"FreeBSD {self.release}, {why} (matrix_pot_release is not set)")
        if not self.interface:
            found += [
                "{address} on {interface}, {reason} (matrix_pot_interface is not set)".format(**carrier)
                for carrier in self.host["carriers"]
            ]
        return found

    def obstacles(self) -> list[str]:
        """Why the host cannot carry the pot, beginning with the option to change; none when it can."""
        return [*self._release_obstacles(), *self._network_obstacles(), *self._limit_obstacles()]

    def _release_obstacles(self) -> t.Iterator[str]:
        host, release = self.host, self.release
        option = "pot_jail_release (matrix_pot_release): "
        # For a pot that is there already the file sets of its release are not needed any more.
        if not self.image and release != self.has:
            if host["releases"] and release not in host["releases"]:
                yield (
                    f"{option}pot knows no FreeBSD release '{release}' for this host; it knows "
                    f"{', '.join(host['releases'])}"
                )
            if releases.order(release) > releases.order(host["release"]):
                yield (
                    f"{option}a pot with FreeBSD {release} cannot run on this host, which has {host['release']}; its "
                    "release cannot be newer than the host's"
                )
        if releases.order(self.has) > releases.order(host["release"]):
            yield (
                f"ansible_host: the pot {self.name} has FreeBSD {self.has}, which is newer than this host's "
                f"{host['release']}; upgrade and reboot the host, or destroy the pot, which the next run makes anew"
            )

    def _network_obstacles(self) -> t.Iterator[str]:
        host, kind = self.host, self.network_type
        if self.interface and self.interface not in host["interfaces"]:
            yield (
                f"pot_jail_interface (matrix_pot_interface): the host has no network interface '{self.interface}'; it "
                f"has {', '.join(host['interfaces'])}"
            )
        # An address would be there, and nothing could use it.
        for interface, address in zip(self.carriers, self.aliases):
            if ":" in address and interface in host["without_ipv6"]:
                yield (
                    f"pot_jail_ip (matrix_ip): IPv6 is switched off on {interface} of the host, so that {address} "
                    "could not be used there; give the host an IPv6 address on it "
                    f"(ifconfig_{interface}_ipv6 in the host's /etc/rc.conf), or leave the address out"
                )
        if kind in BRIDGES and not host["vimage"]:
            yield (
                f"pot_jail_network_type (matrix_pot_network_type): {kind} needs a kernel with VIMAGE; use alias or "
                "inherit"
            )
        if kind in BRIDGES and not host["pf_anchors"] and not self.configure_pf:
            yield (
                f"pot_jail_configure_pf: {kind} needs pot's anchors in the host's packet filter rules; set this to "
                "true, or add the lines 'nat-anchor pot-nat' and 'rdr-anchor \"pot-rdr/*\"' to /etc/pf.conf"
            )

    def _limit_obstacles(self) -> t.Iterator[str]:
        if self.memory and not self.host["racct"]:
            yield (
                "pot_jail_limits: a limit of memory needs kern.racct.enable=1 in /boot/loader.conf and a reboot of "
                "the host"
            )
