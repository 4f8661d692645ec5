# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host for pots, looked at: pot's settings, what pot init makes, and what the host offers."""

from __future__ import annotations

import datetime
import os
import platform

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import releases, tables
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import read_text
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._pot import host_network, pf, settings
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import PotConf
from ansible_collections.potluck.matrix.plugins.module_utils._pot.names import former_name
from ansible_collections.potluck.matrix.plugins.module_utils._pot.network import normalise_address, split_alias

POT = "/usr/local/bin/pot"
DEFAULT_CONFIGURATION, CONFIGURATION = settings.files("/usr/local")
MANIFESTS = "/usr/local/share/freebsd/MANIFESTS"
RESOLV_CONF = "/etc/resolv.conf"
# The settings that have a value even where no file sets one.
WITH_DEFAULT = (
    "POT_ZFS_ROOT",
    "POT_FS_ROOT",
    "POT_CACHE",
    "POT_GROUP",
    "POT_NETWORK",
    "POT_NETMASK",
    "POT_GATEWAY",
)


def list_directory(path: str) -> list[str]:
    """Sorted names in a directory; none when it is missing or is no directory."""
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []


class Host:
    """The host; C(configuration) is the text of pot.conf as it is, or as somebody is about to write it."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.warnings: list[str] = []
        self._evaluated: dict[tuple[str, str], dict[str, str]] = {}
        self.installed = os.access(POT, os.X_OK)
        self.configuration = read_text(CONFIGURATION) or ""
        self._default_configuration = read_text(DEFAULT_CONFIGURATION) or ""
        self.interfaces = self.output("ifconfig", "-l").split()
        # Of a host that has both kinds of addresses, the route of IPv4.
        self.default_interface = host_network.default_interface(
            self.output("route", "-n", "get", "default")
        ) or host_network.default_interface(self.output("route", "-n", "get", "-inet6", "default"))
        self.resolv_conf = read_text(RESOLV_CONF) or ""

    def output(self, *argv: str) -> str:
        """Standard output of a command that only reads; empty when it fails."""
        rc, out, _err = self.runner.run(list(argv), errors="surrogateescape")
        return out if rc == 0 else ""

    @property
    def settings(self) -> dict[str, str]:
        """What pot makes of its two files; of pot.conf as this run has it or would have it."""
        texts = (self._default_configuration, self.configuration)
        if texts not in self._evaluated:
            keys = sorted(set(WITH_DEFAULT).union(*map(settings.parse, texts)))
            rc, out, err = self.runner.run(settings.question(texts, keys))
            if rc != 0:
                said = err.strip().replace("\n", "; ")
                raise Sentence(f"{CONFIGURATION} cannot be read: {said}", "settings")
            found = settings.answer(out, keys)
            defaults = {key: settings.DEFAULTS[key] for key in WITH_DEFAULT}
            self._evaluated[texts] = {key: found[key] or defaults.get(key, "") for key in keys}
        return self._evaluated[texts]

    def mounted(self) -> list[str]:
        """The paths that something is mounted on."""
        return [mount[1] for mount in tables.parse_mounts(self.output("mount", "-p"))]

    def initialised(self) -> bool:
        """Whether everything that "pot init" makes is there and mounted; C(Sentence) for a root with another
        mountpoint.
        """
        root, directory = self.settings["POT_ZFS_ROOT"], self.settings["POT_FS_ROOT"]
        pools = self.output("zpool", "list", "-H", "-o", "name").split()
        if root.split("/", 1)[0] not in pools:
            there = ", ".join(pools) or "none"
            raise Sentence(f"POT_ZFS_ROOT is {root}, and this host has no such pool; it has {there}", "settings")
        listing = self.output("zfs", "list", "-H", "-o", "name,mountpoint,mounted", "-t", "filesystem", "-r", root)
        found = {fields[0]: fields[1:] for fields in (line.split("\t") for line in listing.splitlines())}
        if root in found and found[root][0] != directory:
            raise Sentence(
                f"POT_FS_ROOT is {directory}, but the dataset {root} (POT_ZFS_ROOT) has the mountpoint "
                f"{found[root][0]}",
                "settings",
            )
        return all(
            found.get(f"{root}/{name}", ["", "no"])[1] == "yes" for name in ("bases", "jails", "fscomp", "cache")
        ) and os.path.isdir(os.path.join(directory, "bridges"))

    def network_conflict(self) -> str | None:
        """Why pots on a bridge must not live in pot's network, as a sentence, or None: it has to leave alone what the
        host itself has addresses, routes and name servers for.
        """
        quoted = sorted(set(settings.quoted_for_potnet(self.configuration)).intersection(host_network.NETWORK_KEYS))
        if quoted:
            return (
                f"{quoted[0]} is quoted in {CONFIGURATION}, so that potnet takes its default for it; set it through "
                "pot_jail_settings, or remove the quotes"
            )
        directory = os.path.join(self.settings["POT_FS_ROOT"], "bridges")
        gateways = {
            host_network.bridge_gateway(read_text(os.path.join(directory, name)) or "")
            for name in list_directory(directory)
        }
        places = host_network.places_of(
            self.output("ifconfig"),
            self.output("netstat", "-rn", "-f", "inet"),
            self.resolv_conf,
            gateways | {self.settings["POT_GATEWAY"]},
        )
        return host_network.network_conflict(self.settings, places)

    def pf_rules(self) -> str:
        """Path of the packet filter's rules: C(pf_rules) of rc.conf, its default included."""
        return self.output("sysrc", "-n", "pf_rules").strip() or "/etc/pf.conf"

    def carriers(self, conf: PotConf, addresses: list[str]) -> list[dict[str, str]]:
        """For each address of a pot with an alias the interface that is to carry it, and the reason in words.

        conf: that of the pot, or an empty one. What it has, it keeps.
        """
        outside, ifconfig = self.settings.get("POT_EXTIF", ""), self.output("ifconfig")
        alias = conf.text("network_type") == "alias"
        held = {
            address: nic
            for nic, address in (
                split_alias(entry, outside) for entry in ((conf.get("ip") or "").split() if alias else [])
            )
        }
        found = []
        for address in map(normalise_address, addresses):
            nic, reason = held.get(address, ""), "where the pot has it"
            if nic not in self.interfaces:
                nic, reason = host_network.carrier(address, ifconfig), "whose network it lies in"
            if not nic:
                nic, reason = outside, "which is the host's outside interface"
            found.append({"address": address, "interface": nic, "reason": reason})
        return found

    def facts(self, pot: str, addresses: list[str]) -> dict:
        """What the module pot_host returns about the host, by the names of its documentation. A release that nobody
        looks after, the host's or that of the pot of this name, is a warning.
        """
        directory = self.settings["POT_FS_ROOT"]
        jails = os.path.join(directory, "jails")
        confs = {
            name: PotConf(read_text(os.path.join(jails, name, "conf", "pot.conf")) or "")
            for name in list_directory(jails)
        }
        bases = {name: conf.text("pot.base") for name, conf in confs.items() if conf.text("pot.base")}
        # After half of an upgrade a pot has to do with the older one.
        release = releases.older(
            releases.short_release(self.output("freebsd-version", "-u")), releases.short_release(platform.release())
        )
        self._warn_of_releases(release, pot, bases.get(pot, release))
        return {
            "installed": self.installed,
            "settings": self.settings,
            "release": release,
            "default_interface": self.default_interface,
            # Bytes that are no text would become others on their way.
            "resolv_conf": self.resolv_conf if self.resolv_conf.isascii() else "",
            "releases": releases.releases(list_directory(MANIFESTS), platform.machine()),
            "interfaces": self.interfaces,
            "without_ipv6": host_network.without_ipv6(self.output("ifconfig")) if addresses else [],
            # What a pot that was put aside has, the one that takes its place gets.
            "carriers": self.carriers(confs.get(pot) or confs.get(former_name(pot)) or PotConf(""), addresses),
            "bases": bases,
            "bridges": list_directory(os.path.join(directory, "bridges")),
            "vimage": self.output("sysctl", "-n", "kern.features.vimage").strip() == "1",
            "racct": self.output("sysctl", "-n", "kern.racct.enable").strip() == "1",
            "pf_anchors": pf.has_pf_anchors(read_text(self.pf_rules()) or ""),
        }

    def _warn_of_releases(self, release: str, pot: str, base: str) -> None:
        today = datetime.date.today()
        ended = releases.unsupported(release, today)
        if ended:
            self.warnings.append(
                f"FreeBSD {release}, which this host has, is unsupported since {ended} and gets no security "
                "patches; upgrade the host"
            )
        ended = releases.unsupported(base, today)
        if ended and base != release:
            self.warnings.append(
                f"FreeBSD {base}, which the pot {pot} has, is unsupported since {ended} and gets no security patches; "
                f"name a newer release (matrix_pot_release: '{release}') and run the playbook patch"
            )
