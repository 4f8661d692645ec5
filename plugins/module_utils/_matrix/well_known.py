# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in the documents at C(/.well-known/matrix/).

Every checker takes the value, returns its normal form and raises ValueError with the end of a sentence whose subject
is the value.
"""

from __future__ import annotations

import json
import re

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import mail, names, network, values

# What is made of other variables: the variable.
_MADE = {"m.homeserver": "matrix_host"}
# nginx reads no word of its configuration that is longer than 4096 bytes (NGX_CONF_BUFFER), its quotes included.
_LONGEST = 4000
_ROLES = ("m.role.admin", "m.role.security")
_web = network.url("http", "https")


def client_document(value) -> dict:
    """More keys for C(/.well-known/matrix/client)."""
    found = _dictionary(value)
    for key in found:
        if key in _MADE:
            raise ValueError(f'sets "{key}", which is made of {_MADE[key]}')
    _as_json(found, 0)
    for key, shape in (
        ("m.identity_server", _with_url("base_url")),
        ("org.matrix.msc2965.authentication", _with_url("issuer")),
        ("org.matrix.msc4143.rtc_foci", _foci),
    ):
        if key in found:
            try:
                shape(found[key])
            except ValueError as error:
                raise ValueError(f'has a "{key}" that {error}') from None
    # As it stands in nginx's configuration: a dollar sign or an apostrophe as seven characters, backslashes doubled.
    text = json.dumps(found)
    if len(text) + text.count("\\") + 6 * (text.count("$") + text.count("'")) > _LONGEST:
        raise ValueError(f"is longer than {_LONGEST} characters of JSON, which is more than nginx holds")
    return found


def support(value) -> dict:
    """C({contacts, support_page}), as the specification of Matrix has them for C(/.well-known/matrix/support)."""
    found = _dictionary(value)
    _only(found, ("contacts", "support_page"))
    if "support_page" in found:
        _part(found, "support_page", _web)
    for number, contact in enumerate(values.items(found["contacts"]) if "contacts" in found else [], 1):
        try:
            _contact(contact)
        except ValueError as error:
            raise ValueError(f"has as contact {number} something that {error}") from None
    if len(json.dumps(found)) > _LONGEST // 4:
        raise ValueError("is longer than anybody reads")
    return found


def _contact(value) -> None:
    contact = _dictionary(value)
    _only(contact, ("role", "matrix_id", "email_address"))
    if "role" not in contact:
        raise ValueError(f"has no role ({' or '.join(_ROLES)})")
    if "matrix_id" not in contact and "email_address" not in contact:
        raise ValueError("has neither matrix_id nor email_address")
    for key, check in (("role", _role), ("matrix_id", user_id), ("email_address", mail.shown_address)):
        if key in contact:
            _part(contact, key, check)


def _role(value) -> str:
    """One of the specification's roles, or one in somebody's own namespace (Common Namespaced Identifier Grammar)."""
    given = names.text(value)
    if given not in _ROLES and (not re.fullmatch(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+", given) or given.startswith("m.")):
        raise ValueError(f"is none of {', '.join(_ROLES)}, nor a name like com.example.abuse")
    return given


def user_id(value) -> str:
    """The whole name of a Matrix account, of whatever server."""
    given = names.text(value)
    local, _colon, server = given.partition(":")
    if not re.fullmatch(r"@[a-z0-9._=/+-]+", local):
        raise ValueError("is not of the form @name:example.com")
    try:
        network.key_server(server)
    except ValueError as error:
        raise ValueError(f"has a server that {error}") from None
    return given


def _dictionary(value) -> dict:
    if not isinstance(value, dict):
        raise ValueError(f"is {names.kind(value)} where a dictionary is expected")
    for key in value:
        if not isinstance(key, str) or not key:
            raise ValueError(f'has the key "{key}", which is not a text')
    return dict(value)


def _only(found: dict, known: tuple[str, ...]) -> None:
    for key in found:
        if key not in known:
            raise ValueError(f'has the key "{key}", which is none of {", ".join(known)}')


def _part(found: dict, key: str, check) -> None:
    try:
        check(found[key])
    except names.BadValue as error:
        raise ValueError(f"has as {key} something else: {error.problem[:1].lower()}{error.problem[1:]}") from None
    except ValueError as error:
        shown = f'"{found[key]}"' if isinstance(found[key], str) else "something"
        raise ValueError(f"has as {key} {shown}, which {error}") from None


def _with_url(key: str):
    def check(value) -> None:
        found = _dictionary(value)
        if key not in found:
            raise ValueError(f"has no {key}")
        _part(found, key, _web)

    return check


def _foci(value) -> None:
    """What clients look for calls at (MSC4143); of the only type that there is so far, LiveKit (MSC4195)."""
    for focus in values.items(value):
        found = _dictionary(focus)
        if not isinstance(found.get("type"), str):
            raise ValueError("has a focus without a type")
        if found["type"] == "livekit":
            _with_url("livekit_service_url")(found)


def _as_json(value, depth: int) -> None:
    """ValueError for what JSON has not."""
    if depth > 20:
        raise ValueError("is nested more than 20 times")
    if isinstance(value, dict):
        for part in _dictionary(value).values():
            _as_json(part, depth + 1)
    elif isinstance(value, (list, tuple)):
        for part in value:
            _as_json(part, depth + 1)
    elif isinstance(value, float) and value - value != 0:
        raise ValueError(f"holds {value}, which JSON has not")
    elif value is not None and not isinstance(value, (str, int, float)):
        raise ValueError(f"holds {names.kind(value)}, which JSON has not; put it in quotes")
