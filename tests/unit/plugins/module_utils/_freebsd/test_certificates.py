# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates in PEM form, found and told apart without any library for it."""

from __future__ import annotations

import base64
import os
import subprocess

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import certificates
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(name="certificate", scope="module")
def a_certificate(tmp_path_factory: pytest.TempPathFactory):
    """(text of a certificate, as openssl writes it for an openssl that trusts it, what openssl says its fingerprint
    is)
    """
    path = tmp_path_factory.mktemp("certificate") / "ca.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "/dev/null",
    ]
    subprocess.run([*command, "-subj", "/CN=one", "-out", str(path)], check=True, capture_output=True)

    def ask(*wanted: str) -> bytes:
        return subprocess.run(["openssl", "x509", "-in", str(path), *wanted], check=True, capture_output=True).stdout

    return (
        path.read_bytes(),
        ask("-trustout", "-addtrust", "serverAuth"),
        ask("-noout", "-fingerprint", "-sha256").decode().strip().rpartition("=")[2],
    )


def pem(der: bytes, label: str, ending: bytes) -> bytes:
    body = base64.encodebytes(der).replace(b"\n", ending)
    return b"-----BEGIN %s-----%s%s-----END %s-----%s" % (label.encode(), ending, body, label.encode(), ending)


def element(content: bytes) -> bytes:
    """An ASN.1 sequence."""
    size = len(content)
    if size < 0x80:
        return b"\x30" + bytes([size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return b"\x30" + bytes([0x80 | len(digits)]) + digits + content


def test_a_fingerprint_is_openssls(certificate):
    plain, trusted, known = certificate
    assert b"TRUSTED" in trusted and certificates.fingerprints(plain + trusted) == [known, known]


LABELS = st.sampled_from(["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"])
ENDINGS = st.sampled_from([b"\n", b"\r\n"])
NOISE = st.binary(max_size=40).filter(lambda noise: b"-" not in noise)


@given(st.lists(st.tuples(st.binary(max_size=400), LABELS, ENDINGS, NOISE), max_size=4), st.data())
def test_what_is_taken_out_is_what_was_found(parts, data):
    text = b"".join(noise + pem(element(content), label, ending) for content, label, ending, noise in parts)
    found = certificates.fingerprints(text)
    assert len(found) == len(parts)
    assert [one == other for one in found for other in found] == [
        one[0] == other[0] for one in parts for other in parts
    ]
    unwanted = set(data.draw(st.lists(st.sampled_from(found)))) if found else set()
    left = certificates.without(text, unwanted)
    assert certificates.fingerprints(left) == [one for one in found if one not in unwanted]
    assert (left == text) == (not unwanted)


@given(st.binary(max_size=300))
def test_whatever_a_file_holds_is_read(text):
    assert certificates.without(text, set(certificates.fingerprints(text))) is not None
    broken = b"-----BEGIN CERTIFICATE-----\n" + text + b"\n-----END CERTIFICATE-----\n"
    assert len(certificates.fingerprints(broken)) <= 1


def test_what_is_no_file_holds_none_and_keeps_nobody_waiting(tmp_path, certificate):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert [
        certificates.in_file(str(path)) for path in (tmp_path, tmp_path / "pipe", tmp_path / "link", tmp_path / "none")
    ] == [[]] * 4
    (tmp_path / "ca.pem").write_bytes(certificate[0])
    (tmp_path / "good").symlink_to("ca.pem")
    assert certificates.in_file(str(tmp_path / "good")) == [certificate[2]]


def test_each_directory_is_walked_once(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").write_text("")
    (tmp_path / "a/b/up").symlink_to(tmp_path / "a")
    (tmp_path / "away").mkdir()
    (tmp_path / "away/other").write_text("")
    (tmp_path / "a/away").symlink_to(tmp_path / "away")
    walked = [
        sorted(os.path.basename(path) for path in certificates.files_below(str(tmp_path / "a"), follow))
        for follow in (True, False)
    ]
    assert walked == [["file", "other"], ["file"]]
    assert list(certificates.files_below(str(tmp_path / "none"), follow=True)) == []
