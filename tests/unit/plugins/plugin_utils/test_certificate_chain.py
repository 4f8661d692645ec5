# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A certificate that clients would not accept is refused before anything is written."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.potluck.matrix.plugins.plugin_utils import _certificate
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.timezone.utc)
YEAR = datetime.timedelta(days=365)


class Authority:
    """A certificate with its key, which signs others."""

    def __init__(self, name, issuer=None, ca=True, last=NOW + YEAR, names=()):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        signer = issuer or self
        builder = x509.CertificateBuilder(
            signer.name, self.name, self.key.public_key(), x509.random_serial_number(), NOW - YEAR, last
        )
        builder = builder.add_extension(x509.BasicConstraints(ca, None), True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), False)
        self.pem = builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    @property
    def secret(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("chain")


@pytest.fixture(scope="module")
def parts(place):
    root = Authority("root")
    middle = Authority("middle", root)
    found = {
        "root": root,
        "middle": middle,
        "leaf": Authority("example.com", middle, ca=False, names=["example.com"]),
        "direct": Authority("example.com", root, ca=False, names=["example.com"]),
        "stranger": Authority("stranger"),
        "imposter": Authority("middle", root),
        "expired": Authority("middle", root, last=NOW - datetime.timedelta(days=1)),
        "layman": Authority("layman", root, ca=False),
    }
    # The same name and key as the good one, so that only the date, or the right to issue, is wrong.
    found["by layman"] = Authority("example.com", found["layman"], ca=False, names=["example.com"])
    found["by expired"] = Authority("example.com", found["expired"], ca=False, names=["example.com"])
    (place / "root.pem").write_bytes(root.pem)
    return found


@pytest.fixture(scope="module")
def judge(place, parts):
    """check_chain() for some of the parts, one behind the other, with the first one's key."""

    def judge(*names, authority="root.pem"):
        (place / "chain.pem").write_bytes(b"".join(parts[name].pem for name in names))
        (place / "key.pem").write_bytes(parts[names[0]].secret)
        _certificate.check_chain(
            str(place / "chain.pem"), str(place / "key.pem"), str(place / authority) if authority else "", NOW
        )

    return judge


@pytest.mark.parametrize("names", [("leaf", "middle"), ("leaf", "middle", "root"), ("direct",), ("direct", "root")])
def test_what_clients_accept_is_accepted(judge, names):
    judge(*names)


@pytest.mark.parametrize(
    "names, words",
    [
        (("leaf",), "append the intermediate"),
        (
            ("leaf", "root"),
            'out of order: behind the certificate of "CN=example.com" has to come that of its issuer "CN=middle"',
        ),
        (("leaf", "root", "middle"), "out of order"),
        (("leaf", "middle", "stranger"), "out of order"),
        (("leaf", "imposter"), 'a certificate of "CN=middle" that did not sign'),
        (("by expired", "expired"), "is valid from 2025-06-01 to 2026-05-31 only"),
        (("by layman", "layman"), '"CN=layman", which may not issue others'),
    ],
)
def test_what_they_do_not_accept_is_refused(judge, names, words):
    with pytest.raises(ValueError) as refusal:
        judge(*names)
    assert words in str(refusal.value)


@pytest.mark.parametrize("names", [("leaf", "middle"), ("leaf", "middle", "root"), ("stranger",)])
def test_an_authority_that_nobody_trusts_is_refused(judge, names):
    with pytest.raises(ValueError, match="matrix_verify_ca_file"):
        judge(*names, authority="")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(["leaf", "middle", "root", "stranger", "imposter", "expired", "layman", "direct"]),
        min_size=1,
        max_size=4,
    )
)
def test_any_other_row_of_certificates_is_refused_in_words(judge, names):
    # The root may be there, once or more often.
    row = list(names)
    while row[-1:] == ["root"]:
        row.pop()
    # An authority's own certificate serves whoever trusts it as the root; that it names no domain is another check's
    # business.
    good = row in (["leaf", "middle"], ["direct"], ["middle"], ["imposter"], ["layman"], [])
    try:
        judge(*names)
    except ValueError as refusal:
        assert not good and str(refusal)
    else:
        assert good, names
