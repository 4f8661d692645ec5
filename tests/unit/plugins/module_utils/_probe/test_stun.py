# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Messages of STUN: as the RFC has them, and whatever bytes arrive."""

from __future__ import annotations

import ipaddress

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._probe import stun
from hypothesis import given
from hypothesis import strategies as st

# RFC 5769, 2.1 and 2.4.
SHORT_TERM = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
LONG_TERM = bytes.fromhex(
    "000100602112a44278ad3433c6ad72c029da412e"
    "00060012e3839ee38388e383aae38383e382afe382b90000"
    "0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341"
    "0014000b6578616d706c652e6f726700"
    "00080014f67024656dd64a3e02b8e0712e85c9a28ca89666"
)
TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
ATTRIBUTE = st.tuples(
    st.integers(0, 0xFFFF).filter(lambda kind: kind not in (stun.INTEGRITY, stun.FINGERPRINT)), st.binary(max_size=70)
)
PORTS = st.integers(0, 65535)


def test_the_message_of_the_rfc_is_read():
    message = stun.decoded(SHORT_TERM)
    assert (message.kind, message.transaction) == (1, TRANSACTION)
    assert message.text(stun.USERNAME) == "evtj:h6vY"
    assert message.is_from(b"VOkJxbRl1RmTxUk/WvJxBt") and not message.is_from(b"another")


def test_the_message_of_the_rfc_is_written():
    key = stun.long_term_key("マトリックス", "example.org", "TheMatrIX")
    message = stun.decoded(LONG_TERM)
    assert message.is_from(key)
    assert message.text(stun.NONCE) == "f//499k954d6OL34oL9FSTvy64sA"
    assert stun.encoded(1, message.transaction, message.attributes, key) == LONG_TERM


@pytest.mark.parametrize(
    "address, value",
    [
        ("192.0.2.1", "0001a147e112a643"),
        ("2001:db8:1234:5678:11:2233:4455:6677", "0002a1470113a9faa5d3f179bc25f4b5bed2b9d9"),
    ],
)
def test_addresses_are_those_of_the_rfc(address, value):
    assert stun.address_value(address, 32853, TRANSACTION).hex() == value
    assert stun.address_of(bytes.fromhex(value), TRANSACTION) == (address, 32853)


@given(st.ip_addresses(), PORTS, st.binary(min_size=12, max_size=12))
def test_addresses_come_back(address, port, transaction):
    value = stun.address_value(str(address), port, transaction)
    found, number = stun.address_of(value, transaction)
    assert (ipaddress.ip_address(found), number) == (address, port)


@given(
    st.integers(0, 0x3FFF),
    st.binary(min_size=12, max_size=12),
    st.lists(ATTRIBUTE, max_size=6),
    st.none() | st.binary(max_size=40),
)
def test_messages_come_back(kind, transaction, attributes, key):
    data = stun.encoded(kind, transaction, attributes, key)
    assert stun.length(data[:20]) == len(data)
    message = stun.decoded(data)
    assert (message.kind, message.transaction, list(message.attributes)) == (kind, transaction, attributes)
    assert (message.signed is None) == (key is None)
    if key is not None:
        assert message.is_from(key) and not message.is_from(key + b"x")


@given(st.binary(max_size=200))
def test_whatever_arrives_is_read_or_refused(data):
    for whole in (data, SHORT_TERM[:20] + data, b"\0\1" + len(data).to_bytes(2, "big") + SHORT_TERM[4:20] + data):
        try:
            message = stun.decoded(whole)
        except stun.BadMessage as refusal:
            assert str(refusal)
        else:
            assert message.error()[0] in range(800) and isinstance(message.text(stun.REALM), str)


@given(st.integers(0, len(SHORT_TERM) - 1), st.integers(1, 255))
def test_no_byte_can_be_another(position, difference):
    changed = bytearray(SHORT_TERM)
    changed[position] ^= difference
    try:
        message = stun.decoded(bytes(changed))
    except stun.BadMessage:
        return
    # The fingerprint itself may have become something that is skipped.
    assert position >= len(SHORT_TERM) - 8 or not message.is_from(b"VOkJxbRl1RmTxUk/WvJxBt")


@given(st.integers(0, len(SHORT_TERM) - 1))
def test_what_is_cut_off_is_refused(size):
    with pytest.raises(stun.BadMessage):
        stun.decoded(SHORT_TERM[:size])


def test_credentials_are_those_that_homeservers_make():
    # By: printf %s 1700000000:@a:example.com | openssl dgst -sha1 -hmac secret -binary | openssl base64
    found = stun.credentials("secret", 1700000000, "@a:example.com")
    assert found == ("1700000000:@a:example.com", "mUBhIUm8h/uONeRfEtly3b0ektg=")
