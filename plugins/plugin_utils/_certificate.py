# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, keys and CA files that lie on the controller."""

from __future__ import annotations

import datetime
import os
import ssl

try:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
except ImportError:
    # Ansible installs it for its vault; without it, Python's own ssl still tells whether the pair can be loaded.
    x509 = None


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
        raise ValueError("cannot be read on the controller (%s)" % error.strerror) from None


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
        raise ValueError("is not valid before %s" % begin.date())
    if now >= end:
        raise ValueError("expired on %s" % end.date())
    return found


def validity(certificate) -> tuple:
    """(begin, end) in UTC; cryptography before 42 has them without a time zone only."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return tuple(time.replace(tzinfo=datetime.timezone.utc) for time in (certificate.not_valid_before, certificate.not_valid_after))


def check_names(certificate, domain: str) -> None:
    """ValueError unless the certificate names the domain (a wildcard stands for one label)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        names = []
    wildcard = "*." + domain.partition(".")[2]
    if not {domain, wildcard} & {name.lower() for name in names}:
        raise ValueError("does not name %s but %s" % (domain, ", ".join(names) or "no domain at all"))


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
