# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate authority for tests, by openssl(1)."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

from neighbour import STATE, Failure

# Of all neighbours: one file to trust for whoever talks to them.
SHARED = STATE / "ca"


def _openssl(*argv: object, text: str = "") -> None:
    result = subprocess.run(["openssl", *map(str, argv)], input=text, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise Failure(f"openssl {argv[0]}: {result.stderr.strip()}")


def make_ca(directory: Path, name: str = "Potluck test CA") -> Path:
    """ca.crt and ca.key in the directory, unless they are there; returns the certificate's path."""
    directory.mkdir(parents=True, exist_ok=True)
    certificate = directory / "ca.crt"
    with open(directory / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not certificate.exists():
            _openssl(
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "30",
                "-subj",
                f"/CN={name}",
                "-addext",
                "basicConstraints=critical,CA:TRUE",
                "-addext",
                "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout",
                directory / "ca.key",
                "-out",
                directory / "ca.crt.new",
            )
            (directory / "ca.crt.new").rename(certificate)
    return certificate


def issue(ca: Path, into: Path, names: list[str], days: int = 30) -> tuple[Path, Path]:
    """A certificate for DNS names and IP addresses, to serve and to ask with; (chain file, key file) named after the
    first.
    """
    into.mkdir(parents=True, exist_ok=True)
    first = names[0].replace("*", "_")
    key, request, certificate = (into / f"{first}{suffix}" for suffix in (".key", ".csr", ".crt"))
    alternatives = ",".join(("IP:" if _is_address(name) else "DNS:") + name for name in names)
    _openssl(
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-subj",
        f"/CN={names[0]}",
        "-keyout",
        key,
        "-out",
        request,
    )
    extensions = into / f"{first}.ext"
    extensions.write_text(
        f"subjectAltName={alternatives}\nbasicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n",
        encoding="utf-8",
    )
    _openssl(
        "x509",
        "-req",
        "-in",
        request,
        "-CA",
        ca / "ca.crt",
        "-CAkey",
        ca / "ca.key",
        "-CAcreateserial",
        "-days",
        days,
        "-extfile",
        extensions,
        "-out",
        certificate,
    )
    with open(certificate, "a", encoding="utf-8") as chain:
        chain.write((ca / "ca.crt").read_text(encoding="utf-8"))
    request.unlink()
    extensions.unlink()
    return certificate, key


def _is_address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()
