# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be said of an ACME CA and of how its question is answered.

A checker takes the value, returns its normal form and raises ValueError with the end of a sentence whose subject is the
value.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import network, values

CAS = ("zerossl", "letsencrypt", "letsencrypt_test")
EXAMPLE = '{plugin: dns_cf, settings: {CF_Token: "{{ vault_cloudflare_token }}"}}'
# What the shell and acme.sh itself go by; acme.sh's page on the DNS lists the plugins' own.
_OTHERS = re.compile(
    "PATH|HOME|USER|LOGNAME|SHELL|ENV|IFS|LD_.*|LE_.*|Le_.*|ACCOUNT_.*|ACME_.*|CA_.*|CERT_HOME|HTTPS_INSECURE|DEBUG|LOG_.*"
)
_plugin = values.word("dns_[a-z0-9_]+", "is no plugin for the DNS, whose names begin with dns_", 64)
_wait = values.whole_number(0, 3600)


def directory(value) -> str:
    """A CA by its name in acme.sh, or the URL of its directory."""
    if value in CAS:
        return str(value)
    if isinstance(value, str) and re.fullmatch(r"\w+", value):
        raise ValueError(f"is none of {', '.join(CAS)}, and no URL")
    return network.url("https")(value)


def _setting(value) -> str:
    found = values.secret(value)
    if "'" in found:
        raise ValueError("holds an apostrophe, which acme.sh's files cannot hold")
    return found


def _settings(value) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError(f"is {values.kind(value)} where a dictionary is expected")
    found = {}
    for name, setting in value.items():
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", str(name)):
            raise ValueError(f'has "{name}", which is no name of a setting')
        if _OTHERS.fullmatch(name):
            raise ValueError(f'has "{name}", which is not a setting of a plugin')
        try:
            found[name] = _setting(setting)
        except ValueError as error:
            raise ValueError(f"has {name}, whose value {error}") from None
    return found


_KEYS: dict[str, t.Callable[[t.Any], t.Any]] = {"plugin": _plugin, "wait": _wait, "settings": _settings}


def dns(value) -> dict[str, t.Any]:
    """How the question is answered in the DNS; an empty dictionary for by the web server."""
    if not isinstance(value, dict):
        raise ValueError(f"is {values.kind(value)} where a dictionary is expected")
    for key in value:
        if key not in _KEYS:
            raise ValueError(f'has the key "{key}", which is none of {", ".join(_KEYS)}')
    if value and not value.get("plugin"):
        raise ValueError("has no plugin")
    found = {}
    for key, given in value.items():
        try:
            found[key] = _KEYS[key](given)
        except ValueError as error:
            shown = f' "{given}"' if key != "settings" and isinstance(given, (str, int)) else ""
            raise ValueError(f"has as {key}{shown} something that {error}") from None
    return found
