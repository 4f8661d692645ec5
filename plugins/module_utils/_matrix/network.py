# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where something is on the network: hosts, addresses, networks, ports, URLs.

Every checker takes the value, returns its normal form and raises ValueError with the end of a sentence whose subject
is the value.
"""

from __future__ import annotations

import ipaddress
import re
import urllib.parse

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, values


def _domain(value) -> str:
    given = names.text(value)
    if "://" in given or "/" in given:
        raise ValueError("is a URL; give the domain alone")
    if re.search(r":[0-9]*$", given):
        raise ValueError("has a port; give the domain alone")
    if given.startswith("@") or "@" in given:
        raise ValueError("holds an @; give the domain alone")
    return names.domain_name(given)


domain = values.normal(_domain)


def domains(value) -> list:
    """More domains for a certificate; one may begin with a wildcard."""
    found = []
    for number, item in enumerate(values.items(value), 1):
        wildcard = "*." if str(item).startswith("*.") else ""
        try:
            found.append(wildcard + domain(item[len(wildcard) :] if wildcard else item))
        except ValueError as error:
            raise ValueError(f'has as item {number} "{item}", which {error}') from None
        if found.count(found[-1]) > 1:
            raise ValueError(f'has item {number} "{item}" twice')
    return found


host = values.ignoring_case(names.host)


def _without_underscore(value) -> str:
    found = names.host(value)
    if "_" in found:
        raise ValueError("holds an underscore, which Synapse looks up no host with; give the host another name as well")
    return found


# Synapse's network library encodes names by IDNA 2008 (twisted.internet._idna), which has no underscores.
synapse_host = values.ignoring_case(_without_underscore)


def addresses(value) -> list[str]:
    """The addresses in a value that is one of them or a list; none in an empty text."""
    return [names.text(item) for item in (value if isinstance(value, (list, tuple)) else [value]) if item != ""]


def one_or_more(checker):
    """A checker for an address, or a list of them without two of the same."""
    listed = values.list_of(checker, least=1)
    return lambda value: listed(value) if isinstance(value, (list, tuple)) else checker(value)


def pot_addresses(value) -> str | list[str]:
    """The address of a pot, or a list of one or two, which are of different families."""
    if not isinstance(value, (list, tuple)):
        return _pot_address(value)
    found = values.list_of(_pot_address, least=1)(value)
    families = [ipaddress.ip_address(each).version for each in found]
    for family in families:
        if families.count(family) > 1:
            raise ValueError(f"has {families.count(family)} IPv{family} addresses, and a pot has one of each family")
    return found


def _pot_address(value) -> str:
    """One address, without the NIC that pot itself would take in front of it."""
    given = names.text(value)
    if "|" in given:
        raise ValueError("has an interface in front; the interface has a variable of its own, matrix_pot_interface")
    if re.search(r"[,\s]", given):
        raise ValueError("is more than one address, for which there are lists, or holds a blank")
    found = values.normal(names.address)(given)
    address = ipaddress.ip_address(found)
    if address.is_loopback:
        raise ValueError("is a loopback address, at which nobody else reaches the pot")
    if address.version == 4 and (
        address.is_link_local or address.is_reserved or address in ipaddress.ip_network("0.0.0.0/8")
    ):
        raise ValueError("is an address that no host can have")
    if address.version == 6 and (address.ipv4_mapped or address in ipaddress.ip_network("::/64")):
        raise ValueError("is an address that no host can have")
    return found


def listen_address(value) -> str:
    """An address of the pot's own, to listen at; loopback is one too."""
    return values.normal(names.address)(value)


def url_host(value) -> str:
    """A host as it stands in a URL or before a port: an IPv6 address in brackets, everything else as it is."""
    given = names.text(value)
    return f"[{given}]" if ":" in given and not given.startswith("[") else given


def port_or_off(value) -> int:
    """A port, or 0 for none."""
    return 0 if value == "" or value in (0, "0") and not isinstance(value, bool) else names.port(value)


def networks(value) -> list:
    """Addresses and networks in CIDR form."""
    found = []
    for number, item in enumerate(values.items(value), 1):
        shown = f'has as item {number} "{item}", which '
        try:
            # Python reads zones, which may hold anything, and masks of other forms than nginx does.
            if not re.fullmatch(r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?", names.text(item)):
                raise ValueError("form")
            network = ipaddress.ip_network(item)
        except ValueError as error:
            if "host bits set" in str(error):
                raise ValueError(shown + "is not the first address of its network") from None
            raise ValueError(shown + "is not an address or a network") from None
        if _too_wide(network):
            raise ValueError(
                shown
                + ("would trust everybody" if network.prefixlen == 0 else "would trust a whole part of the Internet")
            )
        if network in found:
            raise ValueError(shown + "is given twice")
        found.append(network)
    fourth = ipaddress.collapse_addresses([each for each in found if isinstance(each, ipaddress.IPv4Network)])
    sixth = ipaddress.collapse_addresses([each for each in found if isinstance(each, ipaddress.IPv6Network)])
    for total in (*fourth, *sixth):
        if _too_wide(total):
            raise ValueError(f"has networks that add up to {total}, which would trust a whole part of the Internet")
    return [str(network) for network in found]


# The widest that somebody can own: 10.0.0.0/8 in IPv4, and in IPv6 what RFC 4193 leaves to everybody's own use.
_OWN_IPV6 = ipaddress.ip_network("fc00::/7")


def _too_wide(network) -> bool:
    if network.version == 4:
        return network.prefixlen < 8
    return network.prefixlen < 16 and not network.subnet_of(_OWN_IPV6)


def resolvers(value) -> list:
    """Addresses of name servers, none of them the asker's own."""
    found = []
    for number, item in enumerate(values.items(value), 1):
        shown = f'has as item {number} "{item}", which '
        try:
            address = values.normal(names.address)(item)
        except ValueError as error:
            raise ValueError(shown + str(error)) from None
        if ipaddress.ip_address(address).is_loopback:
            raise ValueError(shown + "is the pot itself")
        if address in found:
            raise ValueError(shown + "is given twice")
        found.append(address)
    return found


def ldap_servers(value) -> list:
    """One directory server or a list of them."""
    if isinstance(value, (list, tuple)):
        found = []
        for number, item in enumerate(value, 1):
            try:
                found.append(host(item))
            except ValueError as error:
                raise ValueError(f'has as item {number} "{item}", which {error}') from None
            if found.count(found[-1]) > 1:
                raise ValueError(f'has item {number} "{item}" twice')
        return found
    try:
        return [host(value)]
    except ValueError as error:
        if "has a port" in str(error) or "has a scheme" in str(error):
            raise ValueError(f"{error}; matrix_ldap_port and matrix_ldap_tls are for the rest") from None
        raise


def url(*schemes, variables: bool = False):
    """A checker for URLs of the given schemes; variables: with C(${NAME}) in them, as pkg(8) has them."""

    def check(value):
        given = values.line(value)
        if re.search(r"\s", given):
            raise ValueError("holds a blank")
        # What RFC 3986 has, without the apostrophe (shells), and braces for pkg's ${ABI}.
        foreign = re.search(
            r"[^A-Za-z0-9._~:/?#@!&()*+,;=%\[\]-]", re.sub(r"\$\{[A-Z_]+\}", "", given) if variables else given
        )
        if foreign:
            raise ValueError(
                "holds the character {}".format(
                    ascii(foreign.group())[1:-1].replace('"', "double quote").replace("'", "apostrophe")
                )
            )
        try:
            parts = urllib.parse.urlsplit(given)
            port = parts.port
        except ValueError:
            raise ValueError("is not a URL (its host or port is wrong)") from None
        if parts.scheme not in schemes:
            raise ValueError("does not begin with {}".format(" or ".join(scheme + "://" for scheme in schemes)))
        if port == 0:
            raise ValueError("has the port 0")
        if not parts.scheme.endswith("file"):
            if not parts.hostname:
                raise ValueError("has no host")
            try:
                names.host(parts.hostname)
            except ValueError as error:
                raise ValueError(f"has a host that {error}") from None
        return given

    return check


def any_address(value) -> str:
    """An address to listen at, or C(*) for all."""
    return "*" if value == "*" else listen_address(value)


def address_range(value) -> str:
    """An address or a network of any size."""
    try:
        return str(ipaddress.ip_network(names.text(value)))
    except ValueError:
        raise ValueError("is not an address or a network") from None


def key_server(value) -> str:
    """The name of a homeserver that other homeservers' keys are asked of: a host, with a port or not."""
    given = names.text(value)
    match = re.fullmatch(r"(?:\[([0-9a-f:.]+)\]|([^:\[\]]+))(?::([0-9]+))?", given)
    if match and match.group(3):
        names.port(match.group(3))
    _without_underscore((match.group(1) or match.group(2)) if match else given)
    return str(value)


def server_and_port(value) -> str:
    """A host and a port, as C(/.well-known/matrix/server) says them."""
    match = re.fullmatch(r"(\[[0-9a-f:.]+\]|[^:\[\]]+)(?::([0-9]+))?", names.text(value))
    if not match:
        raise ValueError("is not of the form HOST:PORT")
    _without_underscore(match.group(1).strip("[]"))
    if match.group(2):
        names.port(match.group(2))
    return str(value)
