# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, keys and CA files that lie on the controller."""

from __future__ import annotations

import datetime
import os
import ssl
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._certificate.certificate import (
    alternative_names,
    may_issue,
    validity,
)
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import tls_client

x509: t.Any
try:
    from cryptography import x509 as _x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    x509 = _x509
except ImportError:
    # Ansible installs it for its vault; without it, Python's own ssl still tells whether the pair can be loaded.
    x509 = None

# X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python has no name for.
_NO_CHECK_TIME = 0x200000


def _read(path: str) -> bytes:
    """The content of a file, or a ValueError that continues the sentence whose subject is the path."""
    if not os.path.exists(path):
        raise ValueError("does not exist on the controller")
    if os.path.isdir(path):
        raise ValueError("is a directory")
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise ValueError(f"cannot be read on the controller ({error.strerror})") from None


def check_certificates(path: str, now: datetime.datetime, only_one: bool = False) -> list:
    """The certificates of a PEM file, the first of them valid now; ValueError otherwise. Empty without cryptography."""
    content = _read(path)
    if only_one and content.count(b"-----BEGIN CERTIFICATE-----") > 1:
        raise ValueError("holds more than one certificate")
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ValueError("holds no PEM certificate")
    if x509 is None:
        return []
    try:
        found = x509.load_pem_x509_certificates(content)
    except ValueError:
        raise ValueError("holds a damaged certificate") from None
    begin, end = validity(found[0])
    if now < begin:
        raise ValueError(f"is not valid before {begin.date()}")
    if now >= end:
        raise ValueError(f"expired on {end.date()}")
    return found


def check_chain(path: str, key_path: str, authority_path: str, now: datetime.datetime) -> None:
    """ValueError unless clients get from the first certificate of a PEM file to an authority that they trust, each
    signed by the next.

    Trusted are the system's authorities and those of authority_path, empty for none. The file and its key have been
    found good each by itself.
    """
    for issued, issuer in _links(check_certificates(path, now)):
        begin, end = validity(issuer)
        name = issuer.subject.rfc4514_string()
        if issued.issuer != issuer.subject:
            raise ValueError(
                f'is out of order: behind the certificate of "{issued.subject.rfc4514_string()}" has to come that of '
                f'its issuer "{issued.issuer.rfc4514_string()}", not that of "{name}"'
            )
        if not now >= begin or now >= end:
            raise ValueError(
                f'holds the certificate of "{name}", which is valid from {begin.date()} to {end.date()} only'
            )
        if not may_issue(issuer):
            raise ValueError(f'holds the certificate of "{name}", which may not issue others')
        try:
            issued.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise ValueError(f'holds a certificate of "{name}" that did not sign the one before it') from None
    reason = _client_refuses(path, key_path, authority_path)
    if reason:
        raise ValueError(
            f"is not accepted by clients ({reason}): append the intermediate certificates of the CA (often a file "
            "named fullchain), "
            "and name the root of a CA of your own in matrix_verify_ca_file"
        )


def _links(certificates: list) -> list:
    """(certificate, the one behind it) for all but the last. Empty with a cryptography that cannot judge a signature
    (before 40).
    """
    able = certificates and hasattr(certificates[0], "verify_directly_issued_by")
    return list(zip(certificates, certificates[1:])) if able else []


def _client_refuses(path: str, key_path: str, authority_path: str) -> str:
    """What a TLS client says to a server with this pair, empty when it is content; names and dates are not its question
    here.
    """
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client = tls_client.context()
    client.check_hostname = False
    client.verify_flags |= _NO_CHECK_TIME
    try:
        server.load_cert_chain(path, key_path)
        if authority_path:
            client.load_verify_locations(authority_path)
    except (ssl.SSLError, OSError) as error:
        return str(error)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(to_client, to_server), server.wrap_bio(to_server, to_client, server_side=True)]
    for _turn in range(6):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
            except ssl.SSLError as error:
                return error.reason or str(error)
    return ""


def check_names(certificate, domain: str) -> None:
    """ValueError unless the certificate names the domain (a wildcard stands for one label)."""
    names = [name.value for name in alternative_names(certificate) if isinstance(name, x509.DNSName)]
    wildcard = "*." + domain.partition(".")[2]
    if not {domain, wildcard} & {name.lower() for name in names}:
        raise ValueError("does not name {} but {}".format(domain, ", ".join(names) or "no domain at all"))


def check_key(path: str, certificates: list, certificate_path: str) -> None:
    """ValueError unless the file is a private key without passphrase that belongs to the first certificate."""
    content = _read(path)
    if b"PRIVATE KEY-----" not in content:
        raise ValueError("holds no PEM private key")
    if b"ENCRYPTED" in content:
        raise ValueError("is protected by a passphrase, which nginx cannot ask for")
    if x509 is None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate_path, path)
        except ssl.SSLError:
            raise ValueError("is damaged or does not belong to the certificate") from None
        return
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError):
        raise ValueError("holds a damaged private key") from None
    if certificates and _public(key.public_key()) != _public(certificates[0].public_key()):
        raise ValueError("does not belong to the certificate")


def _public(key) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
