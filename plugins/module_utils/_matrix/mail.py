# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mail addresses, subjects of mails, and which kind of TLS a mail server's port asks for."""

from __future__ import annotations

import re
import unicodedata

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import values
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.names import (
    BadValue,
    domain_name,
    kind,
    port,
    text,
)

# What a client does on a port unless it is told: RFC 3207, RFC 8314 and RFC 6409.
TLS_OF_PORTS = {25: "starttls", 465: "implicit", 587: "starttls_required"}
TLS_MODES = ("none", "starttls", "starttls_required", "implicit")
# The mails that Synapse has subjects for, each with what it fills in (synapse.config.emailconfig, synapse.push.mailer).
SUBJECTS = {
    "message_from_person_in_room": ("app", "person", "room"),
    "message_from_person": ("app", "person"),
    "messages_from_person": ("app", "person"),
    "messages_in_room": ("app", "room"),
    "messages_in_room_and_others": ("app", "room"),
    "messages_from_person_and_others": ("app", "person"),
    "invite_from_person": ("app", "person"),
    "invite_from_person_to_room": ("app", "person", "room"),
    "invite_from_person_to_space": ("app", "person", "space"),
    "password_reset": ("app", "server_name"),
    "email_validation": ("app", "server_name"),
    "email_already_in_use": ("app", "server_name"),
}
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


def address(value, local_ascii: bool = True) -> str:
    """One plain mail address, its domain as lower-case A-labels; no display name, no list, no quoted local part.

    The local part is kept as it is, for it may be case-sensitive. local_ascii: no other characters in it (RFC 6531 has
    them, most programs that send mail do not). Raises ValueError.
    """
    try:
        return _address(text(value), local_ascii)
    except ValueError as error:
        shown = f' "{value}"' if isinstance(value, str) and value else ""
        raise BadValue(f"The mail address{shown} {error}", 'write it like "admin@example.com"') from None


def _as_ascii(local: str) -> str:
    """A local part with a letter in the place of whatever RFC 6531 adds to those."""
    return "".join(
        "x" if character > "\x7f" and unicodedata.category(character)[0] in "LMNPS" else character
        for character in local
    )


def _address(given: str, local_ascii: bool) -> str:
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
    if local_ascii and not local.isascii():
        raise ValueError("has characters outside ASCII before the @, which are not sent")
    if not _LOCAL_PART.fullmatch(_as_ascii(local)) or len(local.encode("utf-8", "replace")) > 64:
        raise ValueError("has a part before the @ that is empty, too long or holds a character not allowed there")
    try:
        domain = domain_name(domain)
    except ValueError as error:
        raise ValueError(f"has a domain that {error}") from None
    if len(local.encode("utf-8", "replace")) + 1 + len(domain) > 254:
        raise ValueError("is longer than 254 characters")
    return f"{local}@{domain}"


def tls_mode(value) -> str:
    """The one of C(TLS_MODES) that is usual on this port of a mail server; empty when none is."""
    try:
        return TLS_OF_PORTS.get(port(value), "")
    except ValueError:
        return ""


def sender(value) -> tuple[str, str]:
    """(display name, address) of C(Name <address>), or of an address alone, whose name is empty.

    Raises ValueError with the end of a sentence, or as plain_address() does.
    """
    given = values.line(value)
    match = re.fullmatch(r"\s*([^<>]*?)\s*<\s*([^<>]*?)\s*>\s*", given)
    if not match:
        return "", plain_address(given)
    name = match.group(1)
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1].strip()
    if not name:
        raise ValueError("has angle brackets and no name in front of them; give the address alone")
    if '"' in name or "\\" in name:
        raise ValueError("has a quotation mark or backslash in the name")
    if len(name) > 100:
        raise ValueError("has a name of more than 100 characters")
    return name, plain_address(match.group(2))


def subjects(value) -> dict:
    """{mail that Synapse knows: its subject}. Synapse would fail to send a mail whose subject asks for something else
    than it fills in.
    """
    if not isinstance(value, dict):
        raise ValueError(f"is {kind(value)} where a dictionary is expected")
    found = {}
    for name, subject in value.items():
        if name not in SUBJECTS:
            raise ValueError(f'has the unknown key "{name}"; known are {", ".join(SUBJECTS)}')
        try:
            found[name] = _subject(values.line(subject), SUBJECTS[name])
        except ValueError as error:
            raise ValueError(f"has for {name} a subject that {error}") from None
    return found


def _subject(given: str, filled_in: tuple[str, ...]) -> str:
    if not given.strip():
        raise ValueError("is empty")
    known = "|".join(filled_in)
    if "%" in re.sub(rf"%%|%\((?:{known})\)s", "", given):
        words = ", ".join(f"%({name})s" for name in filled_in)
        raise ValueError(f"has a % other than in {words}, and in %% for itself")
    return given


def plain_address(value) -> str:
    """A mail address that is used as it is written; only its case may differ from the normal form."""
    return values.ignoring_case(address)(value)


def shown_address(value) -> str:
    """A mail address that is only shown to people, who write to it with programs of their own."""
    return values.ignoring_case(lambda given: address(given, local_ascii=False))(value)


def shell_address(value) -> str:
    """A mail address for a file that a shell reads: the rarer characters that RFC 5322 allows are none for it."""
    found = plain_address(value)
    foreign = re.search(r"[^A-Za-z0-9.@_%+=/-]", found)
    if foreign:
        raise ValueError(f"holds the character {foreign.group()}, which has a meaning in the files of acme.sh")
    return found


def mail_or_none(value) -> str:
    """A mail address, or Potluck's C(none)."""
    return "" if value == "none" else shell_address(value)
