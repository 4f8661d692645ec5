# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be said of a PostgreSQL that exists elsewhere.

A checker takes the value, returns its normal form and raises ValueError with the end of a sentence whose subject is the
value.
"""

from __future__ import annotations

import ipaddress
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, network, values

# Those that look at the server's certificate; they need the certificates that it may come from.
VERIFYING = ("verify-full", "verify-ca")
DEFAULTS: dict[str, t.Any] = {
    "port": 5432,
    "name": "synapse",
    "user": "synapse",
    "sslmode": "verify-full",
    "sslrootcert": "",
    "dump": True,
}
EXAMPLE = (
    '{host: db.example.com, password: "{{ vault_database_password }}", '
    'sslrootcert: "{{ inventory_dir }}/files/database-ca.pem"}'
)


def _host(value) -> str:
    """An address or a name, as libpq takes it; a directory would be that of a socket, and a comma makes two hosts."""
    given = names.text(value)
    if given.startswith("/"):
        raise ValueError("is a directory; a PostgreSQL in the pot is matrix_database: postgresql")
    if "," in given:
        raise ValueError("is more than one host")
    found = network.host(given)
    loopback = found.rstrip(".").lower() == "localhost"
    if not loopback and (":" in found or found.replace(".", "").isdigit()):
        loopback = ipaddress.ip_address(found).is_loopback
    if loopback:
        raise ValueError("is the pot itself, whose own PostgreSQL is matrix_database: postgresql")
    return found


def _sslmode(value) -> str:
    if value in ("prefer", "allow"):
        raise ValueError("goes on without TLS when somebody on the way suppresses it; write verify-full")
    return values.choice(*VERIFYING, "require", "disable")(value)


# Whatever begins like a connection string would be taken for one.
_NAME = values.word(r"[A-Za-z0-9_][A-Za-z0-9_.@-]*", "is not of letters, digits and _ . @ -", 63)
KEYS: dict[str, t.Callable[[t.Any], t.Any]] = {
    "host": _host,
    "port": names.port,
    "name": _NAME,
    "user": _NAME,
    "password": values.secret,
    "sslmode": _sslmode,
    "sslrootcert": values.line,
    "dump": values.boolean,
}


def _quoted(key: str, value) -> str:
    return f'"{value}"' if key != "password" and isinstance(value, (str, int)) else "something"


def settings(value: dict) -> dict[str, t.Any]:
    """The database in its normal form, with all keys."""
    for key in value:
        if key not in KEYS:
            raise ValueError(f'has the key "{key}", which is none of {", ".join(KEYS)}')
    found = dict(DEFAULTS)
    for key, check in KEYS.items():
        if value.get(key) in (None, "") and (key in value or key not in DEFAULTS):
            if key == "sslrootcert" and value.get(key) == "":
                continue
            raise ValueError(f"has no {key}")
        if key in value:
            try:
                found[key] = check(value[key])
            except ValueError as error:
                raise ValueError(f"has as {key} {_quoted(key, value[key])}, which {error}") from None
    if found["sslmode"] in VERIFYING and not found["sslrootcert"]:
        raise ValueError(
            f"has no sslrootcert, the file with the CA that the server's certificate comes from, which sslmode "
            f"{found['sslmode']} needs"
        )
    if found["sslrootcert"] and found["sslmode"] not in VERIFYING:
        raise ValueError(f"has an sslrootcert, at which sslmode {found['sslmode']} does not look; write verify-full")
    return found
