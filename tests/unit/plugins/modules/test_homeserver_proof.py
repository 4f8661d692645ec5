# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A homeserver is used as people use it, and nothing is left of that but the names of accounts."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._synapse import proof
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.client import Synapse
from ansible_collections.potluck.matrix.plugins.modules import homeserver_proof

SECRET = "registration-shared-secret"
KEY = "ed25519:a_key Noi6Wqc"


class Homeserver(Synapse):
    """What Synapse 1.163 answers to the requests of this module, as read in its source. broken: what the answer to a
    request is in place of its own, by method and the beginning of the path.
    """

    def __init__(self):
        super().__init__("/nowhere")
        self.users, self.rooms, self.messages, self.files, self.tokens = {}, {}, {}, {}, {}
        self.unhealthy = 0
        self.broken = {}
        self.deleting = ["active", "complete"]

    def exchange(self, method, path, body=None, token="", peer=""):
        for (broken, beginning), answer in self.broken.items():
            if broken == method and unquote(path).startswith(beginning):
                return answer
        found = self.answer(method, unquote(path.partition("?")[0]), body, self.tokens.get(token))
        if isinstance(found, bytes):
            return 200, found
        return (404, b'{"error": "Not found"}') if found is None else (200, json.dumps(found).encode())

    def answer(self, method, path, body, user):
        if path == "/health":
            self.unhealthy -= 1
            return None if self.unhealthy >= 0 else b"OK"
        if path == "/_matrix/key/v2/server":
            return {"server_name": "example.org", "verify_keys": {"ed25519:a_key": {"key": "Noi6Wqc"}}}
        if path == "/_synapse/admin/v1/register":
            return {"nonce": "n"} if method == "GET" else self.register(body)
        if user is None:
            return None
        if path.startswith("/_synapse/admin"):
            return self.administer(method, path.removeprefix("/_synapse/admin"), body)
        if path == "/_matrix/client/v3/account/whoami":
            return {"user_id": user}
        if path == "/_matrix/client/v3/createRoom":
            room = f"!{len(self.rooms)}:example.org"
            self.rooms[room] = {"creator": user, "members": [user]}
            return {"room_id": room}
        if path == "/_matrix/media/v3/upload":
            self.files[f"example.org/m{len(self.files)}"] = (user, body)
            return {"content_uri": "mxc://" + list(self.files)[-1]}
        if path.startswith("/_matrix/client/v1/media/download/"):
            return self.files[path.removeprefix("/_matrix/client/v1/media/download/")][1]
        room, kind = re.fullmatch(r"/_matrix/client/v3/rooms/(![^/]+)/(send|event)/.*", path).groups()
        if kind == "send":
            self.messages["$" + path] = body
            return {"event_id": "$" + path}
        return {"content": self.messages[path.partition(f"{room}/event/")[2]]}

    def register(self, body):
        assert body["admin"] and body["user_type"] == "support" and body["username"].startswith("potluck-proof-")
        user = f"@{body['username']}:example.org"
        self.users[user] = {"name": user, "admin": True, "user_type": "support", "deactivated": False}
        self.tokens["token"] = user
        return {"user_id": user, "access_token": "token"}

    def administer(self, method, path, body):
        last = path.rpartition("/")[2]
        if path == "/v2/users":
            return {"users": [each for each in self.users.values() if not each["deactivated"]]}
        if path.endswith("/media"):
            user = path.split("/")[3]
            self.files = {name: value for name, value in self.files.items() if value[0] != user}
            return {}
        if path.endswith("/joined_rooms"):
            user = path.split("/")[3]
            return {"joined_rooms": [room for room, each in self.rooms.items() if user in each["members"]]}
        if path.startswith("/v1/rooms/"):
            return self.rooms[last]
        if path.startswith("/v2/rooms/delete_status/"):
            return {"status": self.deleting.pop(0) if len(self.deleting) > 1 else self.deleting[0]}
        if path.startswith("/v2/rooms/"):
            assert method == "DELETE" and body == {"purge": True, "block": False}
            del self.rooms[last]
            return {"delete_id": "d"}
        assert path.startswith("/v1/deactivate/") and body == {"erase": True}
        self.users[last]["deactivated"] = True
        for room in self.rooms.values():
            room["members"] = [name for name in room["members"] if name != last]
        return {}

    def left(self):
        return [name for name, each in self.users.items() if not each["deactivated"]], self.rooms, self.files


@pytest.fixture
def homeserver(monkeypatch):
    found = Homeserver()
    monkeypatch.setattr(homeserver_proof, "Synapse", lambda socket: found)
    monkeypatch.setattr(proof.time, "sleep", lambda seconds: None)
    return found


@pytest.fixture
def prove(homeserver, tmp_path, capsys, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_text(SECRET)
    warnings = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, warning: warnings.append(warning))
    monkeypatch.setattr(proof.Proof.__init__, "__defaults__", (lambda seconds: None,))

    def run(**more):
        arguments = {"shared_secret_path": str(secret), "server_name": "example.org", "timeout": 0, **more}
        internal = {"_ansible_remote_tmp": "/tmp", "_ansible_keep_remote_files": False}
        with patch_module_args({**arguments, **internal}), pytest.raises(SystemExit):
            homeserver_proof.main()
        said = capsys.readouterr().out
        assert SECRET not in said and "token" not in said
        return {**json.loads(said), "warnings": list(warnings)}

    return run


def test_nothing_is_left(homeserver, prove):
    result = prove()
    assert result["key"] == KEY and not result["changed"] and not result["warnings"], result
    assert homeserver.left() == ([], {}, {}) and len(homeserver.users) == 1
    assert prove(key=KEY)["key"] == KEY


def test_nothing_is_done_in_check_mode(homeserver, prove):
    assert prove(_ansible_check_mode=True)["skipped"] and not homeserver.users


def test_one_that_has_just_been_started_is_waited_for(homeserver, prove):
    homeserver.unhealthy = 3
    assert prove(timeout=60)["key"] == KEY
    homeserver.unhealthy = 10**6
    assert prove()["msg"].startswith("the homeserver is not healthy: Not found")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("server_name", "other.org", "calls itself example.org, not other.org"),
        ("key", "ed25519:old X", f"signs with {KEY}, and did with ed25519:old X"),
        ("shared_secret_path", "/nowhere/at/all", "cannot read the shared secret"),
    ],
)
def test_another_homeserver_is_left_alone(homeserver, prove, option, value, words):
    assert words in prove(**{option: value})["msg"] and not homeserver.users


@pytest.mark.parametrize(
    ("request_", "answer", "words"),
    [
        (("GET", "/_matrix/client/v3/account"), (200, b'{"user_id": "@x:y"}'), "for @x:y"),
        (("POST", "/_matrix/client/v3/createRoom"), (403, b'{"error": "no room"}'), "a room cannot be made: no room"),
        (("PUT", "/_matrix/client/v3/rooms"), (500, b"oops"), "a message cannot be sent: no reason given"),
        (("GET", "/_matrix/client/v3/rooms"), (200, b'{"content": {}}'), "read back as another one"),
        (("POST", "/_matrix/media"), (413, b"{}"), "a file cannot be uploaded"),
        (("GET", "/_matrix/client/v1/media"), (200, b"other"), "downloaded as another one"),
        (("GET", "/_matrix/client/v1/media"), (404, b"{}"), "cannot be downloaded: HTTP status 404"),
    ],
)
def test_what_it_does_not_do_is_told_and_nothing_left(homeserver, prove, request_, answer, words):
    homeserver.broken[request_] = answer
    result = prove()
    assert result["failed"] and words in result["msg"] and homeserver.left() == ([], {}, {}), result


def test_what_a_killed_one_left_goes_and_nobody_elses(homeserver, prove):
    def account(name, **more):
        homeserver.users[name] = {"name": name, "admin": True, "user_type": "support", "deactivated": False, **more}

    account("@potluck-proof-1:example.org")
    account("@potluck-proof-fan:example.org", admin=False, user_type=None)
    account("@admin:example.org", user_type=None)
    homeserver.rooms["!mine:example.org"] = {
        "creator": "@potluck-proof-1:example.org",
        "members": ["@potluck-proof-1:example.org"],
    }
    homeserver.rooms["!lobby:example.org"] = {
        "creator": "@admin:example.org",
        "members": ["@admin:example.org", "@potluck-proof-1:example.org"],
    }
    homeserver.files["example.org/old"] = ("@potluck-proof-1:example.org", b"old")
    homeserver.files["example.org/hers"] = ("@admin:example.org", b"hers")
    assert prove()["key"] == KEY
    accounts, rooms, files = homeserver.left()
    assert accounts == ["@potluck-proof-fan:example.org", "@admin:example.org"] and list(files) == ["example.org/hers"]
    assert rooms == {"!lobby:example.org": {"creator": "@admin:example.org", "members": ["@admin:example.org"]}}


@pytest.mark.parametrize("deleting", [["failed"], ["active"]])
def test_what_cannot_be_removed_is_a_warning(homeserver, prove, deleting):
    homeserver.deleting = deleting
    result = prove()
    assert result["key"] == KEY and "is not removed" in result["warnings"][0], result


def test_an_account_that_is_not_logged_in(homeserver):
    homeserver.register = lambda body: {"user_id": "@x:example.org"}
    with pytest.raises(Sentence, match="could not be logged in"):
        proof.Proof(homeserver).run(SECRET)
