# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Without TLS, behind a foreign proxy and a router: the same server on 80 and 8447, and its TURN server without TLS."""

from __future__ import annotations

import secrets
import socket

import pytest
import requests
from ansible_collections.potluck.matrix.plugins.module_utils._probe.turn import allocate
from matrix_client import Homeserver

from .calls import offered_by, session
from .conftest import SYNAPSE, self_signed, wait_for

CLAIMED = "203.0.113.%d"
# What those see who are called.
ROUTER = "203.0.113.7"


@pytest.fixture(scope="module")
def plain(site):
    """The server with NOSSL. The gateway, from where the tests come, is the trusted proxy."""
    variables = {
        "matrix_nossl": True,
        "matrix_trusted_proxies": ["10.199.0.1"],
        "matrix_certificate_watch_days": 7,
        "matrix_turn": True,
        "matrix_turn_external_ip": ROUTER,
        # The deployment's own has the secret of another TURN server.
        "synapse_secret_settings": {},
    }
    try:
        done = site.ansible("site", **variables)
        assert done.code == 0, done.output[-4000:]
        yield variables
    finally:
        # With the settings of the administrator in the place of those of the TURN server.
        back = site.ansible("site")
        assert back.code == 0, back.output[-4000:]


def ask(site, port, path, method="GET", **more):
    headers = {"Host": "neigh.test", "X-Forwarded-Proto": "https", **more.pop("headers", {})}
    return requests.request(
        method, "http://%s:%d%s" % (site.jail, port, path), headers=headers, timeout=20, allow_redirects=False, **more
    )


@pytest.mark.parametrize("port", [80, 8447])
def test_clients_and_servers_are_answered(site, plain, port):
    assert "versions" in ask(site, port, "/_matrix/client/versions").json()
    assert "verify_keys" in ask(site, port, "/_matrix/key/v2/server").json()
    assert ask(site, port, "/_synapse/admin/v1/server_version").status_code in (403, 404)


def test_the_public_address_is_still_https(site, plain):
    assert "public_baseurl: https://neigh.test/" in site.jail_run(f"cat {SYNAPSE}/homeserver.d/homeserver.yaml")
    assert ask(site, 80, "/.well-known/matrix/client").json()["m.homeserver"]["base_url"] == "https://neigh.test"


def test_nothing_speaks_tls(site, plain):
    for port in (443, 8448, 5349):
        with pytest.raises(OSError):
            socket.create_connection((site.jail, port), timeout=2).close()


def test_calls_are_relayed_at_the_address_of_the_router(site, plain):
    client = Homeserver("http://neigh.test:8447", address=site.jail)
    offered = offered_by(client, site.remembered("admin"))
    assert offered["uris"] == [f"turn:neigh.test:3478?transport={transport}" for transport in ("udp", "tcp")]
    for uri in offered["uris"]:
        with session(site, offered, uri) as talk:
            address, port = allocate(talk)
            assert address == ROUTER and 49152 <= port <= 50175


def seen_in_log(site, claimed, source=None):
    """The address in Synapse's log line about a request with a name nobody else asks for."""
    word = "v" + secrets.token_hex(8)
    session = requests.Session()
    if source:
        adapter = requests.adapters.HTTPAdapter()
        adapter.init_poolmanager(1, 1, source_address=(source, 0))
        session.mount("http://", adapter)
    session.get(
        f"http://{site.jail}:8447/_matrix/client/versions?{word}",
        headers={"Host": "neigh.test", "X-Forwarded-For": claimed},
        timeout=20,
    )
    search = f"grep {word} /var/log/matrix-synapse/homeserver.log | grep 'Processed request' || true"
    line = wait_for(lambda: site.jail_run(search), 20, "Synapse logs the request")
    return line.rpartition("synapse.access")[2].split(" - ", 4)


@pytest.mark.thorough
def test_forwarded_addresses_are_believed_from_the_given_proxy_only(site, plain):
    assert any((CLAIMED % 7) in part for part in seen_in_log(site, CLAIMED % 7))
    other = seen_in_log(site, CLAIMED % 8, source=site.address)
    assert not any((CLAIMED % 8) in part for part in other) and any(site.address in part for part in other)


@pytest.mark.thorough
def test_verify_passes_and_knows_nothing_of_certificates(site, plain):
    # An authority that vouches for nothing here: whoever looked at a certificate would find fault with it.
    nobodys = site.place / "nobodys.pem"
    nobodys.write_text(self_signed("nobody.test", 30)[0])
    assert site.verify(verify_attempts=5, matrix_verify_ca_file=str(nobodys), **plain) == []
