# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module synapse_user: an account that is made once."""

from __future__ import annotations

import secrets

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.client import Synapse, split_name

# Options of a module that makes accounts; documented in the fragment synapse.
REGISTRATION: dict[str, dict] = {
    "server_name": {"type": "str"},
    "shared_secret": {"type": "str", "no_log": True},
    "shared_secret_path": {"type": "path", "no_log": False},
    "socket": {"type": "path", "default": "/var/run/matrix-synapse/synapse.sock"},
    "base_url": {"type": "str"},
}


def read_secret(params: dict) -> str:
    """The shared secret from the option or the file."""
    if params["shared_secret"]:
        return params["shared_secret"]
    path = params["shared_secret_path"]
    try:
        with open(path, encoding="utf-8") as stream:
            secret = stream.read().strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise Sentence(f"cannot read the shared secret: {exc}") from exc
    if not secret:
        raise Sentence(f"the file {path}, which should hold the shared secret, is empty")
    return secret


def find_server_name(synapse: Synapse, given: str | None) -> str:
    """The server's name; Sentence when it is another one than given, or not to be found out."""
    name = synapse.server_name()
    if name and given and name != given:
        raise Sentence(f"the server at hand is {name}, not {given}")
    found = name or given
    if not found:
        raise Sentence("the server does not return its name at this address: set server_name")
    return found


def ensure(params: dict, check: bool) -> tuple[str, bool | None]:
    """Make the account unless it exists or this is check mode: (Matrix ID, whether it existed, None when check mode
    could not find out).
    """
    localpart, server_name = split_name(params["name"], params["server_name"])
    synapse = Synapse(params["socket"], params["base_url"])
    server_name = find_server_name(synapse, server_name)
    user_id = f"@{localpart}:{server_name}"
    existed = synapse.exists(localpart, server_name)
    if existed or check:
        return user_id, existed
    # Nobody ever uses a random password, it only has to be unguessable.
    password = params["password"] or secrets.token_urlsafe(32)
    return user_id, synapse.register(
        read_secret(params), localpart, password, params["admin"], params["display_name"]
    ) is None
