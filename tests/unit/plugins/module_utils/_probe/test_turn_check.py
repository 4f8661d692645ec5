# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of a TURN server, against one that is right and some that are wrong."""

from __future__ import annotations

import socket
import struct
import threading
import time

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._probe import checks, stun

SECRET = "a-shared-secret"
REALM = "example.com"


class Server(threading.Thread):
    """Answers one client after the other by UDP, or by TCP, as a server with a secret does; it relays nothing.

    false: what it does wrong.
    """

    def __init__(self, kind=socket.SOCK_DGRAM, false=""):
        super().__init__(daemon=True)
        self.false, self.ended, self.refreshed, self.lost = false, False, [], false == "loses one"
        self.socket = socket.socket(socket.AF_INET, kind)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.port = self.socket.getsockname()[1]
        if kind == socket.SOCK_STREAM:
            self.socket.listen()

    def run(self):
        while not self.ended:
            try:
                if self.socket.type == socket.SOCK_DGRAM:
                    data, client = self.socket.recvfrom(2000)
                    answer = self.answer(data)
                    if answer:
                        self.socket.sendto(answer, client)
                else:
                    connection, _client = self.socket.accept()
                    with connection:
                        while data := connection.recv(2000):
                            answer = self.answer(data)
                            # As it may arrive on the way.
                            connection.sendall(answer[:7])
                            time.sleep(0.01)
                            connection.sendall(answer[7:])
            except TimeoutError:
                continue

    def stop(self):
        self.ended = True
        self.join()
        self.socket.close()

    def answer(self, data):
        if self.lost:
            self.lost = False
            return None
        if self.false == "says no STUN":
            return b"HTTP/1.1 400 Bad Request\r\n\r\n"
        request = stun.decoded(data)
        user = request.text(stun.USERNAME)
        if not user and self.false != "asks nobody":
            code = struct.pack("!HBB", 0, 4, 1) + b"Unauthorized"
            return stun.encoded(
                request.kind | stun.ERROR,
                request.transaction,
                [(stun.ERROR_CODE, code), (stun.REALM, REALM.encode()), (stun.NONCE, b"nonce")],
            )
        key = stun.long_term_key(user, REALM, stun.credentials(SECRET, *self.named(user))[1]) if user else None
        if key and not request.is_from(key):
            code = struct.pack("!HBB", 0, 4, 1) + b"Unauthorized"
            return stun.encoded(request.kind | stun.ERROR, request.transaction, [(stun.ERROR_CODE, code)])
        if request.kind == stun.REFRESH:
            self.refreshed.append(request.get(stun.LIFETIME))
            attributes = []
        else:
            assert request.get(stun.TRANSPORT) == stun.UDP
            attributes = [(stun.RELAYED, stun.address_value("192.0.2.9", 50000, request.transaction))]
        if self.false == "gives no address":
            attributes = []
        if self.false == "knows no secret":
            key = b"another"
        return stun.encoded(request.kind | stun.SUCCESS, request.transaction, attributes, key)

    @staticmethod
    def named(user):
        until, _colon, name = user.partition(":")
        return int(until), name


@pytest.fixture
def serve():
    servers = []

    def serve(*arguments):
        servers.append(Server(*arguments))
        servers[-1].start()
        return servers[-1]

    yield serve
    for server in servers:
        server.stop()


def check(target, timeout=3, **options):
    defaults = {name: spec.get("default") for name, spec in checks.CHECK.items()}
    given = {**defaults, "name": "a check", "variable": "matrix_turn", "kind": "turn", "verify": True, **options}
    return checks.run({**given, "target": target}, timeout, Runner())


def uri(server, transport="udp"):
    return f"turn:127.0.0.1:{server.port}?transport={transport}"


def test_an_allocation_is_made_and_given_back(serve, tmp_path):
    one, other = serve(), serve(socket.SOCK_STREAM)
    found = check(f"{uri(one)} {uri(other, 'tcp')}", password=SECRET)
    assert found["ok"], found
    assert found["message"].endswith(f"{uri(other, 'tcp')} relays at 192.0.2.9")
    assert one.refreshed == other.refreshed == [bytes(4)]
    (tmp_path / "secret").write_text(SECRET + "\n")
    assert check(uri(one), secret_file=str(tmp_path / "secret"))["ok"]


def test_what_is_lost_is_sent_again(serve):
    assert check(uri(serve(socket.SOCK_DGRAM, "loses one")), password=SECRET)["ok"]


@pytest.mark.parametrize(
    "false, words",
    [
        ("says no STUN", "the answer is no message of STUN"),
        ("gives no address", "the answer has no address"),
        ("knows no secret", "the server does not show that it knows the secret"),
    ],
)
def test_what_a_server_does_wrong_is_told(serve, false, words):
    server = serve(socket.SOCK_DGRAM, false)
    found = check(uri(server), password=SECRET)
    assert (found["ok"], found["message"]) == (False, f"{uri(server)}: {words}")


def test_another_secret_is_told_by_the_variable_for_that(serve, tmp_path):
    variables = {"credentials": "matrix_turn_secret", "server": "matrix_turn_port"}
    server = serve()
    found = check(uri(server), password="another", variables=variables)
    assert found["variable"] == "matrix_turn_secret" and "gives no address: 401 Unauthorized" in found["message"]
    for text in ("", "\n"):
        (tmp_path / "secret").write_text(text)
        found = check(uri(server), secret_file=str(tmp_path / "secret"), variables=variables)
        assert found["variable"] == "matrix_turn_secret" and "there is no secret in " in found["message"]
    server.stop()
    found = check(uri(server), timeout=0.5, password=SECRET, variables=variables)
    assert found["variable"] == "matrix_turn_port" and found["message"].startswith(uri(server)), found


def test_a_server_has_to_ask_who_somebody_is(serve):
    server = serve()
    assert check(uri(server), body=REALM)["ok"] and check(uri(server))["ok"]
    found = check(uri(server), body="example.org")
    assert found["message"].endswith("it is the server of 'example.com', not of 'example.org'")
    found = check(uri(serve(socket.SOCK_DGRAM, "asks nobody")), body=REALM)
    assert "it does not ask who somebody is" in found["message"]


def test_nothing_to_ask_is_no_success():
    assert not check("", password=SECRET)["ok"]
    assert "cannot be checked so" in check("http://127.0.0.1/", password=SECRET)["message"]
