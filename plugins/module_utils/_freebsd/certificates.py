# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates in PEM form, told apart by their fingerprints; what a pot's own Python can do, which has no library for
it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import stat
from collections.abc import Iterator

# The labels that OpenSSL reads a certificate from.
_BLOCK = re.compile(rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----(.*?)-----END \1-----[ \t]*\r?\n?", re.DOTALL)


def _certificate(der: bytes) -> bytes:
    """The first ASN.1 element: behind it a trusted certificate has what it is trusted for."""
    if len(der) < 2 or der[1] < 0x80:
        return der[: 2 + der[1]] if len(der) >= 2 else der
    size = der[1] & 0x7F
    return der[: 2 + size + int.from_bytes(der[2 : 2 + size], "big")]


def _fingerprint(block: re.Match[bytes]) -> str | None:
    """That of one block; None when it is no base64."""
    try:
        der = base64.b64decode(b"".join(block[2].split()), validate=True)
    except binascii.Error:
        return None
    digest = hashlib.sha256(_certificate(der)).hexdigest().upper()
    return ":".join(digest[place : place + 2] for place in range(0, len(digest), 2))


def fingerprints(text: bytes) -> list[str]:
    """The SHA-256 fingerprints, as "openssl x509 -fingerprint -sha256" writes them, of all certificates in what a file
    holds.

    What does not look like a certificate in PEM form is passed over. Whether the certificates are good is not looked
    at.
    """
    return [found for found in map(_fingerprint, _BLOCK.finditer(text)) if found]


def without(text: bytes, unwanted: set[str]) -> bytes:
    """What a file holds, without the certificates of these fingerprints."""
    return _BLOCK.sub(lambda block: b"" if _fingerprint(block) in unwanted else block[0], text)


def in_file(path: str) -> list[str]:
    """The fingerprints of a file's certificates, as fingerprints(). Links are followed, as whoever trusts the file
    does.

    What is no regular file or cannot be read holds none: nobody can trust what is in it.
    """
    try:
        # A pipe would keep whoever opens it waiting.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return []
        with os.fdopen(handle, "rb", closefd=False) as stream:
            return fingerprints(stream.read())
    finally:
        os.close(handle)


def files_below(top: str, follow: bool) -> Iterator[str]:
    """The paths of all that is no directory in a directory and those below it; nothing for a directory that is not
    there.

    follow: whether to go into directories that links lead to, each of them once.
    """
    seen = set()
    for directory, below, files in os.walk(top, followlinks=follow):
        found = os.stat(directory)
        if (found.st_dev, found.st_ino) in seen:
            below.clear()
            continue
        seen.add((found.st_dev, found.st_ino))
        for name in files:
            yield os.path.join(directory, name)
