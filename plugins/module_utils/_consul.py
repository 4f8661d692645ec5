# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the Consul agent is told: the servers to join and the gossip key."""

from __future__ import annotations

import base64
import binascii
import re

from ansible_collections.potluck.matrix.plugins.module_utils._names import BadValue, host, kind, text

_SERVERS_HINT = 'write for example "10.0.0.2,10.0.0.3"'
_KEY_HINT = 'make one with "consul keygen" or "openssl rand -base64 32"'


def servers(value) -> list[str]:
    """The Consul servers to join, as normalised addresses and host names in the given order.

    value: Potluck's comma text or a list of texts. Raises ValueError naming the item, counted from 1, and what is wrong with it.
    """
    if isinstance(value, str):
        items = value.split(",")
    elif isinstance(value, (list, tuple)):
        items = list(value)
    else:
        raise BadValue("The Consul servers are %s where a comma text or a list is expected" % kind(value), _SERVERS_HINT)
    if not items or isinstance(value, str) and not value:
        raise BadValue("No Consul server is given", _SERVERS_HINT)
    found = {}
    for number, item in enumerate(items, 1):
        try:
            if isinstance(item, str) and "," in item:
                raise ValueError("holds a comma; a list has one server an item")
            server = host(item)
            if server in found:
                raise ValueError("is the same as item %d" % found[server])
        except ValueError as error:
            shown = ' "%s"' % item if isinstance(item, str) and item else ""
            raise BadValue("Item %d%s of the Consul servers %s" % (number, shown, error), _SERVERS_HINT) from None
        found[server] = number
    return list(found)


def gossip_key(value) -> str:
    """The gossip key: Base64 of 16, 24 or 32 bytes (AES-128, -192, -256). Raises ValueError, which never shows the key."""
    try:
        given = text(value)
        if not given:
            raise ValueError("is empty")
        if re.search(r"\s", given):
            raise ValueError("holds a blank or a line break")
        if re.search(r"[-_]", given):
            raise ValueError("is written in the URL alphabet (\"-\" and \"_\"), which Consul does not read")
        try:
            decoded = base64.b64decode(given, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("is not Base64") from None
        if len(decoded) not in (16, 24, 32):
            raise ValueError("decodes to %d bytes instead of 32 (or 16 or 24)" % len(decoded))
    except ValueError as error:
        raise BadValue("The gossip key %s" % error, _KEY_HINT) from None
    return base64.b64encode(decoded).decode("ascii")
