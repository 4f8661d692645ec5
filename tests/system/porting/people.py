# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people do with a homeserver, and whether they miss anything after it was moved."""

from __future__ import annotations

import copy
import urllib.parse

from homeserver import DOMAIN, require

CLIENT = "/_matrix/client/v3"
PICTURE = bytes(range(256)) * 64
MESSAGES = 40
MASTER_KEY = "m" * 43


class People:
    """Alice, whose client is offline while much happens, and Bob, who does it."""

    def __init__(self, homeserver):
        self.homeserver = homeserver
        self.sent = []
        self.alice = self.bob = self.room = self.since = self.picture = None

    def at(self, homeserver):
        """The same people at a copy of their homeserver."""
        other = copy.deepcopy({key: value for key, value in vars(self).items() if key != "homeserver"})
        people = People(homeserver)
        vars(people).update(other)
        return people

    def call(self, method, path, who, **more):
        return self.homeserver.call(method, CLIENT + path, who["access_token"], **more)

    def say(self, who, text):
        """Send a message that is to be seen by everybody, and remember it."""
        path = f"/rooms/{self.room}/send/m.room.message/{len(self.sent)}"
        event = self.call("PUT", path, who, json={"msgtype": "m.text", "body": text})["event_id"]
        self.sent.append((event, text))

    def upload_keys(self, who):
        user, device = who["user_id"], who["device_id"]
        self.call(
            "POST",
            "/keys/upload",
            who,
            json={
                "device_keys": {
                    "user_id": user,
                    "device_id": device,
                    "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
                    "keys": {f"curve25519:{device}": "c" * 43, f"ed25519:{device}": "e" * 43},
                    "signatures": {user: {f"ed25519:{device}": "s" * 86}},
                },
                "one_time_keys": {f"curve25519:{number}": "k" * 43 for number in range(5)},
            },
        )

    def to_device(self, sender, receiver, number):
        self.call(
            "PUT",
            f"/sendToDevice/m.room_key/{sender['device_id']}-{number}",
            sender,
            json={"messages": {receiver["user_id"]: {receiver["device_id"]: {"number": number}}}},
        )

    def sync(self, who, since):
        return self.call("GET", f"/sync?timeout=0&since={since}" if since else "/sync?timeout=0", who)

    def deliver(self, number):
        """Send what leaves nothing behind in its table, whose sequence it has moved on."""
        self.to_device(self.alice, self.bob, f"delivered {number}")
        self.sync(self.bob, self.sync(self.bob, None)["next_batch"])

    def live(self):
        """Everything that there is to be moved."""
        self.alice, self.bob = self.homeserver.register("alice"), self.homeserver.register("bob")
        for who in (self.alice, self.bob):
            self.upload_keys(who)
        room = self.call("POST", "/createRoom", self.bob, json={"preset": "public_chat", "name": "Hall \u20ac"})
        self.room = urllib.parse.quote(room["room_id"])
        self.call("POST", f"/join/{self.room}", self.alice, json={})
        self.call("PUT", f"/profile/{self.bob['user_id']}/displayname", self.bob, json={"displayname": "Robert"})
        answer = self.homeserver.call(
            "POST", "/_matrix/media/v3/upload?filename=picture.png", self.bob["access_token"], data=PICTURE
        )
        self.picture = answer["content_uri"].removeprefix("mxc://")
        for number in range(MESSAGES):
            self.say(self.bob, f"message {number} \u2603")
        self.since = self.sync(self.alice, None)["next_batch"]
        self.say(self.bob, "while Alice is away")
        self.to_device(self.bob, self.alice, 1)
        self.deliver(1)
        self.call("PUT", f"/user/{self.alice['user_id']}/account_data/org.example", self.alice, json={"kept": True})
        self.call(
            "POST",
            "/keys/device_signing/upload",
            self.bob,
            json={
                "master_key": {
                    "user_id": self.bob["user_id"],
                    "usage": ["master"],
                    "keys": {f"ed25519:{MASTER_KEY}": MASTER_KEY},
                }
            },
        )

    def go_on(self):
        """What happens between the first copy and the stop: rows are added, changed and removed."""
        self.say(self.bob, "after the first copy")
        self.to_device(self.bob, self.alice, 2)
        self.deliver(2)
        self.call("PUT", f"/profile/{self.bob['user_id']}/displayname", self.bob, json={"displayname": "Bobby"})
        event = self.sent[3][0]
        self.call("PUT", f"/rooms/{self.room}/redact/{urllib.parse.quote(event)}/1", self.bob, json={})
        self.call(
            "POST",
            "/account/password",
            self.bob,
            json={
                "new_password": "another secret",
                "logout_devices": False,
                "auth": {
                    "type": "m.login.password",
                    "identifier": {"type": "m.id.user", "user": "bob"},
                    "password": "secret of bob",
                },
            },
        )

    def miss_nothing(self, password="secret of bob"):
        """AssertionError unless Alice's client goes on with its token, and everything is there."""
        require(self.call("GET", "/account/whoami", self.alice)["user_id"] == f"@alice:{DOMAIN}", "the token is gone")
        news = self.sync(self.alice, self.since)
        timeline = news["rooms"]["join"][urllib.parse.unquote(self.room)]["timeline"]["events"]
        told = [event["content"].get("body") for event in timeline if event["type"] == "m.room.message"]
        expected = [text for _event, text in self.sent[MESSAGES:]]
        require(told == expected, f"the client was told {told} instead of {expected}")
        pending = [event["content"]["number"] for event in news["to_device"]["events"]]
        wanted = [1, 2] if len(self.sent) > MESSAGES + 1 else [1]
        require(pending == wanted, f"to the device were sent {pending} instead of {wanted}")
        history, token = [], ""
        while token is not None:
            page = self.call("GET", f"/rooms/{self.room}/messages?dir=b&limit=100{token}", self.alice)
            history += [event["event_id"] for event in page["chunk"] if event["type"] == "m.room.message"]
            token = f"&from={page['end']}" if page.get("end") else None
        require(history[::-1] == [event for event, _text in self.sent], "history has a hole")
        media = self.homeserver.call(
            "GET", f"/_matrix/client/v1/media/download/{self.picture}", self.alice["access_token"]
        )
        require(media == PICTURE, "the picture is another one")
        keys = self.call("POST", "/keys/query", self.alice, json={"device_keys": {self.bob["user_id"]: []}})
        device = keys["device_keys"][self.bob["user_id"]][self.bob["device_id"]]
        require(device["keys"][f"ed25519:{self.bob['device_id']}"] == "e" * 43, "Bob's keys are others")
        master = keys["master_keys"][self.bob["user_id"]]["keys"]
        require(list(master.values()) == [MASTER_KEY], f"Bob's master key is {master}")
        counts = self.call("POST", "/keys/upload", self.alice, json={})["one_time_key_counts"]
        require(counts["curve25519"] == 5, f"one-time keys: {counts}")
        data = self.call("GET", f"/user/{self.alice['user_id']}/account_data/org.example", self.alice)
        require(data == {"kept": True}, "account data is gone")
        found = self.call(
            "POST",
            "/search",
            self.alice,
            json={"search_categories": {"room_events": {"search_term": "message"}}},
        )
        require(found["search_categories"]["room_events"]["count"] > 0, "search finds nothing")
        self.homeserver.call(
            "POST",
            CLIENT + "/login",
            json={
                "type": "m.login.password",
                "identifier": {"type": "m.id.user", "user": "bob"},
                "password": password,
            },
        )
        self.to_device(self.bob, self.alice, 9)
        self.say(self.bob, "after the move")
        more = self.sync(self.alice, news["next_batch"])
        require([event["content"]["number"] for event in more["to_device"]["events"]] == [9], "nothing new comes")
        events = more["rooms"]["join"][urllib.parse.unquote(self.room)]["timeline"]["events"]
        require("after the move" in [event["content"].get("body") for event in events], "no new message comes")
