# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of a TURN server: an allocation, made and given back as a client does it."""

from __future__ import annotations

import secrets
import socket
import ssl
import struct
import time
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import read_text
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import turn
from ansible_collections.potluck.matrix.plugins.module_utils._probe import stun
from ansible_collections.potluck.matrix.plugins.module_utils._probe.sockets import tls_context

# Seconds after which a request is sent again by UDP, which loses some; and seconds for which credentials are good.
_AGAIN, _GOOD = 0.5, 300
# What a server answers to whoever has not said who he is, and whose word has become too old.
_UNAUTHORISED, _STALE = 401, 438
_HEAD = 20


class Session:
    """One client's talk with a server.

    connection: a socket that is connected to it; stream: whether messages come one after the other, not in packets of
    their own.
    """

    def __init__(self, connection: socket.socket, stream: bool, timeout: float) -> None:
        self._connection, self._stream, self._timeout = connection, stream, timeout
        self._authentication: list[tuple[int, bytes]] = []
        self._key: bytes | None = None
        self._user = self._password = ""
        self.realm = ""

    def authenticate(self, user: str, password: str) -> None:
        """Use an account from now on, for which the server says where it belongs when it is first asked."""
        self._user, self._password = user, password

    def asked(self, method: int, attributes: stun.Attributes) -> stun.Message:
        """The answer to a request, which is signed once the server has asked for that; Sentence for a false one."""
        for _attempt in range(3):
            answer = self._answered(method, attributes)
            code = answer.error()[0]
            if not self._user or code not in (_UNAUTHORISED, _STALE) or code == _UNAUTHORISED and self._key:
                break
            self._sign_for(answer)
        if answer.kind == method | stun.SUCCESS and self._key and not answer.is_from(self._key):
            raise Sentence("the server does not show that it knows the secret", "credentials")
        return answer

    def send(self, kind: int, attributes: stun.Attributes) -> None:
        """Send what is not answered."""
        self._connection.sendall(stun.encoded(kind, secrets.token_bytes(12), attributes))

    def receive(self) -> stun.Message:
        """The next message; OSError when none comes in time, Sentence for what is none."""
        self._connection.settimeout(self._timeout)
        return self._message()

    def _sign_for(self, answer: stun.Message) -> None:
        self.realm, nonce = answer.text(stun.REALM), answer.get(stun.NONCE) or b""
        self._authentication = [
            (stun.USERNAME, self._user.encode()),
            (stun.REALM, self.realm.encode()),
            (stun.NONCE, nonce),
        ]
        self._key = stun.long_term_key(self._user, self.realm, self._password)

    def _answered(self, method: int, attributes: stun.Attributes) -> stun.Message:
        transaction = secrets.token_bytes(12)
        request = stun.encoded(method, transaction, [*attributes, *self._authentication], self._key)
        deadline, wait = time.monotonic() + self._timeout, _AGAIN
        self._connection.sendall(request)
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("no answer")
            self._connection.settimeout(left if self._stream else min(wait, left))
            try:
                answer = self._message()
            except TimeoutError:
                wait *= 2
                if not self._stream:
                    self._connection.sendall(request)
                continue
            if answer.transaction == transaction:
                return answer

    def _message(self) -> stun.Message:
        try:
            if not self._stream:
                return stun.decoded(self._connection.recv(65536))
            head = self._bytes(_HEAD)
            return stun.decoded(head + self._bytes(stun.length(head) - _HEAD))
        except stun.BadMessage as error:
            raise Sentence(f"the answer {error}") from None

    def _bytes(self, number: int) -> bytes:
        found = b""
        while len(found) < number:
            part = self._connection.recv(number - len(found))
            if not part:
                raise ConnectionError("it ends the connection")
            found += part
        return found


def connected(place: turn.Place, address: str, timeout: float, context: ssl.SSLContext | None) -> socket.socket:
    """A socket that is connected to a server. address: in the place of the one that its name has; context: for TLS."""
    host = address or place.host
    if place.transport == "udp":
        family, _type, _protocol, _name, where = socket.getaddrinfo(host, place.port, type=socket.SOCK_DGRAM)[0]
        packets = socket.socket(family, socket.SOCK_DGRAM)
        packets.connect(where)
        return packets
    plain = socket.create_connection((host, place.port), timeout)
    if context is None:
        return plain
    try:
        return context.wrap_socket(plain, server_hostname=place.host)
    except BaseException:
        plain.close()
        raise


def check_turn(check: dict, timeout: float, _runner: t.Any) -> str:
    """Each URI of TURN in ``target``, with blanks between them, has to give a client with credentials an address, and
    to take it back.

    The credentials are made of the secret in ``password`` or in the file ``secret_file``. Without either of them the
    server has to ask for some. ``body`` is the realm that it has to name. ``shown`` is a file whose first certificate
    it has to show where TLS is spoken. The part of a Sentence is tls or credentials, or none.
    """
    secret = check.get("password") or ""
    if check.get("secret_file"):
        secret = (read_text(check["secret_file"]) or "").strip()
        if not secret:
            raise Sentence("there is no secret in {}".format(check["secret_file"]), "credentials")
    said = [_tried(check, uri, secret, timeout) for uri in check["target"].split()]
    if not said:
        raise Sentence("there is no server to ask")
    return ", ".join(said)


def _tried(check: dict, uri: str, secret: str, timeout: float) -> str:
    place = turn.place(uri)
    context = tls_context(check) if place.tls else None
    try:
        with connected(place, check.get("address") or "", timeout, context) as connection:
            if isinstance(connection, ssl.SSLSocket) and check.get("shown"):
                _compare(connection, check["shown"])
            session = Session(connection, place.transport == "tcp", timeout)
            return f"{uri} " + (_used(session, secret) if secret else _asks(session, check.get("body") or ""))
    except Sentence as problem:
        raise Sentence(f"{uri}: {problem}", problem.part) from None
    except ssl.SSLCertVerificationError:
        raise
    except OSError as error:
        raise Sentence(f"{uri}: {error.strerror or error}", "server") from None


def _compare(connection: ssl.SSLSocket, path: str) -> None:
    text = read_text(path) or ""
    end = "-----END CERTIFICATE-----"
    if end not in text:
        raise Sentence(f"there is no certificate in {path}", "tls")
    if connection.getpeercert(binary_form=True) != ssl.PEM_cert_to_DER_cert(text[: text.index(end) + len(end)] + "\n"):
        raise Sentence(f"it shows another certificate than {path} holds", "tls")


def _asks(session: Session, realm: str) -> str:
    answer = session.asked(stun.ALLOCATE, [(stun.TRANSPORT, stun.UDP)])
    code, reason = answer.error()
    if code != _UNAUTHORISED:
        raise Sentence(f"it does not ask who somebody is, and answers {code or 'as to anybody'} {reason}".rstrip())
    if realm and answer.text(stun.REALM) != realm:
        raise Sentence(f"it is the server of {answer.text(stun.REALM)!r}, not of {realm!r}")
    return "answers and asks for credentials"


def _used(session: Session, secret: str) -> str:
    session.authenticate(*stun.credentials(secret, int(time.time()) + _GOOD, "verify"))
    relayed = allocate(session)
    answer = session.asked(stun.REFRESH, [(stun.LIFETIME, struct.pack("!I", 0))])
    if answer.kind != stun.REFRESH | stun.SUCCESS:
        raise Sentence("it does not take back what it gave: {} {}".format(*answer.error()))
    return f"relays at {relayed[0]}"


def allocate(session: Session) -> tuple[str, int]:
    """The address and the port that the server gives somebody whose account it takes; Sentence with what it says
    instead.
    """
    answer = session.asked(stun.ALLOCATE, [(stun.TRANSPORT, stun.UDP)])
    if answer.kind != stun.ALLOCATE | stun.SUCCESS:
        code, reason = answer.error()
        part = "credentials" if code == _UNAUTHORISED else ""
        raise Sentence(f"it gives no address: {code} {reason}".rstrip(), part)
    try:
        return stun.address_of(answer.get(stun.RELAYED), answer.transaction)
    except stun.BadMessage as error:
        raise Sentence(f"the answer {error}") from None
