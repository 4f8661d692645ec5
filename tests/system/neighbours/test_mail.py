# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A password-reset mail arrives at a real mail server, with the TLS that the port stands for or that is asked for."""

from __future__ import annotations

import email
import email.policy
import json
import secrets

import pytest
from thorough import some

from .conftest import SYNAPSE, wait_for


def ask_for_reset(site):
    """Ask for a password-reset mail for alice; the mail that arrives."""
    site.login("alice")
    before = len(json.loads(site.tell("smtp-sink", "mails")))
    client = site.client()
    body = {"client_secret": secrets.token_hex(8), "email": "alice@corp.example.co.uk", "send_attempt": 1}
    client.call("POST", "/_matrix/client/v3/account/password/email/requestToken", json=body)
    mails = wait_for(lambda: json.loads(site.tell("smtp-sink", "mails"))[before:], 20, "the mail arrives")
    assert len(mails) == 1
    return mails[0]


# What is said of each connection, and what it comes to: port, matrix_smtp_tls, a line of Synapse's file, whether TLS is
# spoken. Port 25 offers STARTTLS, 2025 does not.
CONNECTIONS = [
    (587, "", "require_transport_security: true", True),
    (465, "", "force_tls: true", True),
    (25, "", "require_transport_security: false", True),
    (25, "none", "enable_tls: false", False),
    (2025, "starttls", "require_transport_security: false", False),
    (2026, "starttls", "require_transport_security: false", True),
    (2587, "starttls_required", "require_transport_security: true", True),
    (2465, "implicit", "force_tls: true", True),
]


@pytest.mark.parametrize("port, mode, settings, tls", some(CONNECTIONS, CONNECTIONS[0], CONNECTIONS[5], CONNECTIONS[7]))
def test_a_reset_mail_arrives_with_the_tls_that_is_asked_for_and_a_login(site, port, mode, settings, tls):
    try:
        if port != 587:
            site.roles("synapse", matrix_smtp_port=port, matrix_smtp_tls=mode)
        assert settings in site.jail_run(f"cat {SYNAPSE}/homeserver.d/email.yaml")
        mail = ask_for_reset(site)
        assert (mail["port"], mail["tls"], mail["user"]) == (port, tls, "matrix")
        assert mail["to"] == ["alice@corp.example.co.uk"]
        assert mail["from"] == "matrix@neigh.test"
        message = email.message_from_string(mail["data"], policy=email.policy.default)
        assert message["From"] == "matrix@neigh.test"
        assert message["Subject"] == "[neigh.test] Password reset"
        assert "https://neigh.test/_synapse/client/password_reset/" in message.get_body(("plain",)).get_content()
    finally:
        if port == 2465:
            site.roles("synapse")


def test_verify_asks_with_the_tls_that_is_asked_for(site):
    def found(port, mode):
        return site.verify(matrix_smtp_port=port, matrix_smtp_tls=mode, matrix_verify_outside=False)

    # Another test may just have restarted Synapse, which the agent has not seen yet.
    site.settle()
    assert found(2025, "none") == [] and found(2465, "implicit") == []
    (without,) = found(2025, "starttls_required")
    assert "does not offer STARTTLS (look at matrix_smtp_tls, " in without
    (plain,) = found(2026, "implicit")
    assert "TLS with" in plain and "look at matrix_smtp_tls, " in plain


def test_a_mail_has_the_words_of_the_inventory(site):
    words = {
        "matrix_smtp_from": "Jürgen's, Matrix: 100 % <matrix@neigh.test>",
        "matrix_mail_app_name": "Our Matrix",
        "matrix_mail_client_url": "https://chat.neigh.test/",
        "matrix_mail_subjects": {"password_reset": "A new word for %(app)s at %(server_name)s, 100 %%"},
    }
    try:
        site.roles("synapse", **words)
        again = site.roles("synapse", **words)
        assert again.changed == 0
        mail = ask_for_reset(site)
        assert mail["from"] == "matrix@neigh.test"
        message = email.message_from_string(mail["data"], policy=email.policy.default)
        (sender,) = message["From"].addresses
        assert (sender.display_name, sender.addr_spec) == ("Jürgen's, Matrix: 100 %", "matrix@neigh.test")
        assert message["Subject"] == "A new word for Our Matrix at neigh.test, 100 %"
        assert "client_base_url: https://chat.neigh.test\n" in site.jail_run(f"cat {SYNAPSE}/homeserver.d/email.yaml")
    finally:
        site.roles("synapse")


@pytest.mark.thorough
def test_a_wrong_word_is_refused_before_the_host_is_touched(site):
    for variables, sentence in [
        ({"matrix_smtp_port": 2525}, "matrix_smtp_tls is not set, and matrix_smtp_port 2525 is none of the usual"),
        ({"matrix_smtp_tls": "ssl"}, 'matrix_smtp_tls: "ssl" is none of none, starttls, starttls_required, implicit'),
        ({"matrix_mail_subjects": {"reset": "x"}}, 'matrix_mail_subjects: the value has the unknown key "reset"'),
    ]:
        done = site.ansible("site", **variables)
        assert done.code != 0 and sentence in done.words, done.output[-3000:]
        assert "zfs_dataset" not in done.output
