# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of a Synapse homeserver through its HTTP interface.

Read in Synapse 1.135 and 1.163; both behave the same in all that is used here.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import re
import secrets
import time
import typing as t
from urllib.error import HTTPError, URLError
from urllib.parse import quote

from ansible.module_utils.urls import open_url
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

# In all, for one request; Synapse asks for a few seconds as a rule.
MAX_WAIT = 120

_LOCALPART = re.compile(r"[a-z0-9._=/+-]+\Z")
_SERVER_NAME = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?\Z")


def split_name(name: str, server_name: str | None = None) -> tuple[str, str | None]:
    """(localpart, server name or None) of C(alice) or C(@alice:example.org); Sentence for what is neither."""
    localpart, given = name, None
    if name.startswith("@"):
        localpart, colon, given = name[1:].partition(":")
        if not colon or not _SERVER_NAME.match(given):
            raise Sentence(f"{name} is not a Matrix ID like @alice:example.org")
    if not _LOCALPART.match(localpart):
        raise Sentence(
            f"{localpart!r} cannot be the name of a Matrix account: lower-case letters, digits and . _ = - / + only"
        )
    if server_name and given and server_name != given:
        raise Sentence(f"{name} does not belong to the server {server_name}")
    return localpart, given or server_name or None


def registration_mac(shared_secret: str, nonce: str, localpart: str, password: str, admin: bool, kind: str = "") -> str:
    """The code that proves knowledge of the shared secret, as hexadecimal digits."""
    parts = [nonce, localpart, password, "admin" if admin else "notadmin", *([kind] if kind else [])]
    mac = hmac.new(shared_secret.encode(), digestmod=hashlib.sha1)
    mac.update(b"\0".join(part.encode() for part in parts))
    return mac.hexdigest()


def reason(status: int, answer: dict) -> str:
    """Why the server has refused something, for a message."""
    return "%s (HTTP status %d)" % (answer.get("error") or "no reason given", status)


def _dictionary(text: bytes) -> dict:
    """JSON, or nothing."""
    try:
        answer = json.loads(text)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


class Limited(Sentence):
    """Synapse has been asked too often."""


class Synapse:
    """A homeserver behind a unix socket or a URL."""

    def __init__(
        self,
        socket: str | None = None,
        base_url: str | None = None,
        timeout: float = 60,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self._socket = None if base_url else socket
        self._url = (base_url or "http://localhost").rstrip("/")
        self._where = base_url or socket
        self._timeout = timeout
        self._sleep = sleep
        # The access token that requests are made with, when there is one.
        self.token: str | None = None

    def request(
        self,
        method: str,
        path: str,
        body: dict | bytes | None = None,
        token: str | None = None,
        peer: str = "127.0.0.1",
    ) -> tuple[int, dict]:
        """(status, answer as a dictionary, empty for any other), as exchange()."""
        status, text = self.exchange(method, path, body, token, peer)
        return status, _dictionary(text)

    def exchange(
        self,
        method: str,
        path: str,
        body: dict | bytes | None = None,
        token: str | None = None,
        peer: str = "127.0.0.1",
    ) -> tuple[int, bytes]:
        """(status, answer). Waits as long as Synapse asks to when it limits the rate; Limited when that is too long.

        token: another access token than the usual. peer: the address that asks.
        """
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        # A peer on a unix socket has no address, and Synapse fails where it wants one unless a proxy seems to name it.
        headers = {"Content-Type": kind, "X-Forwarded-For": peer, "X-Forwarded-Proto": "https"}
        if token or self.token:
            headers["Authorization"] = f"Bearer {token or self.token}"
        data = json.dumps(body).encode() if isinstance(body, dict) else body
        waited = 0.0
        while True:
            try:
                answer = open_url(
                    self._url + path,
                    data=data,
                    headers=headers,
                    method=method,
                    timeout=self._timeout,
                    unix_socket=self._socket,
                    use_proxy=not self._socket,
                    follow_redirects="none",
                )
                status, text = answer.status, answer.read()
            except HTTPError as exc:
                status, text = exc.code, exc.read()
            except (URLError, OSError, http.client.HTTPException) as exc:
                raise Sentence(
                    "Synapse does not answer at {}: {}".format(self._where, getattr(exc, "reason", None) or exc)
                ) from exc
            answer = _dictionary(text) if status == 429 else {}
            if answer.get("errcode") != "M_LIMIT_EXCEEDED":
                return status, text
            wait = max(float(answer.get("retry_after_ms") or 1000), 100) / 1000
            if waited + wait > MAX_WAIT:
                raise Limited(
                    "Synapse at %s limits the rate of requests for longer than %d seconds" % (self._where, MAX_WAIT)
                )
            self._sleep(wait)
            waited += wait

    def server_name(self) -> str | None:
        """What the server calls itself, or None when this address does not serve its keys."""
        status, answer = self.request("GET", "/_matrix/key/v2/server")
        name = answer.get("server_name")
        return name if status == 200 and isinstance(name, str) else None

    def exists(self, localpart: str, server_name: str) -> bool | None:
        """Whether a local account exists: True, False, or None when the server tells nobody. Changes nothing.

        The profile tells of every account but one that was deactivated and erased. Where the server keeps profiles to
        itself, the question whether the name is free tells, which in turn is only answered where registration is open.
        """
        user_id = f"@{localpart}:{server_name}"
        # The display name alone, because the whole profile counts as missing when it is empty.
        status, answer = self.request(
            "GET", "/_matrix/client/v3/profile/{}/displayname".format(quote(user_id, safe=""))
        )
        if status == 200:
            return True
        no_profile = status == 404 and answer.get("errcode") == "M_NOT_FOUND"
        status, answer = self.request(
            "GET", "/_matrix/client/v3/register/available?username=" + quote(localpart, safe="")
        )
        if answer.get("errcode") == "M_USER_IN_USE":
            return True
        return False if no_profile else None

    def register(
        self, shared_secret: str, localpart: str, password: str, admin: bool = False, display_name: str | None = None
    ) -> str | None:
        """Make an account: its full ID, or None when it already existed. No device and no access token is made."""
        more = {"displayname": display_name} if display_name else {}
        answer = self.registered(shared_secret, localpart, password, admin, inhibit_login=True, **more)
        return None if answer is None else answer.get("user_id")

    def registered(self, shared_secret: str, localpart: str, password: str, admin: bool, **more: t.Any) -> dict | None:
        """What the server answers to the registration of an account, or None when that already existed.

        more: user_type, displayname, inhibit_login; without the last the account is logged in, with an access_token.
        """
        status, answer = self.request("GET", "/_synapse/admin/v1/register")
        nonce = answer.get("nonce")
        if status != 200 or not isinstance(nonce, str):
            raise Sentence(
                f"{self._where} does not serve /_synapse/admin, where accounts are registered: {reason(status, answer)}"
            )
        body = {
            "nonce": nonce,
            "username": localpart,
            "password": password,
            "admin": admin,
            "mac": registration_mac(shared_secret, nonce, localpart, password, admin, more.get("user_type", "")),
            **more,
        }
        status, answer = self.request("POST", "/_synapse/admin/v1/register", body)
        if status == 200:
            return answer
        if answer.get("errcode") == "M_USER_IN_USE":
            return None
        if status == 403 and "HMAC" in str(answer.get("error")):
            raise Sentence(f"the shared secret is not the one of the server at {self._where}")
        if "hared secret registration" in str(answer.get("error")):
            raise Sentence(
                f"the server at {self._where} has no registration_shared_secret, so accounts cannot be made with it"
            )
        raise Sentence(f"the server at {self._where} did not make the account {localpart}: {reason(status, answer)}")

    def log_in(self, localpart: str, password: str) -> str | None:
        """An access token, or None when the account does not open by the password; Limited as request() has it."""
        identifier = {"type": "m.id.user", "user": localpart}
        body = {"type": "m.login.password", "identifier": identifier, "password": password}
        status, answer = self.request(
            "POST",
            "/_matrix/client/v3/login",
            {**body, "initial_device_display_name": "potluck.matrix"},
            # Synapse counts the logins of an address, and would count all runs together.
            peer=f"fd00::{secrets.randbelow(2**16):x}:{secrets.randbelow(2**16):x}",
        )
        if status == 200 and isinstance(answer.get("access_token"), str):
            return answer["access_token"]
        if answer.get("errcode") in ("M_FORBIDDEN", "M_USER_DEACTIVATED", "M_UNKNOWN"):
            return None
        raise Sentence(f"the server at {self._where} lets nobody log in: {reason(status, answer)}")

    def log_out(self, token: str) -> None:
        """Make a token worthless, and its device with it."""
        self.request("POST", "/_matrix/client/v3/logout", {}, token)

    def who(self, token: str) -> str | None:
        """Whose access token it is, or None when it is worth nothing."""
        status, answer = self.request("GET", "/_matrix/client/v3/account/whoami", None, token)
        return answer.get("user_id") if status == 200 else None

    def admin(self, method: str, path: str, body: dict | None = None, missing: bool = False) -> dict | None:
        """What the admin interface answers; Sentence when it refuses. missing: None for what is not there.

        For requests that may be made twice: a new Synapse fails in some (reactivation) until its background updates
        have made the indices of its database.
        """
        status, answer = self.request(method, path, body)
        for wait in (1, 2, 4, 8, 16):
            if status < 500:
                break
            self._sleep(wait)
            status, answer = self.request(method, path, body)
        if status == 404 and missing and answer.get("errcode") == "M_NOT_FOUND":
            return None
        if status not in (200, 201):
            raise Sentence(f"the server at {self._where} refused {method} {path}: {reason(status, answer)}")
        return answer
