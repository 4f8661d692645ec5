# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What else than the homeserver answers under its name: paths, and where requests for them go.

All of it is written into nginx's configuration, so nothing passes that has a meaning there.

Every checker takes the value, returns its normal form and raises ValueError with the end of a sentence whose subject
is the value.
"""

from __future__ import annotations

import re
import typing as t
import urllib.parse

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, network, values

_SEGMENT = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+"
_PATH = re.compile(rf"/(?:{_SEGMENT}/)*(?:{_SEGMENT})?")
_SOCKET = re.compile(r"unix:(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._@+-]+)+")
# The homeserver's own, each with all that is below it.
_OWN = ("/_matrix/", "/_synapse/", "/.well-known/matrix/", "/.well-known/acme-challenge/")
_HEALTH = "/health"
# What clients from before OpenID Connect ask, and the Matrix Authentication Service answers in Synapse's place.
_OF_AUTHENTICATION = re.compile(r"/_matrix/client/(?:r0|v3)/(?:login|logout|logout/all|refresh)")
_WAYS = ("to", "text", "redirect")
_TYPES = ("text/plain", "text/html", "application/json")
# nginx reads no word of its configuration that is longer than 4096 bytes (NGX_CONF_BUFFER), its quotes included.
_LONGEST = 4000
# What stands for a dollar sign, which would begin a variable.
_DOLLAR = "${dollar_sign}"


def path(value) -> str:
    """A path of a URL without anything that is written in several ways: a page, or with a slash at its end all below
    it.
    """
    given = names.text(value)
    if not given.startswith("/"):
        raise ValueError("does not begin with a slash")
    if not _PATH.fullmatch(given):
        raise ValueError("holds something other than letters, digits and . _ ~ - between its slashes")
    if len(given) > 200:
        raise ValueError("is longer than 200 characters")
    return given


def free_path(value) -> str:
    """A path that is not the homeserver's own."""
    given = path(value)
    own = next((each for each in _OWN if given == each.rstrip("/") or given.startswith(each)), None)
    if (own or given == _HEALTH) and not _OF_AUTHENTICATION.fullmatch(given):
        raise ValueError(f"is the homeserver's own ({own or _HEALTH})")
    return given


def upstream(value) -> str:
    """C(http://ADDRESS:PORT), perhaps with the path that takes the place of the location's, or C(unix:/PATH)."""
    given = names.text(value)
    if given.startswith("unix:"):
        if not _SOCKET.fullmatch(given):
            raise ValueError("is not of the form unix:/var/run/name.sock")
        return given
    network.url("http")(given)
    parts = urllib.parse.urlsplit(given)
    try:
        address = names.address(parts.hostname or "")
    except ValueError as error:
        # nginx asks for a name once, when it starts, and does not start without an answer.
        raise ValueError(f"has a host that {error}; nginx would not start while nobody knows a name") from None
    if parts.port is None:
        raise ValueError("has no port")
    rest = path(parts.path) if parts.path else ""
    # In one way only: no query, no account, no port with a zero in front.
    normal = f"http://{network.url_host(address)}:{parts.port}{rest}"
    if given != normal:
        raise ValueError(f'is not in its normal form "{normal}"')
    return given


def text(value) -> str:
    """A short text, of any number of lines."""
    given = names.text(value)
    if not given.strip():
        raise ValueError("is empty")
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]", given):
        raise ValueError("holds a control character")
    # As it stands in nginx's configuration.
    if len(given.encode()) + given.count("\\") + given.count("'") + given.count("$") * (len(_DOLLAR) - 1) > _LONGEST:
        raise ValueError(f"is longer than {_LONGEST} bytes; let something else serve it, which to leads to")
    return given


def redirect(value) -> str:
    """A URL, or a path of the same server."""
    given = names.text(value)
    return path(given) if given.startswith("/") else str(network.url("http", "https")(given))


def _allow(value) -> list:
    found = network.networks(value)
    if not found:
        raise ValueError("is empty, so that nobody would get there; leave it out for everybody")
    return found


_CHECKS: dict[str, t.Callable] = {
    "path": free_path,
    "to": upstream,
    "text": text,
    "type": values.choice(*_TYPES),
    "redirect": redirect,
    "allow": _allow,
}


def locations(value) -> list:
    """Locations: each a path and one way to answer."""
    found: list[dict] = []
    for number, item in enumerate(values.items(value), 1):
        try:
            found.append(_location(item))
        except ValueError as error:
            raise ValueError(f"has as location {number} something that {error}") from None
        given = found[-1]["path"]
        if any(other["path"] == given for other in found[:-1]):
            raise ValueError(f'has the path "{given}" twice')
    return found


def _location(item) -> dict:
    if not isinstance(item, dict):
        raise ValueError(f"is {names.kind(item)} where a dictionary is expected")
    for key, part in item.items():
        if key not in _CHECKS:
            raise ValueError(f'has the key "{key}", which is none of {", ".join(_CHECKS)}')
        try:
            _CHECKS[key](part)
        except ValueError as error:
            shown = f'"{part}"' if isinstance(part, str) and key != "text" else "something"
            raise ValueError(f"has as {key} {shown}, which {error}") from None
    if "path" not in item:
        raise ValueError("has no path")
    ways = [key for key in _WAYS if key in item]
    if len(ways) != 1:
        raise ValueError(f"has {' and '.join(ways) or 'nothing'} where one of {', '.join(_WAYS)} is expected")
    if "type" in item and "text" not in item:
        raise ValueError("has a type, which is for a text")
    if item.get("redirect") == item["path"]:
        raise ValueError("leads back to itself")
    target = item.get("to", "")
    if item["path"].endswith("/") and re.match(r"http://[^/]+/.*[^/]\Z", target):
        raise ValueError(f'has as to "{target}", whose path has to end in a slash like the location\'s, or be left out')
    return dict(item)
