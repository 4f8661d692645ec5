# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks nginx as clients and other homeservers do, whether it answers as it should with the installed certificate."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
import ssl
import time
from email.message import Message

from ansible_collections.potluck.matrix.plugins.module_utils._certificate.certificate import certificates
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.files import Pair
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

OPEN = ("/.well-known/matrix/server", "/.well-known/matrix/client", "/_matrix/client/versions")
CLOSED = (
    "/_synapse/admin/v1/server_version",
    "//_synapse/admin/v1/server_version",
    "/%5Fsynapse/admin/v1/server_version",
)


def prove(addresses: list[str], ports: list[int], timeout: float, domain: str, pair: Pair | None) -> None:
    """Sentence when a port of an address does not answer rightly; a reload takes a moment, so they are asked until
    timeout (seconds).

    domain: whom it is asked for; pair: what nginx has to show, None without TLS.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            for address, port in itertools.product(addresses, ports):
                _prove_port(address, port, domain, pair)
            return
        except Sentence:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def _prove_port(address: str, port: int, domain: str, pair: Pair | None) -> None:
    for path in OPEN:
        status, headers, body, shown = _request(address, port, path, domain, pair is not None)
        if pair and shown != ssl.PEM_cert_to_DER_cert(certificates(pair.chain)[0]):
            raise Sentence(f"nginx shows another certificate on port {port} than {pair.chain_path} holds")
        if status != 200:
            hint = "; Synapse does not answer behind it" if status in (502, 504) else ""
            raise Sentence(f"nginx answers {status} to {path} on port {port}{hint}")
        try:
            json.loads(body)
        except ValueError:
            raise Sentence(f"nginx does not answer with JSON to {path} on port {port}") from None
        if headers.get("Access-Control-Allow-Origin") != "*":
            raise Sentence(f"nginx lets no browser read {path} on port {port}")
    for path in CLOSED:
        if _request(address, port, path, domain, pair is not None)[0] not in (403, 404):
            raise Sentence(f"nginx gives access to {path} on port {port}")


def _request(address: str, port: int, path: str, domain: str, tls: bool) -> tuple[int, Message, bytes, bytes | None]:
    """(status, headers, body, certificate in DER form or None)."""
    shown, connection = None, http.client.HTTPConnection(address, port, timeout=10)
    try:
        connection.sock = socket.create_connection((address, port), timeout=10)
        if tls:
            # Whether clients trust it is not the question here, only whether it is the one that is installed.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            connection.sock = context.wrap_socket(connection.sock, server_hostname=domain)
            shown = connection.sock.getpeercert(binary_form=True)
        connection.request("GET", path, headers={"Host": domain})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read(), shown
    except (OSError, http.client.HTTPException) as error:
        raise Sentence(f"nobody answers on {address} port {port}: {error}") from None
    finally:
        connection.close()
