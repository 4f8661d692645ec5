# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of what answers HTTP."""

from __future__ import annotations

import base64
import http.client
import re
import socket
import ssl
import typing as t
from urllib.parse import urlsplit

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._probe.sockets import tls_context


class _Unix(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket; the host and port of the URL do not matter."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _At(http.client.HTTPSConnection):
    """HTTPS to an address, with the name of the URL for SNI and verification."""

    def __init__(self, address: str, name: str, port: int, timeout: float, context: ssl.SSLContext) -> None:
        super().__init__(name, port, timeout=timeout, context=context)
        self._address = address
        self._tls = context

    def connect(self) -> None:
        """Connect to the address without looking up a name, and start TLS for the name of the URL."""
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def check_http(check: dict, timeout: float, _runner: t.Any) -> str:
    """GET ``target``: its ``status``, and ``body``, a pattern that the first 4 MiB of the answer hold, have to be as
    given.

    ``socket`` or ``address`` takes the place of the host of the URL, and by a socket HTTP is spoken even to an https
    URL. A redirect is not followed, it is an answer like any other. What the network or TLS refuses is raised as it
    comes, see run().
    """
    url = urlsplit(check["target"])
    address = check.get("address") or url.hostname
    connection: http.client.HTTPConnection
    if check.get("socket"):
        connection = _Unix(check["socket"], timeout)
    elif url.scheme == "https":
        connection = _At(address, url.hostname, url.port or 443, timeout, tls_context(check))
    else:
        connection = http.client.HTTPConnection(address, url.port or 80, timeout=timeout)
    headers = {"Host": url.netloc.rpartition("@")[2]}
    headers.update(check.get("headers") or {})
    if check.get("user"):
        login = "{}:{}".format(check["user"], check.get("password") or "")
        headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
    try:
        connection.request("GET", (url.path or "/") + ("?" + url.query if url.query else ""), headers=headers)
        answer = connection.getresponse()
        # A metrics page may be large, and the interesting line may come late.
        body = answer.read(4 * 1024 * 1024).decode("utf-8", "replace")
    finally:
        connection.close()
    if answer.status not in check["status"]:
        raise Sentence(
            "%s answers %d instead of %s" % (check["target"], answer.status, " or ".join(map(str, check["status"])))
        )
    if check.get("body") and not re.search(check["body"], body):
        raise Sentence("the answer of {} does not match {}".format(check["target"], check["body"]))
    return "%s answers %d" % (check["target"], answer.status)
