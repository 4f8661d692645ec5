# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module synapse_accounts: accounts that are made, and brought to what is said of them.

Read in Synapse 1.135 and 1.163: rest/admin/users.py and rest/admin/devices.py.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import typing as t
from urllib.parse import quote

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import files
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.client import Limited, Synapse, split_name
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.user import find_server_name, read_secret

ALL = "all"


class Administrator:
    """An account of this collection's own, through which others are changed.

    Its name and its password come out of the shared secret: nobody has to keep them, and whoever knows the secret could
    make such an account anyway. Another secret makes another one. Its session is kept in a file, since Synapse lets
    nobody log in often (C(rc_login)).
    """

    def __init__(self, synapse: Synapse, secret: str, server_name: str, session: str) -> None:
        self._synapse = synapse
        self._secret = secret
        self._session = session
        self._password = self._derived("password")
        self.localpart = "matrix-accounts-" + self._derived("name")[:8]
        self._user_id = f"@{self.localpart}:{server_name}"

    def _derived(self, purpose: str) -> str:
        text = f"potluck.matrix synapse_accounts {purpose}".encode()
        return hmac.new(self._secret.encode(), text, hashlib.sha256).hexdigest()

    def log_in(self, check: bool) -> bool:
        """Have the requests that follow be this account's; False when check mode finds no session of it.

        Makes the account where it is missing. Sentence when it cannot log in.
        """
        token = (files.read_text(self._session) or "").strip()
        if token and self._synapse.who(token) == self._user_id:
            self._synapse.token = token
            return True
        if check:
            return False
        found = self._synapse.log_in(self.localpart, self._password)
        if found is None and self._synapse.register(self._secret, self.localpart, self._password, admin=True):
            found = self._synapse.log_in(self.localpart, self._password)
        if found is None:
            raise Sentence(
                f"the account {self.localpart}, through which others are changed, cannot log in: it was deactivated or "
                "has another password, or the server lets nobody log in by a password of its own (password_config)"
            )
        files.write_atomically(self._session, found + "\n", mode=0o600)
        self._synapse.token = found
        return True


class Accounts:
    """What is done to the accounts of one homeserver."""

    def __init__(self, params: dict, check: bool) -> None:
        self._check = check
        self._create = params["create"]
        self._session = params["session_path"]
        self._wanted = params["accounts"]
        self._synapse = Synapse(params["socket"], params["base_url"])
        names = [split_name(each["name"], params["server_name"]) for each in self._wanted]
        self._locals = [localpart for localpart, _server in names]
        given = {server for _localpart, server in names if server}
        if len(given) > 1:
            raise Sentence("the accounts belong to several servers: {}".format(", ".join(sorted(given))))
        self._server_name = find_server_name(self._synapse, given.pop() if given else None)
        self._secret = read_secret(params)
        self.warnings: list[str] = []

    def ensure(self) -> list[dict]:
        """For each account in their order its C(user_id), whether it C(existed) and its C(changes) in words."""
        known = True
        if any(map(managed, self._wanted)):
            own = Administrator(self._synapse, self._secret, self._server_name, self._session)
            known = own.log_in(self._check)
        if not known:
            self.warnings.append("check mode does not see what the run would change of accounts that exist")
        return [self._one(*each, known) for each in zip(self._locals, self._wanted)]

    def _one(self, localpart: str, wanted: dict, known: bool) -> dict:
        user_id = f"@{localpart}:{self._server_name}"
        existed = self._exists(user_id, localpart)
        changes: list[str] = []
        if existed is None:
            self.warnings.append(f"the server does not say whether {user_id} exists: a change is assumed")
        if not existed and wanted["state"] != "deactivated":
            existed = self._make(localpart, wanted, existed)
            if not existed:
                changes.append("made")
        if existed and managed(wanted) and known:
            changes += self._change(user_id, localpart, wanted)
        return {"user_id": user_id, "existed": existed, "changes": changes}

    def _exists(self, user_id: str, localpart: str) -> bool | None:
        if not self._synapse.token:
            return self._synapse.exists(localpart, self._server_name)
        # An administrator is also told of accounts that were erased.
        return self._synapse.admin("GET", _path("users", user_id), missing=True) is not None

    def _make(self, localpart: str, wanted: dict, existed: bool | None) -> bool | None:
        if not self._create:
            raise Sentence(f"there is no account @{localpart}:{self._server_name}")
        if self._check:
            return existed
        password = wanted["password"] or random_password()
        made = self._synapse.register(self._secret, localpart, password, bool(wanted["admin"]), wanted["display_name"])
        return made is None

    def _change(self, user_id: str, localpart: str, wanted: dict) -> list[str]:
        found = self._synapse.admin("GET", _path("users", user_id)) or {}
        body: dict[str, t.Any] = {}
        changes: list[str] = []
        sleeps = bool(found.get("deactivated"))
        if wanted["state"] == "deactivated":
            if not sleeps:
                changes.append("deactivated")
                body["deactivated"] = True
        elif sleeps and wanted["state"] == "active":
            changes.append("reactivated")
            body.update(deactivated=False, password=wanted["password"] or random_password())
        if sleeps and wanted["state"] == "present":
            return []
        if wanted["state"] == "active" and wanted["admin"] not in (None, bool(found.get("admin"))):
            changes.append("is an administrator" if wanted["admin"] else "is no administrator any more")
            body["admin"] = wanted["admin"]
        if wanted["state"] != "deactivated":
            if resets(wanted) and not sleeps and not self._opens(localpart, wanted["password"]):
                changes.append("has another password")
                body.update(password=wanted["password"], logout_devices=True)
            devices = self._devices(user_id, wanted["sign_out"] or [])
        else:
            devices = []
        if body and not self._check:
            self._synapse.admin("PUT", _path("users", user_id), body)
        if devices:
            changes.append("is signed out of " + ", ".join(devices))
            # Another password has signed all of them out already.
            if not self._check and "logout_devices" not in body:
                self._synapse.admin("POST", _path("users", user_id, "delete_devices"), {"devices": devices})
        return changes

    def _opens(self, localpart: str, password: str) -> bool:
        """Whether the account has the password; when Synapse does not let that be tried, it is taken for right."""
        try:
            token = self._synapse.log_in(localpart, password)
        except Limited:
            self.warnings.append(f"Synapse limits how often {localpart} logs in: its password is left as it is")
            return True
        if token:
            self._synapse.log_out(token)
        return token is not None

    def _devices(self, user_id: str, unwanted: list[str]) -> list[str]:
        """Those devices of an account that are not wanted."""
        if not unwanted:
            return []
        answer = self._synapse.admin("GET", _path("users", user_id, "devices")) or {}
        found = [each["device_id"] for each in answer.get("devices", [])]
        return found if unwanted == [ALL] else [each for each in found if each in unwanted]


def _path(*parts: str) -> str:
    return "/_synapse/admin/v2/" + "/".join(quote(part, safe="") for part in parts)


def resets(wanted: dict) -> bool:
    """Whether an account that exists is to have the password that is given."""
    return bool(wanted["update_password"] == "always" and wanted["password"])


def managed(wanted: dict) -> bool:
    """Whether anything is said of an account beyond that it exists."""
    return bool(wanted["state"] != "present" or resets(wanted) or wanted["sign_out"])


def random_password() -> str:
    """One that nobody ever uses; it only has to be unguessable."""
    return secrets.token_urlsafe(32)
