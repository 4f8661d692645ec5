# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A password-reset mail arrives at a real mail server, on every port with the TLS behaviour that the port stands
for.
"""

from __future__ import annotations

import email
import email.policy
import json
import secrets

import pytest

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


@pytest.mark.parametrize(
    "port, settings",
    [(587, "require_transport_security: true"), (465, "force_tls: true"), (25, "require_transport_security: false")],
)
def test_a_reset_mail_arrives_with_tls_and_login(site, port, settings):
    try:
        if port != 587:
            site.roles("synapse", matrix_smtp_port=port)
        assert settings in site.jail_run(f"cat {SYNAPSE}/homeserver.d/email.yaml")
        mail = ask_for_reset(site)
        assert (mail["port"], mail["tls"], mail["user"]) == (port, True, "matrix")
        assert mail["to"] == ["alice@corp.example.co.uk"]
        assert mail["from"] == "matrix@neigh.test"
        message = email.message_from_string(mail["data"], policy=email.policy.default)
        assert message["From"] == "matrix@neigh.test"
        assert "https://neigh.test/_synapse/client/password_reset/" in message.get_body(("plain",)).get_content()
    finally:
        if port == 25:
            site.roles("synapse")
