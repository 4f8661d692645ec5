# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulated clients: each sends a message from time to time and waits for those of the others."""

from __future__ import annotations

import asyncio
import collections
import itertools
import random
import ssl
import statistics
import time
import urllib.parse

import aiohttp

# Clients of one room, as people are in rooms with others.
TOGETHER = 10
# A client syncs as clients do, but for state and presence of people that it does not show.
FILTER = '{"presence":{"types":[]},"room":{"timeline":{"limit":20},"state":{"lazy_load_members":true}}}'
# sends, syncs: each second; sent_50 and so on: milliseconds until the homeserver has accepted a message, and until
# another client has it; errors: answers that were none, and messages that a client was not told of; failed: which part
# of all that had to be answered and told these are.
Seen = collections.namedtuple("Seen", "clients sends syncs sent_50 sent_99 delivered_50 delivered_99 errors failed")


def percentile(values, percent):
    """The value that so many percent of the values do not exceed; not a number when there are none."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


class Crowd:
    """Clients of one homeserver, registered at the first use.

    domain, address: of the homeserver; ca: PEM file. Registration has to be open to everybody.
    """

    def __init__(self, domain, address, ca):
        self.domain, self.address = domain, address
        self.context = ssl.create_default_context(cafile=str(ca))
        self.tokens, self.rooms = [], []
        # How far each client has heard.
        self.heard = {}

    async def call(self, method, path, token="", **more):
        headers = {"Host": self.domain, **({"Authorization": f"Bearer {token}"} if token else {})}
        async with self.session.request(
            method,
            f"https://{self.address}/_matrix/client/v3/{path}",
            ssl=self.context,
            server_hostname=self.domain,
            headers=headers,
            **more,
        ) as answer:
            body = await answer.json()
            if answer.status != 200:
                raise aiohttp.ClientError(f"{method} {path} answered {answer.status}: {body}")
            return body

    async def join(self, count):
        """Have at least so many clients, each in a room with nine others."""
        while len(self.tokens) < count:
            number = len(self.tokens)
            registered = await self.call(
                "POST",
                "register",
                json={
                    "username": f"client{number}",
                    "password": f"bench-{number}-password",
                    "auth": {"type": "m.login.dummy"},
                },
            )
            token = registered["access_token"]
            if number % TOGETHER == 0:
                room = (await self.call("POST", "createRoom", token, json={"preset": "public_chat"}))["room_id"]
                self.rooms.append(room)
            else:
                await self.call("POST", "join/" + urllib.parse.quote(self.rooms[-1]), token, json={})
            self.tokens.append(token)

    async def send(self, number, seconds, pace, results):
        """One client's messages, each when it is due, whether or not the one before has been accepted by then."""
        room = urllib.parse.quote(self.rooms[number // TOGETHER])
        begun = time.monotonic()
        due = begun + random.random() * pace
        for count in itertools.count():
            if due - begun > seconds:
                return
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            # With the time that it waited for its turn: a client whose homeserver is slow would otherwise ask less.
            path = f"rooms/{room}/send/m.room.message/{due}-{count}"
            body = {"msgtype": "m.text", "body": "a message of some words, as people write them", "due": repr(due)}
            try:
                await self.call("PUT", path, self.tokens[number], json=body)
                results["sent"].append(time.monotonic() - due)
            except (aiohttp.ClientError, asyncio.TimeoutError):
                results["errors"].append(path)
            due += pace

    async def begin(self, number):
        """Let a client know what there is. Once: Synapse gives the same answer to whoever asks for all of it again."""
        if number not in self.heard:
            query = {"timeout": "0", "filter": FILTER}
            self.heard[number] = (await self.call("GET", "sync", self.tokens[number], params=query))["next_batch"]

    async def sync(self, number, results):
        """One client that hears of what the others send, until it is cancelled."""
        while True:
            query = {"since": self.heard[number], "timeout": "30000", "filter": FILTER}
            try:
                answer = await self.call("GET", "sync", self.tokens[number], params=query)
            except (aiohttp.ClientError, asyncio.TimeoutError):
                results["errors"].append("sync")
                await asyncio.sleep(0.5)
                continue
            now, self.heard[number] = time.monotonic(), answer["next_batch"]
            results["synced"].append(now)
            for room in answer.get("rooms", {}).get("join", {}).values():
                for event in room["timeline"]["events"]:
                    if "due" in event["content"]:
                        results["delivered"].append(now - float(event["content"]["due"]))

    async def _live(self, clients, seconds, pace):
        limit = aiohttp.ClientTimeout(total=90)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, timeout=limit) as self.session:
            await self.join(clients)
            for number in range(clients):
                await self.begin(number)
            results = collections.defaultdict(list)
            begun = time.monotonic()
            syncing = [asyncio.ensure_future(self.sync(number, results)) for number in range(clients)]
            await asyncio.gather(*(self.send(number, seconds, pace, results) for number in range(clients)))
            # What was accepted last is on its way.
            took = time.monotonic() - begun
            deadline = time.monotonic() + 10
            while len(results["delivered"]) < self.expected(clients, results) and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            lost = max(0, self.expected(clients, results) - len(results["delivered"]))
            for task in syncing:
                task.cancel()
            await asyncio.gather(*syncing, return_exceptions=True)
        milliseconds = [
            1000 * percentile(results[kind], percent) for kind in ("sent", "delivered") for percent in (50, 99)
        ]
        rates = [len(results[kind]) / took for kind in ("sent", "synced")]
        errors = len(results["errors"]) + lost
        whole = sum(len(results[kind]) for kind in ("sent", "synced", "delivered")) + errors
        return Seen(clients, *rates, *milliseconds, errors, errors / whole if whole else 1.0)

    def expected(self, clients, results):
        """How often messages have to arrive: each at all clients of its room. A message that is too far back for a
        client's sync of the last twenty counts as lost.
        """
        return len(results["sent"]) * min(clients, TOGETHER)

    def live(self, clients, seconds=20, pace=5.0):
        """So many clients for so many seconds, each with a message every ``pace`` seconds; what was Seen."""
        return asyncio.run(self._live(clients, seconds, pace))
