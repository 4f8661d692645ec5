# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a domain to the distinguished name of an LDAP directory's base (RFC 2247), written as RFC 4514 asks."""

from __future__ import annotations

import re

from ansible_collections.potluck.matrix.plugins.module_utils._names import BadValue, kind, labels, text

_TYPE = r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)"
_RDN = re.compile(r"\s*(%s)\s*=(.*)" % _TYPE, re.DOTALL)
_DOMAIN_HINT = 'write it like "corp.example.co.uk"'
_PREFIX_HINT = 'write it like "ou=People"'
_SECOND_RDN = re.compile(r"[,;]\s*%s\s*=" % _TYPE)


def domain_parts(domain) -> list[str]:
    """The labels of an LDAP domain, as lower-case A-labels (the attribute dc is an IA5 string).

    One label is enough, underscores are allowed (Active Directory has them). Raises ValueError.
    """
    try:
        found = labels(domain)
    except ValueError as error:
        raise BadValue("The domain %s%s" % (_shown(domain), error), _DOMAIN_HINT) from None
    if len(found) > 1 and all(label.isdigit() for label in found):
        raise BadValue("The domain %sis an address" % _shown(domain), _DOMAIN_HINT)
    return found


def _shown(value) -> str:
    return '"%s" ' % value if isinstance(value, str) and value else ""


def escape_value(value: str) -> str:
    """An attribute value as it stands in a distinguished name, RFC 4514 section 2.4.

    Control characters are written as hexadecimal pairs, which the RFC allows for every octet, so that a DN stays on one line.
    """
    escaped = []
    for position, character in enumerate(value):
        if character in '"+,;<>\\':
            escaped.append("\\" + character)
        elif character == " " and position in (0, len(value) - 1) or character == "#" and position == 0:
            escaped.append("\\" + character)
        elif ord(character) < 32 or ord(character) == 127:
            escaped.append("\\%02x" % ord(character))
        else:
            escaped.append(character)
    return "".join(escaped)


def dn(domain, prefix=None) -> str:
    """The DN of a domain: C(example.com) is C(dc=example,dc=com).

    prefix: RDNs to put in front, most specific first: one text C(ou=People) or a list of such; their values are plain text and
    get escaped here. Raises ValueError.
    """
    rdns = [_rdn(item) for item in _prefix_items(prefix)]
    return ",".join(rdns + ["dc=" + escape_value(label) for label in domain_parts(domain)])


def _prefix_items(prefix) -> list:
    if prefix is None or isinstance(prefix, str) and not prefix:
        return []
    if isinstance(prefix, str):
        if _SECOND_RDN.search(prefix):
            raise BadValue('The prefix "%s" looks like several parts' % prefix, 'give them as a list, for example ["cn=staff", "ou=People"]')
        return [prefix]
    if isinstance(prefix, (list, tuple)):
        return list(prefix)
    raise BadValue("The prefix is %s where a text or a list of texts is expected" % kind(prefix), _PREFIX_HINT)


def _rdn(item) -> str:
    try:
        match = _RDN.fullmatch(text(item))
    except ValueError as error:
        raise BadValue("A part of the prefix %s" % error, _PREFIX_HINT) from None
    if not match:
        raise BadValue('The prefix "%s" is not an attribute and its value' % item, _PREFIX_HINT)
    value = match.group(2).strip()
    if not value:
        raise BadValue('The prefix "%s" has no value after the equals sign' % item, _PREFIX_HINT)
    if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise BadValue("The prefix holds half a character (a lone surrogate)", _PREFIX_HINT)
    return "%s=%s" % (match.group(1), escape_value(value))
