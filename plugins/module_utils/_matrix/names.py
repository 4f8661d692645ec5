# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Names and addresses: domains, hosts, IP addresses, ports.

Every function takes a value as it comes out of an inventory, returns its normal form and raises C(ValueError) with the
end of an English sentence whose subject is the value ("is not …"), so that callers can put the variable or the item in
front.
"""

from __future__ import annotations

import encodings.idna
import ipaddress
import re

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
# IDNA 2003 (Python's own codec) maps these four to something else, IDNA 2008 keeps them: the same text would be two
# domains.
_DEVIATIONS = "\u00df\u03c2\u200c\u200d"


class BadValue(ValueError):
    """A value that cannot be used: what is wrong with it, and a hint that says how to write it.

    Together they are one sentence.
    """

    def __init__(self, problem: str, hint: str):
        super().__init__(f"{problem}; {hint}.")
        self.problem = problem


def kind(value) -> str:
    """The type of an inventory value in words: C(a list), C(a number) …"""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, dict):
        return "a dictionary"
    if isinstance(value, (list, tuple)):
        return "a list"
    return "a value of type " + type(value).__name__


def text(value) -> str:
    """The value itself, if it is a text."""
    if not isinstance(value, str):
        raise ValueError(f"is {kind(value)} where a text is expected")
    return str(value)


def labels(value, underscores: bool = True) -> list[str]:
    """The labels of a domain, leftmost first, as lower-case A-labels.

    Surrounding blanks and one trailing dot are dropped; Unicode labels become their C(xn--) form.
    Limits are those of RFC 1035: 63 octets a label, 253 for the whole.
    """
    domain = text(value).strip()
    if not domain:
        raise ValueError("is empty")
    if re.search(r"\s", domain):
        raise ValueError("holds a blank")
    domain = encodings.idna.dots.sub(".", domain)
    if domain.endswith("."):
        domain = domain[:-1]
    found = [_label(label, underscores) for label in domain.split(".")]
    if len(".".join(found)) > 253:
        raise ValueError("is longer than 253 characters")
    return found


def _label(label: str, underscores: bool) -> str:
    if not label:
        raise ValueError("has an empty label (two dots in a row, or a dot in front)")
    shown = f'has the label "{label}", which '
    if not label.isascii():
        if any(character in _DEVIATIONS for character in label):
            raise ValueError(shown + "means different domains to different software; write it in its xn-- form")
        try:
            label = encodings.idna.ToASCII(label).decode("ascii")
        except UnicodeError:
            raise ValueError(shown + "has no xn-- form") from None
    label = label.lower()
    if len(label) > 63:
        raise ValueError(shown + "is longer than 63 characters")
    if label.startswith("-") or label.endswith("-"):
        raise ValueError(shown + "begins or ends with a hyphen")
    if not _LABEL.fullmatch(label) or not underscores and "_" in label:
        allowed = "letters, digits, hyphens and underscores" if underscores else "letters, digits and hyphens"
        raise ValueError(shown + f"holds something other than {allowed}")
    if label.startswith("xn--"):
        try:
            label[4:].encode("ascii").decode("punycode")
        except UnicodeError:
            raise ValueError(shown + "is not valid Punycode") from None
    return label


def domain_name(value) -> str:
    """A domain of the public kind: two labels or more, no underscore, the last one not a number."""
    found = labels(value, underscores=False)
    if all(label.isdigit() for label in found):
        raise ValueError("is an address or a number, not a domain")
    if len(found) < 2:
        raise ValueError("has one label only")
    if found[-1].isdigit():
        raise ValueError("ends in a number")
    return ".".join(found)


def host_name(value) -> str:
    """A host name of one label or more, normalised; the last label holds a letter, or it would be half an address.

    RFC 1123 has no underscores in it, but resolvers and networks inside organisations do.
    """
    found = labels(value)
    if found[-1].isdigit():
        raise ValueError("is neither an address nor a host name")
    return ".".join(found)


def address(value) -> str:
    """An IPv4 or IPv6 address of one host, in its shortest form."""
    given = text(value)
    if "/" in given:
        raise ValueError("has a prefix length; give the address alone")
    if "%" in given:
        raise ValueError("has a zone")
    try:
        found = ipaddress.ip_address(given)
    except ValueError:
        raise ValueError("is not an IP address") from None
    if found.is_unspecified:
        raise ValueError("is the unspecified address")
    if found.is_multicast:
        raise ValueError("is a multicast address")
    if found.version == 6 and found.is_link_local:
        raise ValueError("is a link-local address, which means nothing without an interface")
    if str(found) == "255.255.255.255":
        raise ValueError("is the broadcast address")
    return str(found)


def host(value) -> str:
    """An address or a host name, without scheme, port, path or brackets."""
    given = text(value)
    if not given:
        raise ValueError("is empty")
    if re.search(r"\s", given):
        raise ValueError("holds a blank")
    if "://" in given:
        raise ValueError("has a scheme; give the host alone")
    if "/" in given:
        raise ValueError("has a path or a prefix length; give the host alone")
    if "@" in given:
        raise ValueError("has a user name; give the host alone")
    if re.fullmatch(r"\[.*\](:\d*)?", given):
        raise ValueError("has brackets or a port; give the address alone")
    if re.fullmatch(r"[^:]*:\d*", given):
        raise ValueError("has a port; give the host alone")
    if ":" in given or re.fullmatch(r"[0-9.]+", given):
        return address(given)
    return host_name(given)


def port(value) -> int:
    """A port number, 1 to 65535, given as a number or as its digits."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise ValueError(f"is {kind(value)} where a port is expected")
    if isinstance(value, str) and not re.fullmatch(r"0|[1-9][0-9]{0,8}", value):
        raise ValueError("is not a number")
    if not 1 <= int(value) <= 65535:
        raise ValueError("is not between 1 and 65535")
    return int(value)
