# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From a domain to the distinguished name of an LDAP directory's base (RFC 2247), written as RFC 4514 asks."""

from __future__ import annotations

import re

from ansible_collections.potluck.matrix.plugins.module_utils._matrix.names import BadValue, kind, labels, text

_TYPE = r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)"
_RDN = re.compile(rf"\s*({_TYPE})\s*=(.*)", re.DOTALL)
_DOMAIN_HINT = 'write it like "corp.example.co.uk"'
_PREFIX_HINT = 'write it like "ou=People"'
_SECOND_RDN = re.compile(rf"[,;]\s*{_TYPE}\s*=")


def domain_parts(domain) -> list[str]:
    """The labels of an LDAP domain, as lower-case A-labels (the attribute dc is an IA5 string).

    One label is enough, underscores are allowed (Active Directory has them). Raises ValueError.
    """
    try:
        found = labels(domain)
    except ValueError as error:
        raise BadValue(f"The domain {_shown(domain)}{error}", _DOMAIN_HINT) from None
    if len(found) > 1 and all(label.isdigit() for label in found):
        raise BadValue(f"The domain {_shown(domain)}is an address", _DOMAIN_HINT)
    return found


def _shown(value) -> str:
    return f'"{value}" ' if isinstance(value, str) and value else ""


def escape_value(value: str) -> str:
    """An attribute value as it stands in a distinguished name, RFC 4514 section 2.4.

    Control characters are written as hexadecimal pairs, which the RFC allows for every octet, so that a DN stays on
    one line.
    """
    escaped = []
    for position, character in enumerate(value):
        if (
            character in '"+,;<>\\'
            or character == " "
            and position in (0, len(value) - 1)
            or character == "#"
            and position == 0
        ):
            escaped.append("\\" + character)
        elif ord(character) < 32 or ord(character) == 127:
            escaped.append(f"\\{ord(character):02x}")
        else:
            escaped.append(character)
    return "".join(escaped)


def dn(domain, prefix=None) -> str:
    """The DN of a domain: C(example.com) is C(dc=example,dc=com).

    prefix: RDNs to put in front, most specific first: one text C(ou=People) or a list of such; their values are plain
    text and get escaped here. Raises ValueError.
    """
    rdns = [_rdn(item) for item in _prefix_items(prefix)]
    return ",".join(rdns + ["dc=" + escape_value(label) for label in domain_parts(domain)])


def _prefix_items(prefix) -> list:
    if prefix is None or isinstance(prefix, str) and not prefix:
        return []
    if isinstance(prefix, str):
        if _SECOND_RDN.search(prefix):
            raise BadValue(
                f'The prefix "{prefix}" looks like several parts',
                'give them as a list, for example ["cn=staff", "ou=People"]',
            )
        return [prefix]
    if isinstance(prefix, (list, tuple)):
        return list(prefix)
    raise BadValue(f"The prefix is {kind(prefix)} where a text or a list of texts is expected", _PREFIX_HINT)


def _rdn(item) -> str:
    try:
        match = _RDN.fullmatch(text(item))
    except ValueError as error:
        raise BadValue(f"A part of the prefix {error}", _PREFIX_HINT) from None
    if not match:
        raise BadValue(f'The prefix "{item}" is not an attribute and its value', _PREFIX_HINT)
    value = match.group(2).strip()
    if not value:
        raise BadValue(f'The prefix "{item}" has no value after the equals sign', _PREFIX_HINT)
    if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
        raise BadValue("The prefix holds half a character (a lone surrogate)", _PREFIX_HINT)
    return f"{match.group(1)}={escape_value(value)}"


def ldap_domain(value) -> str:
    """The directory's domain."""
    return ".".join(domain_parts(value))


_ATTRIBUTE = re.compile(_TYPE + r"(?:;[A-Za-z0-9-]+)*")
# RFC 4515: any character of UTF-8 but NUL, parentheses, asterisk and backslash; these as a backslash and two
# hexadecimal digits.
_ASSERTED = r"(?:[^\x00()*\\]|\\[0-9A-Fa-f]{2})*"
_ITEM = re.compile(
    rf"(?:{_ATTRIBUTE.pattern}(?:={_ASSERTED}(?:\*{_ASSERTED})*|[~<>]={_ASSERTED}|(?::dn)?(?::{_TYPE})?:={_ASSERTED})|(?::dn)?:{_TYPE}:={_ASSERTED})"
)


def attribute(value) -> str:
    """The name of an LDAP attribute (RFC 4512)."""
    if not re.fullmatch(_TYPE, text(value)):
        raise ValueError("is not the name of an attribute")
    return str(value)


# How deep filters may stand in each other: ldap3 goes down by calling itself, and ends at about 120.
_DEEPEST = 64
_BETWEEN = re.compile(r"[ \t\r\n]*")


def search_filter(value) -> str:
    """A search filter as RFC 4515 writes it, of any length, as it is without the blanks and line breaks between its
    parts, which ldap3 skips.
    """
    given = text(value).strip(" \t\r\n")
    if not given.startswith("(") or not given.endswith(")"):
        raise ValueError("is not in parentheses")
    # For each open parenthesis its operator and how many filters stand in it; the outermost has room for one.
    position, operators, counts, found = 0, ["!"], [0], []
    while position < len(given):
        position = _after(_BETWEEN, given, position)
        character = given[position]
        if character == ")" and len(operators) > 1:
            if not counts[-1]:
                raise ValueError(f'has nothing after "{operators[-1]}" at character {position}')
            operators.pop()
            counts.pop()
            found.append(")")
            position += 1
            continue
        if character != "(":
            raise ValueError("has a character %s that belongs to no parenthesis" % (position + 1))
        if operators[-1] == "!" and counts[-1]:
            raise ValueError(
                "has more than one filter" + (' after "!"' if len(operators) > 1 else "; join them by (&…) or (|…)")
            )
        counts[-1] += 1
        position = _after(_BETWEEN, given, position + 1)
        if given[position] in "&|!":
            if len(operators) > _DEEPEST:
                raise ValueError(f"has filters in each other that are more than {_DEEPEST} deep")
            operators.append(given[position])
            counts.append(0)
            found.append("(" + given[position])
            position += 1
            continue
        end = _after(_ITEM, given, position)
        item = given[position:end]
        if not item or given[end : end + 1] != ")":
            raise ValueError("has at character %s something other than ATTRIBUTE=VALUE" % (position + 1))
        if any(ord(each) < 32 or ord(each) == 127 for each in item):
            raise ValueError("holds a line break or a control character in a value")
        found.append(f"({item})")
        position = end + 1
    if len(operators) > 1:
        raise ValueError("has a parenthesis that is not closed")
    return "".join(found)


def _after(pattern: re.Pattern, given: str, position: int) -> int:
    """The position after what the pattern matches here; the same one if it does not."""
    match = pattern.match(given, position)
    return match.end() if match else position


_PAIR = re.compile(r"\\(?:[\\\"+,;<>= #]|[0-9A-Fa-f]{2})|[^\\\"+,;<>\x00-\x1f\x7f]")
_NAMED = re.compile(rf" *{_TYPE} *= *(?:(?:{_PAIR.pattern})*|#(?:[0-9A-Fa-f]{{2}})+)")


def distinguished_name(value) -> str:
    """A distinguished name as RFC 4514 writes it, blanks around commas and equals signs allowed."""
    given, position = text(value), 0
    while True:
        match = _NAMED.match(given, position)
        if not match or match.group().rstrip().endswith("="):
            raise ValueError("has at character %s something other than ATTRIBUTE=VALUE" % (position + 1))
        position = match.end()
        if position == len(given):
            return str(value)
        if given[position] not in ",+":
            raise ValueError("has at character %s something other than ATTRIBUTE=VALUE" % (position + 1))
        position += 1
