# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the Consul agent is told: the servers to join and the gossip key."""

from __future__ import annotations

import base64
import binascii
import re

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import values
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.names import BadValue, host, kind, text

_SERVERS_HINT = 'write for example "10.0.0.2,10.0.0.3"'
_KEY_HINT = 'make one with "consul keygen" or "openssl rand -base64 32"'


def servers(value) -> list[str]:
    """The Consul servers to join, as normalised addresses and host names in the given order.

    value: Potluck's comma text or a list of texts. Raises ValueError naming the item, counted from 1, and what is
    wrong with it.
    """
    if isinstance(value, str):
        items = value.split(",")
    elif isinstance(value, (list, tuple)):
        items = list(value)
    else:
        raise BadValue(f"The Consul servers are {kind(value)} where a comma text or a list is expected", _SERVERS_HINT)
    if not items or isinstance(value, str) and not value:
        raise BadValue("No Consul server is given", _SERVERS_HINT)
    found: dict[str, int] = {}
    for number, item in enumerate(items, 1):
        try:
            if isinstance(item, str) and "," in item:
                raise ValueError("holds a comma; a list has one server an item")
            server = host(item)
            if server in found:
                raise ValueError(f"is the same as item {found[server]}")
        except ValueError as error:
            shown = f' "{item}"' if isinstance(item, str) and item else ""
            raise BadValue(f"Item {number}{shown} of the Consul servers {error}", _SERVERS_HINT) from None
        found[server] = number
    return list(found)


def gossip_key(value) -> str:
    """The gossip key: Base64 of 16, 24 or 32 bytes (AES-128, -192, -256). Raises ValueError, which never shows the
    key.
    """
    try:
        given = text(value)
        if not given:
            raise ValueError("is empty")
        if re.search(r"\s", given):
            raise ValueError("holds a blank or a line break")
        if re.search(r"[-_]", given):
            raise ValueError('is written in the URL alphabet ("-" and "_"), which Consul does not read')
        try:
            decoded = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("is not Base64") from None
        if len(decoded) not in (16, 24, 32):
            raise ValueError(f"decodes to {len(decoded)} bytes instead of 32 (or 16 or 24)")
    except ValueError as error:
        raise BadValue(f"The gossip key {error}", _KEY_HINT) from None
    return base64.b64encode(decoded).decode("ascii")


def servers_or_none(value) -> list[str]:
    """The servers to join; none at all switches Consul off."""
    return servers(value) if not isinstance(value, (list, tuple)) or value else []


def datacenter(value) -> str:
    """A Consul datacenter."""
    if not re.fullmatch(r"[a-z0-9_-]+", text(value)):
        raise ValueError("holds something other than lower-case letters, digits, hyphens and underscores")
    return values.word(r".*", "", 64)(value)


def node_name(value) -> str:
    """The node's name in Consul, which is a label in its DNS."""
    given = text(value)
    if "." in given:
        raise ValueError("holds a dot; it is one label")
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", given):
        raise ValueError("is not a host label (letters, digits, hyphens inside)")
    if len(given) > 63:
        raise ValueError("is longer than 63 characters")
    return given
