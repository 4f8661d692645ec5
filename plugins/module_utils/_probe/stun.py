# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages of STUN and TURN (RFC 8489, RFC 8656), as far as a client with long-term credentials needs them.

Plain data in both directions: nothing here knows a network.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import ipaddress
import struct
import typing as t
import zlib

COOKIE = 0x2112A442
_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_DIGEST = 20

# Methods, each with its class: a request, what is sent without an answer, and the two kinds of answers.
ALLOCATE, REFRESH, CREATE_PERMISSION = 0x0003, 0x0004, 0x0008
SEND, DATA_ARRIVED = 0x0016, 0x0017
SUCCESS, ERROR = 0x0100, 0x0110

USERNAME, INTEGRITY, ERROR_CODE, REALM, NONCE = 0x0006, 0x0008, 0x0009, 0x0014, 0x0015
LIFETIME, PEER, DATA, RELAYED, TRANSPORT = 0x000D, 0x0012, 0x0013, 0x0016, 0x0019
FINGERPRINT = 0x8028
# The protocol number of UDP, which is what is relayed, and three bytes that mean nothing.
UDP = bytes([17, 0, 0, 0])

Attributes = t.Sequence[tuple[int, bytes]]


class BadMessage(ValueError):
    """Bytes that are no message; the end of a sentence about them."""


@dataclasses.dataclass(frozen=True)
class Message:
    """kind: method and class; transaction: 12 bytes; attributes: (type, value) in their order, what stands behind
    the integrity left out as RFC 8489 asks; signed: the bytes that the integrity is about, None without one; digest:
    and what it says.
    """

    kind: int
    transaction: bytes
    attributes: tuple[tuple[int, bytes], ...]
    signed: bytes | None = None
    digest: bytes = b""

    def get(self, attribute: int) -> bytes | None:
        """The value of the first attribute of a type, or None."""
        return next((value for kind, value in self.attributes if kind == attribute), None)

    def text(self, attribute: int) -> str:
        """That of a text; empty when there is none."""
        return (self.get(attribute) or b"").decode("utf-8", "replace")

    def error(self) -> tuple[int, str]:
        """(code, reason) of an answer that refuses; (0, "") when it does not say."""
        found = self.get(ERROR_CODE) or b""
        if len(found) < 4:
            return 0, ""
        return (found[2] & 7) * 100 + found[3], found[4:].decode("utf-8", "replace").strip("\0 ")

    def is_from(self, key: bytes) -> bool:
        """Whether its integrity is that of somebody who knows the key."""
        if self.signed is None:
            return False
        return hmac.compare_digest(hmac.new(key, self.signed, hashlib.sha1).digest(), self.digest)


def encoded(kind: int, transaction: bytes, attributes: Attributes, key: bytes | None = None) -> bytes:
    """The bytes of a message; key: with the integrity that goes with it."""
    body = b"".join(_ATTRIBUTE.pack(each, len(value)) + value + b"\0" * (-len(value) % 4) for each, value in attributes)
    if key is None:
        return _HEADER.pack(kind, len(body), COOKIE, transaction) + body
    # The digest is of a message whose length counts it already.
    signed = _HEADER.pack(kind, len(body) + _ATTRIBUTE.size + _DIGEST, COOKIE, transaction) + body
    return signed + _ATTRIBUTE.pack(INTEGRITY, _DIGEST) + hmac.new(key, signed, hashlib.sha1).digest()


def length(head: bytes) -> int:
    """How many bytes the message has that begins with these 20; BadMessage when none does."""
    if len(head) < _HEADER.size:
        raise BadMessage("is shorter than a message of STUN")
    kind, size, cookie, _transaction = _HEADER.unpack_from(head)
    if cookie != COOKIE or kind & 0xC000 or size % 4:
        raise BadMessage("is no message of STUN")
    return _HEADER.size + size


def decoded(data: bytes) -> Message:
    """The message that the bytes are, all of them; BadMessage for anything else."""
    if length(data) != len(data):
        raise BadMessage("is cut off, or goes on behind its end")
    kind, _size, _cookie, transaction = _HEADER.unpack_from(data)
    found: list[tuple[int, bytes]] = []
    signed, digest, position = None, b"", _HEADER.size
    while position < len(data):
        attribute, size = _ATTRIBUTE.unpack_from(data, position)
        begin = position + _ATTRIBUTE.size
        value = data[begin : begin + size]
        if len(value) != size:
            raise BadMessage("has an attribute that is cut off")
        if attribute == FINGERPRINT:
            _check_fingerprint(data, position, value)
        elif attribute == INTEGRITY and signed is None:
            if size != _DIGEST:
                raise BadMessage("has an integrity of another size")
            counted = position + _ATTRIBUTE.size + _DIGEST - _HEADER.size
            signed, digest = data[:2] + struct.pack("!H", counted) + data[4:position], value
        elif signed is None:
            found.append((attribute, value))
        position = begin + size + -size % 4
    return Message(kind, transaction, tuple(found), signed, digest)


def _check_fingerprint(data: bytes, position: int, value: bytes) -> None:
    if value != struct.pack("!I", zlib.crc32(data[:position]) ^ 0x5354554E):
        raise BadMessage("has a wrong fingerprint")


def address_value(address: str, port: int, transaction: bytes) -> bytes:
    """An address and a port as the value of an attribute, mixed with what every message has."""
    packed = ipaddress.ip_address(address).packed
    family = 1 if len(packed) == 4 else 2
    return struct.pack("!BBH", 0, family, port ^ (COOKIE >> 16)) + _mixed(packed, transaction)


def address_of(value: bytes | None, transaction: bytes) -> tuple[str, int]:
    """(address, port) of such a value; BadMessage when it is none."""
    if value is None or len(value) not in (8, 20) or value[1] != (1 if len(value) == 8 else 2):
        raise BadMessage("has no address")
    (port,) = struct.unpack_from("!H", value, 2)
    return str(ipaddress.ip_address(_mixed(value[4:], transaction))), port ^ (COOKIE >> 16)


def _mixed(packed: bytes, transaction: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(packed, struct.pack("!I", COOKIE) + transaction, strict=False))


def long_term_key(user: str, realm: str, password: str) -> bytes:
    """What messages are signed with, of a user whom the realm knows by a password."""
    return hashlib.md5(f"{user}:{realm}:{password}".encode(), usedforsecurity=False).digest()


def credentials(secret: str, until: int, name: str) -> tuple[str, str]:
    """(user, password) for somebody, until a time in seconds since 1970, as a homeserver makes them of the secret that
    it shares with the server.
    """
    user = f"{until}:{name}"
    return user, base64.b64encode(hmac.new(secret.encode(), user.encode(), hashlib.sha1).digest()).decode()
