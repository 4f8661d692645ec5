# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail addresses, and which kind of TLS a mail server's port asks for."""

from __future__ import annotations

import re

from ansible_collections.potluck.matrix.plugins.module_utils._names import BadValue, domain_name, port, text

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
        shown = ' "%s"' % value if isinstance(value, str) and value else ""
        raise BadValue("The mail address%s %s" % (shown, error), 'write it like "admin@example.com"') from None


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
        raise ValueError("has a domain that %s" % error) from None
    if len(local) + 1 + len(domain) > 254:
        raise ValueError("is longer than 254 characters")
    return "%s@%s" % (local, domain)


def tls_mode(value) -> str:
    """What a client does on this port of a mail server: C(opportunistic), C(implicit) or C(starttls). Raises ValueError."""
    try:
        number = port(value)
        if number not in TLS_MODES:
            raise ValueError("is none of 25, 465 and 587")
    except ValueError as error:
        shown = ' "%s"' % value if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        raise BadValue("The mail port%s %s" % (shown, error), _PORT_HINT) from None
    return TLS_MODES[number]
