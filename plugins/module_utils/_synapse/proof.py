# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A homeserver used as people use it, by an account that exists for that alone and is gone afterwards.

Read in Synapse 1.135 and 1.163. The shared secret makes an account whether or not registration is open, and logs it in
without a password, whatever people log in with. The account is an administrator, since only such a one can remove a
room, a file and itself without a trace; of the type "support" it needs no consent to terms, counts as no user, and is
in no directory of users. Synapse never frees a name, so that the name of each stays, deactivated and erased.
"""

from __future__ import annotations

import os
import secrets
import time
import typing as t
from urllib.parse import quote

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.accounts import PROOF_ACCOUNTS
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.client import Synapse, reason
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.user import read_secret

# The type of the account, as Synapse knows it.
KIND = "support"
# Bytes of the file.
LENGTH = 1024
# Seconds that Synapse may take to remove a room, which it does in the background.
PATIENCE = 60

_ADMIN = "/_synapse/admin"
_CLIENT = "/_matrix/client/v3"


def _word(text: object) -> str:
    """A part of a path."""
    return quote(str(text), safe="")


def patiently(synapse: Synapse, seconds: float, sleep: t.Callable[[float], None] = time.sleep) -> None:
    """Wait until the homeserver is healthy, as one is not that has just been started; C(Sentence) when it is not."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            status, answer = synapse.request("GET", "/health")
            problem = "" if status == 200 else f"the homeserver is not healthy: {reason(status, answer)}"
        except Sentence as error:
            problem = str(error)
        if not problem:
            return
        if time.monotonic() >= deadline:
            raise Sentence(problem)
        sleep(0.5)


def served_key(synapse: Synapse) -> tuple[str, str]:
    """(name of the server, the keys that it signs with, as C(ID KEY)); C(Sentence) when it does not serve them."""
    status, answer = synapse.request("GET", "/_matrix/key/v2/server")
    keys = answer.get("verify_keys")
    if status != 200 or not isinstance(keys, dict) or not keys:
        raise Sentence(f"the homeserver does not serve its signing key: {reason(status, answer)}")
    known = sorted(f"{name} {value.get('key', '')}" for name, value in keys.items() if isinstance(value, dict))
    return str(answer.get("server_name", "")), ", ".join(known)


class Proof:
    """One account, and what it does. C(warnings) are sentences about what could not be removed."""

    def __init__(self, synapse: Synapse, sleep: t.Callable[[float], None] = time.sleep) -> None:
        self.synapse, self.sleep = synapse, sleep
        self.token = self.user = ""
        self.warnings: list[str] = []

    def run(self, shared_secret: str) -> None:
        """Do all of it, and remove what it left; C(Sentence) for what the homeserver does not do."""
        self._log_in(shared_secret)
        try:
            self._be_known()
            self._converse()
            self._keep_a_file()
        finally:
            self._clear_all()

    def _ask(self, what: str, method: str, path: str, body: dict | bytes | None = None) -> dict:
        """The answer to a request; C(Sentence) that begins with C(what) for any status but 200."""
        status, answer = self.synapse.request(method, path, body, self.token)
        if status != 200:
            raise Sentence(f"{what}: {reason(status, answer)}")
        return answer

    def _log_in(self, shared_secret: str) -> None:
        name, password = PROOF_ACCOUNTS + secrets.token_hex(6), secrets.token_urlsafe(32)
        answer = self.synapse.registered(shared_secret, name, password, admin=True, user_type=KIND) or {}
        self.token, self.user = str(answer.get("access_token") or ""), str(answer.get("user_id") or "")
        if not self.token:
            raise Sentence(f"the account {name} was made and could not be logged in")

    def _be_known(self) -> None:
        found = self._ask("an account that is logged in is not known", "GET", f"{_CLIENT}/account/whoami")
        if found.get("user_id") != self.user:
            raise Sentence(f"the homeserver takes {self.user} for {found.get('user_id')}")

    def _converse(self) -> None:
        # Nobody else hears of it.
        wanted = {"preset": "private_chat", "creation_content": {"m.federate": False}}
        made = self._ask("a room cannot be made", "POST", f"{_CLIENT}/createRoom", wanted)
        room = f"{_CLIENT}/rooms/{_word(made.get('room_id'))}"
        message = {"msgtype": "m.text", "body": secrets.token_hex(16)}
        path = f"{room}/send/m.room.message/{secrets.token_hex(8)}"
        sent = self._ask("a message cannot be sent", "PUT", path, message)
        path = f"{room}/event/{_word(sent.get('event_id'))}"
        read = self._ask("a message that was sent cannot be read", "GET", path)
        if read.get("content") != message:
            raise Sentence("a message is read back as another one than was sent")

    def _keep_a_file(self) -> None:
        content = os.urandom(LENGTH)
        answer = self._ask("a file cannot be uploaded", "POST", "/_matrix/media/v3/upload", content)
        address = str(answer.get("content_uri")).removeprefix("mxc://")
        path = f"/_matrix/client/v1/media/download/{quote(address)}"
        status, found = self.synapse.exchange("GET", path, None, self.token)
        if status != 200:
            raise Sentence(f"a file that was uploaded cannot be downloaded: HTTP status {status}")
        if found != content:
            raise Sentence("a file is downloaded as another one than was uploaded")

    # --- what is left ---

    def _clear_all(self) -> None:
        """Remove what this proof left, and those before it that were cut off; a warning for what stays."""
        try:
            path = f"{_ADMIN}/v2/users?deactivated=false&limit=100&name={PROOF_ACCOUNTS}"
            users = self._ask("accounts are not listed", "GET", path).get("users") or []
            # Whoever may register can take such a name, but make himself neither of these.
            proofs = [each for each in users if each.get("admin") and each.get("user_type") == KIND]
            names = [str(each.get("name")) for each in proofs]
            left = [name for name in names if name.startswith("@" + PROOF_ACCOUNTS) and name != self.user]
            # Itself last, as it needs its token until then.
            for name in [*left, self.user]:
                self._clear(name)
        except Sentence as error:
            self.warnings.append(f"what the account {self.user} left was not removed, since {error}")

    def _clear(self, user: str) -> None:
        known = f"{_ADMIN}/v1/users/{_word(user)}"
        self._ask("its files are not removed", "DELETE", f"{known}/media")
        for room in self._ask("its rooms are not listed", "GET", f"{known}/joined_rooms").get("joined_rooms") or []:
            path = f"{_ADMIN}/v1/rooms/{_word(room)}"
            # Into other rooms the server may have put it by itself (auto_join_rooms); deactivated, it leaves them.
            if self._ask("its rooms are not described", "GET", path).get("creator") == user:
                self._purge(room)
        self._ask("it is not deactivated", "POST", f"{_ADMIN}/v1/deactivate/{_word(user)}", {"erase": True})

    def _purge(self, room: str) -> None:
        wanted = {"purge": True, "block": False}
        begun = self._ask("its room is not removed", "DELETE", f"{_ADMIN}/v2/rooms/{_word(room)}", wanted)
        path = f"{_ADMIN}/v2/rooms/delete_status/{_word(begun.get('delete_id'))}"
        for _second in range(PATIENCE * 2):
            status = self._ask("its room is not removed", "GET", path).get("status")
            if status == "complete":
                return
            if status == "failed":
                break
            self.sleep(0.5)
        raise Sentence(f"its room {room} is not removed")


def prove(proof: Proof, params: dict) -> str:
    """The key that the homeserver signs with, after all of a proof; C(Sentence) for what it does not do.

    params: the options of the module homeserver_proof.
    """
    patiently(proof.synapse, params["timeout"], proof.sleep)
    name, key = served_key(proof.synapse)
    if name != params["server_name"]:
        raise Sentence(f"the homeserver calls itself {name}, not {params['server_name']}")
    if params["key"] and key != params["key"]:
        raise Sentence(f"the homeserver signs with {key}, and did with {params['key']}; others do not accept that")
    proof.run(read_secret({"shared_secret": "", "shared_secret_path": params["shared_secret_path"]}))
    return key
