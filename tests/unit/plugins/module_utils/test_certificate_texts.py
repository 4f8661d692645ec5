# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is read from texts of others (certificates, keys, acme.sh's output) is understood or refused in words."""

from __future__ import annotations

import datetime
import subprocess
import time

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.acme import complaint
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.acme_files import WELL_FORMED
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.certificate import (
    Certificate,
    certificates,
    chain_problem,
    description,
    keys,
    pair_problem,
    self_signed,
)
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.nginx import emergency
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from hypothesis import given
from hypothesis import strategies as st

CHAIN, KEY = self_signed(["example.com", "*.example.com"], ["192.0.2.7", "2001:db8::1"], 30)
REAL = datetime.datetime
OTHER_CHAIN, OTHER_KEY = self_signed(["example.org"], [], 30)


def openssl(*argv, text):
    return subprocess.run(["openssl", *argv], input=text, capture_output=True, text=True, check=True).stdout


def test_openssl_reads_the_same_in_a_certificate():
    certificate = Certificate(CHAIN)
    said = openssl("x509", "-noout", "-enddate", "-fingerprint", "-sha256", "-ext", "subjectAltName", text=CHAIN)
    assert certificate.not_after.strftime("notAfter=%b %e %H:%M:%S %Y GMT") in said
    assert "DNS:example.com, DNS:*.example.com, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:1" in said
    assert certificate.names == {"example.com", "*.example.com"} and len(certificate.addresses) == 2
    assert certificate.description().rpartition(" ")[2] in said
    assert 29.9 < certificate.days_left() <= 30


def test_a_name_is_covered_by_itself_and_by_a_wildcard_for_its_first_label():
    certificate = Certificate(CHAIN)
    assert certificate.covers(["example.com", "a.example.com"])
    assert not certificate.covers(["example.com", "a.b.example.com"]) and not certificate.covers(["example.org"])


@pytest.mark.parametrize("kind", [["rsa:2048"], ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"], ["ed25519"]])
@pytest.mark.parametrize("passphrase", [[], ["-aes256", "-passout", "pass:secret"]])
def test_keys_of_others_are_told_apart(tmp_path, kind, passphrase):
    key, chain = tmp_path / "key", tmp_path / "chain"
    made = ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-keyout", str(key), "-out", str(chain)]
    subprocess.run([*made, "-subj", "/CN=other"], check=True, capture_output=True)
    text = openssl("pkey", "-in", str(key), *passphrase, text="")
    problem = pair_problem(chain.read_text(), text)
    if passphrase:
        assert problem == "the private key cannot be read (is it in PEM form and without a passphrase?)"
    else:
        assert problem is None
        assert pair_problem(CHAIN, text) == "the private key belongs to another certificate"
        assert description(chain.read_text()).startswith("for no name, issued by CN=other, valid until ")


def test_a_key_behind_its_parameters_is_found(tmp_path):
    """As openssl writes one with "ecparam -genkey"."""
    text = openssl("ecparam", "-name", "prime256v1", "-genkey", text="")
    assert "EC PARAMETERS" in text
    chain = openssl("req", "-x509", "-key", "/dev/stdin", "-subj", "/CN=x", text=text)
    assert pair_problem(chain, text) is None


class Later(datetime.datetime):
    """A clock that is 60 days ahead."""

    @classmethod
    def now(cls, tz=None):
        return REAL.fromtimestamp(time.time() + 60 * 86400, tz)


def test_a_chain_is_judged_by_signatures_and_dates(monkeypatch):
    assert chain_problem(CHAIN) is None
    assert "certificate 1 of the chain is not signed by the one behind it" in chain_problem(CHAIN + OTHER_CHAIN)
    assert chain_problem(CHAIN + CHAIN) is None
    certificate = Certificate(CHAIN)
    monkeypatch.setattr(datetime, "datetime", Later)
    assert "not valid now" in chain_problem(CHAIN + CHAIN)
    assert -31 < certificate.days_left() < -29


@pytest.mark.parametrize("authority, trusted", [("", False), ("its", True), ("another", False)])
def test_a_lone_certificate_needs_an_authority_that_is_known(tmp_path, authority, trusted):
    authority_chain, authority_key = self_signed(["authority"], [], 30)
    for name, text in (("ca.pem", authority_chain), ("ca.key", authority_key), ("ext", "subjectAltName=DNS:a.test\n")):
        (tmp_path / name).write_text(text)
    for command in (
        "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key -subj /CN=leaf -out csr",
        "openssl x509 -req -in csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ext -days 9 -out leaf",
    ):
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    leaf = (tmp_path / "leaf").read_text()
    known = {"": "", "its": OTHER_CHAIN + authority_chain, "another": OTHER_CHAIN}[authority]
    assert (chain_problem(leaf, known) is None) == trusted
    assert chain_problem(leaf, None) is None and chain_problem(leaf + authority_chain, known) is None


@st.composite
def damaged(draw):
    """A chain and a key in which something has been changed, left out or doubled."""
    text = CHAIN + OTHER_CHAIN + KEY
    begin = draw(st.integers(0, len(text)))
    end = draw(st.integers(begin, min(len(text), begin + 400)))
    return text[:begin] + draw(st.sampled_from(["", "\n", "A", "=", text[begin:end] * 2])) + text[end:]


@given(damaged() | st.text())
def test_any_text_is_read_or_refused_in_a_sentence(text):
    try:
        certificate = Certificate(text)
    except Sentence as problem:
        assert str(problem) == "it is not a certificate in PEM form" and description(text) == ""
    else:
        assert certificate.not_after.tzinfo is datetime.timezone.utc and certificate.covers(sorted(certificate.names))
        assert "\n" not in certificate.description()
    problem = pair_problem(text, text)
    assert problem is None or problem and "\n" not in problem
    assert all(block.rstrip("\n") in text for block in certificates(text) + keys(text))


def test_the_words_of_the_ca_are_told():
    logged = '{"detail": "Cannot update challenge"}\n{"detail": "it says \\"no\\"\\nto that"}\n'
    assert complaint(logged, "[date] an Error of acme.sh\n") == 'it says "no" to that'
    assert (
        complaint("", "[date] \x1b[31;1mCreate account key error.\x1b[0m\n[date] bye\n") == "Create account key error."
    )
    assert complaint("", "[date] bye\n") == "bye"
    # What the CA says then is that it looked in vain.
    assert (
        complaint('{"detail": "No TXT"}', "[date] invalid answer\n[date] Error adding TXT record: x.\n[date] bye\n")
        == "Error adding TXT record: x."
    )


@given(st.text(), st.lists(st.text()))
def test_whatever_acme_sh_and_nginx_say_makes_one_line(said, details):
    logged = "".join(f'{{"type": "x", "detail": "{detail}"}}\n' for detail in details)
    for words in (complaint(logged, said), emergency(said), emergency("[emerg] " + said)):
        assert words.strip() and len(words.splitlines()) == 1


@given(st.text(alphabet="A='\"$`\\;b #|&\n", max_size=12))
def test_a_line_that_is_kept_carries_out_nothing(line):
    if not WELL_FORMED.match(line):
        return
    script = f'PATH=; set -e\n{line}\n[ -z "${{0#sh}}" ]'
    done = subprocess.run(["/bin/sh", "-c", script, "sh"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "" and done.stdout == "", (line, done)
