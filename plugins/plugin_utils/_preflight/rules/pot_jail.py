# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pot: its name, network, release and mounts."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, network, pots, values
from ansible_collections.potluck.matrix.plugins.module_utils._pot.network import BRIDGES
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.claim import Alike, Claim
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server

VARIABLES = {
    "matrix_pot_name": Variable(pots.pot_name, "matrix-example", empty=False),
    "matrix_ip": Variable(network.pot_addresses, "10.0.0.5", empty=False),
    "matrix_pot_network_type": Variable(
        values.choice("inherit", "alias", "public-bridge", "private-bridge"), "alias", empty=False
    ),
    "matrix_pot_interface": Variable(pots.interface, "em0"),
    "matrix_pot_bridge": Variable(pots.bridge, "matrix-bridge"),
    "matrix_pot_release": Variable(pots.release, '"14.3"'),
    "matrix_pot_extif": Variable(pots.interface, "em0"),
    "matrix_pot_exported_ports": Variable(pots.ports, '["tcp:443:443", "tcp:8448:8448"]', empty=False),
    "matrix_pot_mounts": Variable(pots.mounts, "[{source: /srv/web, target: /srv/web, read_only: true}]", empty=False),
    "matrix_pkg_repository_url": Variable(
        network.url("http", "https", "file", "pkg+http", "pkg+https", "pkg+file", "ssh", variables=True),
        '"https://pkg.example.com/${ABI}/latest"',
    ),
}


def _image(value) -> dict:
    """An image to make the pot of; nothing for a release of FreeBSD."""
    if not isinstance(value, dict):
        raise ValueError(f"is {names.kind(value)} where a dictionary is expected")
    if value and not (value.get("name") and value.get("tag")):
        raise ValueError("names no image; it needs a name and a tag")
    return value


OPTIONS = {
    "pot_jail_resolv_conf": Variable(pots.lines, "nameserver 10.0.0.1"),
    "pot_jail_bridge_hosts": Variable(values.whole_number(1, 65536), "6", empty=False),
    "pot_jail_stop_timeout": Variable(values.whole_number(1, 86400), "120", empty=False),
    "pot_jail_image": Variable(_image, "{name: matrix-synapse-amd64-14_2, tag: 2.14.1}", empty=False),
}


def name(server: Server) -> str | None:
    """The pot's name, one made of the inventory's name being unchecked; None when the value is bad."""
    return server.effective("matrix_pot_name")


def network_type(server: Server) -> str | None:
    """inherit, alias, public-bridge or private-bridge; None when the value is bad."""
    return server.effective("matrix_pot_network_type")


def addresses(server: Server) -> list[str]:
    """Those of the pot; none when the value is bad or missing."""
    return network.addresses(server["matrix_ip"] or "")


def claims(server: Server) -> t.Iterator[Claim]:
    """The pot's name and addresses, and the ports of the host that lead to it."""
    after = " on the same host already"
    if name(server):
        words = f'"{name(server)}" is the pot of '
        yield Claim("matrix_pot_name", server.machine, "pot", name(server), words, after, "matrix2")
    for address in addresses(server):
        words = f'"{address}" is the address of '
        yield Claim("matrix_ip", server.machine, "ip", address, words, after, "10.0.0.6")
    for protocol, _inside, outside in server["matrix_pot_exported_ports"] or []:
        if outside:
            yield Claim(
                "matrix_pot_exported_ports",
                server.machine,
                "port",
                (protocol, outside),
                f"port {outside}/{protocol} of the host goes to ",
                " already",
                '["tcp:443:8443"]',
            )


def _another_setting(key: str) -> t.Callable[[t.Any, str], str]:
    return lambda _theirs, host: (
        f"the value for {key} differs from the one of {host} on the same host, where pot has one configuration"
    )


def alike(server: Server) -> t.Iterator[Alike]:
    """What pot knows once for each host."""
    settings = server.given.get("pot_jail_settings")
    for key, value in settings.items() if isinstance(settings, dict) else ():
        yield Alike(
            "pot_jail_settings",
            (server.machine, key),
            value,
            _another_setting(key),
            "pot_jail_settings: the same for both servers",
        )
    nic = server["matrix_pot_extif"]
    if nic:
        yield Alike(
            "matrix_pot_extif",
            (server.machine,),
            nic,
            lambda theirs, host: (
                f'"{nic}" differs from "{theirs}", which {host} has on the same host; pot knows one external interface '
                "per host"
            ),
        )


def check(server: Server, controller: Controller) -> None:
    """Report what does not go together."""
    if server["matrix_pot_name"] is None and "matrix_pot_name" not in server.bad:
        try:
            pots.pot_name(name(server))
        except ValueError as error:
            server.report(
                "matrix_pot_name",
                f'is not set, and the name made from the inventory\'s, "{name(server)}", {error}',
            )
    kind = network_type(server)
    if kind == "alias" and server.missing("matrix_ip"):
        server.report("matrix_ip", "is not set, but matrix_pot_network_type is alias")
    if kind == "private-bridge" and server.missing("matrix_pot_bridge"):
        server.report("matrix_pot_bridge", "is not set, but matrix_pot_network_type is private-bridge")
    _addresses(server)
    if kind in ("alias", "inherit") and server["matrix_pot_exported_ports"]:
        problem = f"ports are only forwarded to a pot behind a bridge, but matrix_pot_network_type is {kind}"
        server.report("matrix_pot_exported_ports", problem, "matrix_pot_exported_ports: []")


def _addresses(server: Server) -> None:
    kind, found = network_type(server), addresses(server)
    bridge = kind in BRIDGES
    if len(found) > 1 and kind not in (None, "alias"):
        takes = (
            "a pot behind a bridge has one, an IPv4 address"
            if bridge
            else "a pot that inherits the host's network is asked at one of them"
        )
        server.report(
            "matrix_ip",
            f"the value has two addresses, but {takes} (matrix_pot_network_type is {kind})",
            "matrix_ip: 10.0.0.5, or matrix_pot_network_type: alias",
        )
    elif bridge and ":" in "".join(found):
        problem = f'"{found[0]}" is an IPv6 address, but a pot behind a bridge needs an IPv4 address'
        server.report("matrix_ip", problem)
    elif kind not in (None, "inherit") and server.machine[0] in found:
        # pot gives the address to the jail, and takes it off the interface when the pot stops.
        problem = "is the host's own address (ansible_host), which the host would lose when the pot stops"
        server.report(
            "matrix_ip",
            f'"{server.machine[0]}" {problem}',
            "matrix_ip: 10.0.0.5, or matrix_pot_network_type: inherit",
        )
