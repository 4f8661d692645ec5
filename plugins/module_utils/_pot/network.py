# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses, ports and bridges, as pot's configuration has them."""

from __future__ import annotations

import ipaddress
import re

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

PORT_RE = re.compile(r"(?:(tcp|udp):)?([0-9]{1,5})(?::([0-9]{1,5}))?\Z")
NETWORK_TYPES = ("inherit", "alias", "public-bridge", "private-bridge")
BRIDGES = ("public-bridge", "private-bridge")


def normalise_port(text):
    """Canonical C([udp:]POT[:HOST]) of an exported port; tcp is pot's default and left out."""
    match = PORT_RE.match(str(text))
    if not match or not all(0 < int(p) < 65536 for p in match.groups()[1:] if p):
        raise Sentence(f"'{text}' is not a valid port: use [tcp:|udp:]PORT_IN_POT[:PORT_ON_HOST].")
    proto, inner, outer = match.groups()
    return ("udp:" if proto == "udp" else "") + str(int(inner)) + (":%d" % int(outer) if outer else "")


def normalise_address(text):
    """Canonical text of an IPv4 or IPv6 address without prefix length."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    if "/" in text:
        raise Sentence(f"'{text}' is not a valid address: pot takes addresses without a prefix length.")
    raise Sentence(f"'{text}' is not a valid IP address.")


def split_alias(text, default_nic):
    """(nic, address) of an entry C(NIC|ADDRESS) or C(ADDRESS) of an alias pot."""
    nic, separator, address = text.rpartition("|")
    if separator and not re.match(r"[A-Za-z0-9_.:-]+\Z", nic):
        raise Sentence(f"'{text}' is not a valid address: use ADDRESS or NIC|ADDRESS.")
    return (nic if separator else default_nic), normalise_address(address)


def check_network(options):
    """Raise C(Sentence) for network_type, ip, bridge and network_stack that do not go together. Looks at nothing but
    the options.

    Rules about the type or the stack are left out as long as that option is C(None).
    """
    kind, ips = options.get("network_type"), options.get("ip") or []
    if kind == "inherit" and ips:
        raise Sentence("ip has no meaning with network_type inherit.")
    if kind == "alias" and not ips:
        raise Sentence("network_type alias needs at least one address in ip.")
    if kind in ("alias", "inherit", "public-bridge") and options.get("bridge"):
        raise Sentence("bridge can only be used with network_type private-bridge.")
    if kind in BRIDGES and len(ips) > 1:
        raise Sentence(f"network_type {kind} takes one address.")
    stack = options.get("network_stack")
    for text in ips:
        if text == "auto":
            if kind == "alias" or len(ips) > 1:
                raise Sentence("ip auto can only be used alone and with the bridge network types.")
            continue
        if "|" in text and kind in BRIDGES:
            raise Sentence(f"'{text}' is not a valid address: NIC|ADDRESS can only be used with network_type alias.")
        version = ipaddress.ip_address(split_alias(text, "")[1]).version
        if (version == 6 and stack == "ipv4") or (version == 4 and stack == "ipv6"):
            raise Sentence(f"Address {text} does not fit network_stack {stack}.")
        if version == 6 and kind in BRIDGES:
            raise Sentence(f"network_type {kind} takes an IPv4 address; {text} is none.")


def lenient(function, texts):
    result = []
    for text in texts:
        try:
            result.append(function(text))
        except Sentence:
            result.append(text)
    return result


def merge_network(conf, new, options, extif, next_ip):
    old_kind = conf.text("network_type", "inherit")
    kind = options.get("network_type") or old_kind
    if kind == old_kind and options.get("ip") is None and options.get("bridge") is None:
        return
    # The pot's own network type was not known when the options alone were looked at.
    given = options.get("ip")
    if kind == "alias" and not given and old_kind == kind:
        given = (conf.get("ip") or "").split()
    check_network(dict(options, network_type=kind, ip=given, network_stack=new.text("pot.stack", "ipv4")))
    old_ips = (conf.get("ip") or "").split() if old_kind == kind else []
    ips = options.get("ip")
    bridge = options.get("bridge") or conf.text("bridge")
    if kind != old_kind:
        new.set("network_type", kind)
        new.set("vnet", "true" if kind in BRIDGES else "false")
    if kind == "private-bridge":
        if not bridge:
            raise Sentence("network_type private-bridge needs the name of a bridge.")
        if bridge != conf.text("bridge"):
            old_ips = []
        new.set("bridge", bridge)
    else:
        new.unset("bridge")
    if kind == "inherit":
        new.unset("ip")
    elif kind == "alias":
        if ips and [split_alias(i, extif) for i in ips] != lenient(lambda t: split_alias(t, extif), old_ips):
            new.set("ip", " ".join(ips))
    elif ips and ips != ["auto"]:
        new.set("ip", normalise_address(ips[0]))
    elif len(old_ips) != 1:
        new.set("ip", next_ip(bridge if kind == "private-bridge" else ""))


def parse_bridge(text):
    """Fields of a file below FS_ROOT/bridges: net, gateway, name."""
    return dict(line.split("=", 1) for line in text.split("\n") if "=" in line)
