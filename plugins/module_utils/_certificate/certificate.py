# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates and keys as PEM texts: what they say, whether they go together, and new ones that nobody vouches for."""

from __future__ import annotations

import datetime
import ipaddress
import re
import traceback

from ansible_collections.potluck.matrix.plugins.module_utils._certificate.commands import run
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_pem_private_key,
    )
    from cryptography.x509.oid import NameOID
except ImportError:
    CRYPTOGRAPHY_ERROR: str | None = traceback.format_exc()
else:
    CRYPTOGRAPHY_ERROR = None
    # What cryptography raises, beside ValueError, for a certificate with which something is wrong.
    _DAMAGED = (ValueError, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)


def certificates(text: str) -> list[str]:
    """The certificates of a PEM text, each with the end of its line."""
    return [block.group() + "\n" for block in _BLOCK.finditer(text) if block.group(1) == "CERTIFICATE"]


def keys(text: str) -> list[str]:
    """The private keys of a PEM text, encrypted ones included, each with the end of its line."""
    return [block.group() + "\n" for block in _BLOCK.finditer(text) if block.group(1).endswith("PRIVATE KEY")]


def validity(certificate: x509.Certificate) -> tuple[datetime.datetime, datetime.datetime]:
    """(begin, end) in UTC; cryptography before 42 has them without a time zone only."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    begin, end = certificate.not_valid_before, certificate.not_valid_after
    return begin.replace(tzinfo=datetime.timezone.utc), end.replace(tzinfo=datetime.timezone.utc)


def alternative_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    """What a certificate is for."""
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []


def may_issue(certificate: x509.Certificate) -> bool:
    """Whether a certificate says of itself that it is an authority's."""
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


class Certificate:
    """What the first certificate of a PEM text says; Sentence when there is none."""

    def __init__(self, chain: str) -> None:
        try:
            self.x509 = x509.load_pem_x509_certificate((certificates(chain) or [""])[0].encode())
            found = alternative_names(self.x509)
            self.self_signed = self.x509.subject == self.x509.issuer
            self.issuer = self.x509.issuer.rfc4514_string()
        except _DAMAGED:
            raise Sentence("it is not a certificate in PEM form") from None
        self.names = {name.value.lower() for name in found if isinstance(name, x509.DNSName)}
        self.addresses = {name.value for name in found if isinstance(name, x509.IPAddress)}
        self.not_after = validity(self.x509)[1]

    def days_left(self) -> float:
        """Days until the certificate is not valid any longer; negative since then."""
        return (self.not_after - datetime.datetime.now(datetime.timezone.utc)).total_seconds() / 86400

    def covers(self, domains: list[str]) -> bool:
        """Whether every one of the domains is named, itself or by a wildcard for its first label."""
        return all(domain in self.names or "*." + domain.partition(".")[2] in self.names for domain in domains)

    def description(self) -> str:
        """One line for people, without anything secret."""
        names = ", ".join([*sorted(self.names), *map(str, sorted(self.addresses, key=str))]) or "no name"
        fingerprint = self.x509.fingerprint(hashes.SHA256()).hex(":").upper()
        return f"for {names}, issued by {self.issuer}, valid until {self.not_after.date()}, SHA-256 {fingerprint}"


def description(chain: str) -> str:
    """That of the first certificate of a PEM text; empty when there is none."""
    try:
        return Certificate(chain).description()
    except Sentence:
        return ""


def pair_problem(chain: str, key: str) -> str | None:
    """Why chain and key cannot serve together, or None."""
    try:
        public = Certificate(chain).x509.public_key()
        private = load_pem_private_key((keys(key) or [""])[0].encode(), password=None).public_key()
    except Sentence as problem:
        return str(problem)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "the private key cannot be read (is it in PEM form and without a passphrase?)"
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_bytes(*form) != public.public_bytes(*form):
        return "the private key belongs to another certificate"
    return None


def chain_problem(chain: str, authority: str | None = "") -> str | None:
    """Why clients would not get from the first certificate of a chain to an authority's, or None.

    Each certificate has to be signed by the next. One that is alone has to be signed by itself, by an authority that
    this system trusts or by one of authority (PEM text); None for an authority that is not known here.
    """
    try:
        found = [Certificate(text) for text in certificates(chain)]
        authorities = [Certificate(text) for text in certificates(authority or "")]
    except Sentence as problem:
        return str(problem)
    for number, (issued, issuer) in enumerate(zip(found, found[1:]), 1):
        if not may_issue(issuer.x509) or not _signed(issued, issuer):
            return (
                f"certificate {number} of the chain is not signed by the one behind it, "
                "which has to be its issuer's, or one of both is not valid now"
            )
    if (
        len(found) > 1
        or authority is None
        or found[0].self_signed
        or any(_signed(found[0], issuer) for issuer in authorities)
        or run("openssl", "verify", text=chain).returncode == 0
    ):
        return None
    return "the chain lacks the certificate of its issuer, without which clients do not trust it"


def _signed(issued: Certificate, issuer: Certificate) -> bool:
    """Whether the issuer signed the other, and both are valid now."""
    now = datetime.datetime.now(datetime.timezone.utc)
    if not all(begin <= now < end for begin, end in (validity(one.x509) for one in (issued, issuer))):
        return False
    try:
        issued.x509.verify_directly_issued_by(issuer.x509)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def self_signed(domains: list[str], addresses: list, days: int) -> tuple[str, str]:
    """A new pair (chain, key) that nobody vouches for, valid from now on."""
    key = ec.generate_private_key(ec.SECP256R1())
    # A common name has at most 64 characters; the names that count are the alternative ones.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, domains[0] if len(domains[0]) <= 64 else "matrix")])
    names: list[x509.GeneralName] = [x509.DNSName(domain) for domain in domains]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return certificate.public_bytes(Encoding.PEM).decode(), pem.decode()
