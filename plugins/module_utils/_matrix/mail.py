# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail addresses, and which kind of TLS a mail server's port asks for."""

from __future__ import annotations

import re

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import values
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.names import BadValue, domain_name, port, text

# The ports Potluck documents; each has one behaviour by convention (RFC 8314, RFC 6409, RFC 3207).
TLS_MODES = {25: "opportunistic", 465: "implicit", 587: "starttls"}
_PORT_HINT = "write 25 (STARTTLS if offered), 465 (TLS from the first byte) or 587 (STARTTLS required)"
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def address(value) -> str:
    """One plain mail address, its domain as lower-case A-labels; no display name, no list, no quoted local part.

    The local part is ASCII and kept as it is, for it may be case-sensitive. Raises ValueError.
    """
    try:
        return _address(text(value))
    except ValueError as error:
        shown = f' "{value}"' if isinstance(value, str) and value else ""
        raise BadValue(f"The mail address{shown} {error}", 'write it like "admin@example.com"') from None


def _address(given: str) -> str:
    if not given:
        raise ValueError("is empty")
    if "<" in given or ">" in given:
        raise ValueError("has a display name or angle brackets")
    if given.lower().startswith("mailto:"):
        raise ValueError("has a scheme")
    if re.search(r"[,;]", given):
        raise ValueError("is more than one address")
    if re.search(r"\s", given):
        raise ValueError("holds a blank")
    if given.count("@") != 1:
        raise ValueError("does not hold exactly one @")
    local, domain = given.split("@")
    if not _LOCAL_PART.fullmatch(local) or len(local) > 64:
        raise ValueError("has a part before the @ that is empty, too long or holds a character not allowed there")
    try:
        domain = domain_name(domain)
    except ValueError as error:
        raise ValueError(f"has a domain that {error}") from None
    if len(local) + 1 + len(domain) > 254:
        raise ValueError("is longer than 254 characters")
    return f"{local}@{domain}"


def tls_mode(value) -> str:
    """What a client does on this port of a mail server: C(opportunistic), C(implicit) or C(starttls). Raises
    ValueError.
    """
    try:
        number = port(value)
        if number not in TLS_MODES:
            raise ValueError("is none of 25, 465 and 587")
    except ValueError as error:
        shown = f' "{value}"' if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        raise BadValue(f"The mail port{shown} {error}", _PORT_HINT) from None
    return TLS_MODES[number]


def plain_address(value) -> str:
    """A mail address that is used as it is written; only its case may differ from the normal form."""
    return values.ignoring_case(address)(value)


def shell_address(value) -> str:
    """A mail address for a file that a shell reads: the rarer characters that RFC 5322 allows are none for it."""
    found = plain_address(value)
    foreign = re.search(r"[^A-Za-z0-9.@_%+=/-]", found)
    if foreign:
        raise ValueError(f"holds the character {foreign.group()}, which has a meaning in the files of acme.sh")
    return found


def mail_port(value) -> int:
    """The port of the mail server."""
    tls_mode(value)
    return int(value)


def mail_or_none(value) -> str:
    """A mail address, or Potluck's C(none)."""
    return "" if value == "none" else shell_address(value)
