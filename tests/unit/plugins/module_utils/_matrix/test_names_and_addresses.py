# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Domains, distinguished names, Consul servers, gossip keys and mail: what is accepted, what is refused, and with which
words.
"""

from __future__ import annotations

import base64
import email
import email.policy
import email.utils
import ipaddress
import re
import urllib.parse

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import consul, ldap, mail, names, network
from hypothesis import given
from hypothesis import strategies as st

LABELS = st.from_regex(r"[a-z0-9_]([a-z0-9_-]{0,20}[a-z0-9_])?", fullmatch=True).filter(
    lambda label: not label.startswith("xn--")
)
DOMAINS = st.lists(LABELS, min_size=1, max_size=8).filter(lambda found: not all(label.isdigit() for label in found))
ADDRESSES = st.ip_addresses().filter(
    lambda found: (
        not found.is_multicast
        and not (found.version == 6 and found.is_link_local)
        and not found.is_unspecified
        and not getattr(found, "scope_id", None)
        and str(found) != "255.255.255.255"
    )
)


def parse_dn(text):
    """A distinguished name read by the grammar of RFC 4514 section 3 → [(attribute, value), …]; raises ValueError."""
    special = '"+,;<>\\'
    found = []
    position = 0
    while True:
        attribute = re.compile(r"(?:[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+)").match(text, position)
        if not attribute or text[attribute.end() : attribute.end() + 1] != "=":
            raise ValueError("no attribute at %d" % position)
        position = start = attribute.end() + 1
        value = b""
        last_is_plain_blank = False
        while position < len(text) and text[position] != ",":
            character = text[position]
            last_is_plain_blank = character == " "
            if character == "\\":
                pair = text[position + 1 : position + 3]
                if pair[:1] and pair[0] in special + " #=":
                    value += pair[0].encode()
                    position += 2
                elif re.fullmatch("[0-9A-Fa-f]{2}", pair):
                    value += bytes.fromhex(pair)
                    position += 3
                else:
                    raise ValueError("bad escape at %d" % position)
                last_is_plain_blank = False
                continue
            if character in special or character == "\0" or position == start and character in " #":
                raise ValueError("unescaped %r at %d" % (character, position))
            value += character.encode()
            position += 1
        if last_is_plain_blank:
            raise ValueError("unescaped blank at the end")
        found.append((attribute.group(), value.decode()))
        if position == len(text):
            return found
        position += 1


@given(DOMAINS)
def test_parts_of_a_plain_domain_are_its_labels(found):
    assert ldap.domain_parts(".".join(found)) == found


@given(DOMAINS, st.sampled_from(["", "."]), st.sampled_from(["", " ", "\t", "\n"]))
def test_parts_ignore_case_trailing_dot_and_surrounding_blanks(found, dot, blank):
    assert ldap.domain_parts(blank + ".".join(found).upper() + dot + blank) == found


@given(st.text())
def test_parts_are_stable_and_always_ascii_or_refused(anything):
    try:
        found = ldap.domain_parts(anything)
    except ValueError as error:
        assert str(error).endswith('; write it like "corp.example.co.uk".')
        return
    assert ldap.domain_parts(".".join(found)) == found
    assert all(re.fullmatch(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", label) for label in found)


@pytest.mark.parametrize(
    "domain, problem",
    [
        ("", "is empty"),
        ("   ", "is empty"),
        (".", "empty label"),
        ("example..com", "empty label"),
        (".example.com", "empty label"),
        ("example.com..", "empty label"),
        ("exa mple.com", "holds a blank"),
        ("exa,mple.com", "something other than letters"),
        ("-example.com", "hyphen"),
        ("example-.com", "hyphen"),
        ("a" * 64 + ".com", "longer than 63"),
        (".".join(["a" * 62] * 5), "longer than 253"),
        ("straße.de", "xn-- form"),
        ("10.0.0.1", "is an address"),
        ("xn--\u00e9.com", "no xn-- form"),
        (5, "is a number"),
        (None, "is nothing"),
        (["example", "com"], "is a list"),
        (True, "is a boolean"),
        ("https://example.com", "something other than letters"),
    ],
)
def test_bad_domains(domain, problem):
    with pytest.raises(ValueError, match=re.escape(problem)):
        ldap.domain_parts(domain)


def test_unicode_domain():
    assert ldap.domain_parts("Bücher。例え.jp") == ["xn--bcher-kva", "xn--r8jz45g", "jp"]
    assert ldap.dn("Bücher.example") == "dc=xn--bcher-kva,dc=example"


@given(
    DOMAINS,
    st.lists(st.tuples(st.sampled_from(["ou", "cn", "OU", "2.5.4.11", "x-y"]), st.text(min_size=1)), max_size=4),
)
def test_dn_is_read_back_by_an_rfc_4514_parser(found, prefix):
    prefix = [(attribute, value.strip()) for attribute, value in prefix]
    if any(not value or re.search("[\ud800-\udfff]", value) for attribute, value in prefix):
        return
    name = ldap.dn(".".join(found), ["{}={}".format(*part) for part in prefix])
    assert parse_dn(name) == prefix + [("dc", label) for label in found]
    assert "\n" not in name


@given(st.text(st.characters(blacklist_categories=["Cs"])))
def test_escaped_values_are_read_back(value):
    assert parse_dn("ou=" + ldap.escape_value(value)) == [("ou", value)]


@pytest.mark.parametrize(
    "prefix, problem",
    [
        ("People", "not an attribute and its value"),
        ("ou=", "no value"),
        ("ou=  ", "no value"),
        ("=People", "not an attribute"),
        ("o u=People", "not an attribute"),
        ("cn=staff,ou=People", "looks like several parts"),
        ("cn=staff; ou=People", "looks like several parts"),
        (["ou=People", ""], "not an attribute"),
        (["ou=People", 5], "is a number"),
        ({"ou": "People"}, "is a dictionary"),
        (5, "is a number"),
        ("ou=\ud800", "surrogate"),
    ],
)
def test_bad_prefixes(prefix, problem):
    with pytest.raises(ValueError, match=problem):
        ldap.dn("example.com", prefix)


def test_dn_forms():
    assert ldap.dn("corp.example.co.uk") == "dc=corp,dc=example,dc=co,dc=uk"
    assert ldap.dn("com") == "dc=com"
    assert ldap.dn("example.com", "ou=People") == "ou=People,dc=example,dc=com"
    assert ldap.dn("example.com", "") == ldap.dn("example.com", []) == "dc=example,dc=com"
    assert ldap.dn("example.com", ["cn=a,ou=b"]) == "cn=a\\,ou=b,dc=example,dc=com"
    assert ldap.escape_value('# a+b"c\\d<e>;, ') == '\\# a\\+b\\"c\\\\d\\<e\\>\\;\\,\\ '


@given(st.lists(ADDRESSES, min_size=1, max_size=6, unique=True))
def test_consul_addresses_round_trip(addresses):
    texts = [str(found) for found in addresses]
    assert consul.servers(",".join(texts)) == consul.servers(texts) == texts


@given(st.lists(ADDRESSES, min_size=1, max_size=5, unique=True), st.data())
def test_consul_duplicates_are_found_in_every_spelling(addresses, data):
    texts = [str(found) for found in addresses]
    first = data.draw(st.integers(0, len(addresses) - 1))
    again = addresses[first]
    texts.append(again.exploded.upper())
    with pytest.raises(ValueError, match=r"Item %d .* is the same as item %d" % (len(texts), first + 1)):
        consul.servers(texts)


@given(st.text() | st.lists(st.text() | st.integers() | st.none()) | st.integers() | st.none() | st.booleans())
def test_consul_servers_are_normal_or_refused(anything):
    try:
        found = consul.servers(anything)
    except ValueError as error:
        assert str(error).endswith('; write for example "10.0.0.2,10.0.0.3".')
        return
    assert found and consul.servers(found) == found == consul.servers(",".join(found))


@pytest.mark.parametrize(
    "servers, problem",
    [
        ("", "No Consul server is given"),
        ([], "No Consul server is given"),
        (",", "Item 1 of the Consul servers is empty"),
        ("10.0.0.2,", "Item 2 of the Consul servers is empty"),
        ("10.0.0.2,,10.0.0.3", "Item 2 of the Consul servers is empty"),
        ("10.0.0.2, 10.0.0.3", 'Item 2 " 10.0.0.3" of the Consul servers holds a blank'),
        ("10.0.0.2 10.0.0.3", "holds a blank"),
        ("10.0.0.2:8301", 'Item 1 "10.0.0.2:8301" of the Consul servers has a port'),
        ("consul.example.com:8301", "has a port"),
        (["[2001:db8::1]:8301"], "has brackets or a port"),
        (["10.0.0.2,10.0.0.3"], "holds a comma"),
        ("10.0.0.256", "is not an IP address"),
        ("10.0.0", "is not an IP address"),
        ("010.0.0.2", "is not an IP address"),
        ("10.0.0.0/24", "path or a prefix length"),
        ("2001:db8::zz", "is not an IP address"),
        ("fe80::1%em0", "has a zone"),
        ("0.0.0.0", "unspecified"),
        ("::", "unspecified"),
        ("224.0.0.1", "multicast"),
        ("255.255.255.255", "broadcast"),
        ("http://consul", "has a scheme"),
        ("con+sul", "something other than letters"),
        ("consul.1", "neither an address nor a host name"),
        ("10.0.0.2,10.0.0.2", 'Item 2 "10.0.0.2" of the Consul servers is the same as item 1'),
        (["Consul.example.com", "consul.example.com."], "is the same as item 1"),
        (["2001:db8::1", "2001:DB8:0:0::1"], "is the same as item 1"),
        ([10], "Item 1 of the Consul servers is a number"),
        (None, "are nothing"),
        ({"a": 1}, "are a dictionary"),
    ],
)
def test_bad_consul_servers(servers, problem):
    with pytest.raises(ValueError, match=re.escape(problem)):
        consul.servers(servers)


@given(st.sampled_from([16, 24, 32]).flatmap(lambda size: st.binary(min_size=size, max_size=size)))
def test_gossip_keys_of_the_right_length(raw):
    key = base64.b64encode(raw).decode()
    assert consul.gossip_key(key) == key


@given(st.binary(max_size=64).filter(lambda raw: len(raw) not in (16, 24, 32)))
def test_gossip_keys_of_another_length_are_refused_and_not_shown(raw):
    key = base64.b64encode(raw).decode()
    with pytest.raises(ValueError) as caught:
        consul.gossip_key(key)
    assert len(key) < 8 or key not in str(caught.value)


@pytest.mark.parametrize(
    "key, problem",
    [
        ("", "is empty"),
        (None, "is nothing"),
        (12345, "is a number"),
        ("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY", "is not Base64"),
        ("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n", "holds a blank or a line break"),
        ("____Mzc1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "URL alphabet"),
        ("c2hvcnQ=", "decodes to 5 bytes"),
        ("é" * 44, "is not Base64"),
    ],
)
def test_bad_gossip_keys(key, problem):
    with pytest.raises(ValueError, match=problem) as caught:
        consul.gossip_key(key)
    assert not isinstance(key, str) or len(key) < 8 or key not in str(caught.value)


LOCAL_PARTS = st.from_regex(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}){0,2}", fullmatch=True
)


@given(LOCAL_PARTS.filter(lambda local: not local.lower().startswith("mailto:")))
def test_mail_addresses_keep_their_local_part(local):
    assert mail.address(local + "@Mail.Example.COM") == local + "@mail.example.com"


@given(st.text())
def test_mail_addresses_are_normal_or_refused(anything):
    try:
        found = mail.shown_address(anything)
    except ValueError:
        pass
    else:
        assert mail.shown_address(found) == found and len(found.split()) == 1 and found.isprintable()
    try:
        found = mail.address(anything)
    except ValueError as error:
        assert str(error).endswith('; write it like "admin@example.com".')
        return
    assert mail.address(found) == found and found.isascii()


@pytest.mark.parametrize(
    "given_address, problem",
    [
        ("", "is empty"),
        ("admin", "exactly one @"),
        ("a@b@example.com", "exactly one @"),
        ("admin@localhost", "one label only"),
        ("@example.com", "before the @"),
        ("a..b@example.com", "before the @"),
        (".a@example.com", "before the @"),
        ("x" * 65 + "@example.com", "before the @"),
        ("Admin <admin@example.com>", "display name"),
        ("a@example.com,b@example.com", "more than one"),
        ("ad min@example.com", "holds a blank"),
        ("admin@example.com\n", "holds a blank"),
        ("mailto:admin@example.com", "has a scheme"),
        ('"a b"@example.com', "holds a blank"),
        ("admin@[10.0.0.1]", "has a domain that"),
        ("admin@10.0.0.1", "has a domain that is an address"),
        ("admin@exa_mple.com", "has a domain that"),
        ("ädmin@example.com", "outside ASCII before the @"),
        (None, "is nothing"),
        (["admin@example.com"], "is a list"),
    ],
)
def test_bad_mail_addresses(given_address, problem):
    with pytest.raises(ValueError, match=re.escape(problem)):
        mail.address(given_address)


@pytest.mark.parametrize(
    "text, name, address",
    [
        ("a@example.com", "", "a@example.com"),
        ("Our Matrix <a@example.com>", "Our Matrix", "a@example.com"),
        ('  "Our, Matrix"  < a@example.com > ', "Our, Matrix", "a@example.com"),
        ("Jürgen (100 %) <a@Example.com>", "Jürgen (100 %)", "a@example.com"),
    ],
)
def test_senders(text, name, address):
    assert mail.sender(text) == (name, address)


@given(st.text(max_size=120), LOCAL_PARTS)
def test_a_senders_head_is_read_as_it_was_meant(name, local):
    """By the reader that Synapse takes the address of the envelope from."""
    try:
        found = mail.sender(f"{name} <{local}@example.com>")
    except ValueError:
        return
    head = email.utils.formataddr(found)
    assert head.isascii() and email.utils.parseaddr(head)[1] == found[1]
    (words,) = email.message_from_string(f"From: {head}\n\n", policy=email.policy.default)["From"].addresses
    assert " ".join(words.display_name.split()) == " ".join(found[0].split())


def test_tls_modes():
    assert [mail.tls_mode(number) for number in (25, 465, 587, "25", "465", "587")] == [
        "starttls",
        "implicit",
        "starttls_required",
    ] * 2


@pytest.mark.parametrize("number", [0, 24, 26, 2525, 65536, -25, "", "smtp", "25 ", "٢٥", 25.0, None, True, [25]])
def test_other_mail_ports_say_nothing_about_tls(number):
    assert mail.tls_mode(number) == ""


@given(ADDRESSES)
def test_addresses_are_normalised(found):
    assert names.address(found.exploded) == str(ipaddress.ip_address(str(found)))


@given(st.text() | st.integers() | st.floats() | st.none() | st.booleans() | st.lists(st.integers()))
def test_the_name_checkers_answer_or_raise_value_error_only(anything):
    for checker in (names.address, names.host, names.host_name, names.domain_name, names.port, names.labels):
        try:
            found = checker(anything)
        except ValueError as error:
            assert "\n" not in str(error)
        else:
            assert checker(found if not isinstance(found, list) else ".".join(found)) == found


@pytest.mark.parametrize(
    "given_, written", [("::1", "[::1]"), ("[::1]", "[::1]"), ("10.0.0.5", "10.0.0.5"), ("", ""), ("a", "a")]
)
def test_a_host_of_a_url(given_, written):
    assert network.url_host(given_) == written
    with pytest.raises(ValueError, match="^is a number where a text is expected$"):
        network.url_host(5)


@given(ADDRESSES, st.integers(1, 65535))
def test_a_url_with_an_address_is_read_as_it_is_meant(address, port):
    read = urllib.parse.urlsplit(f"http://{network.url_host(str(address))}:{port}/")
    assert (ipaddress.ip_address(read.hostname), read.port) == (address, port)
