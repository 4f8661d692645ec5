# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Matrix client that uses a homeserver from outside as people and other homeservers do, over HTTPS with the CA
verified.

As a program: python tests/tools/matrix_client.py --base-url https://example.com --ca ca.pem --user admin
--password-file FILE [--address 10.199.0.11] runs every check, prints one line each and exits with the number of
failures. As a module: Homeserver and its methods.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import pathlib
import secrets
import socket
import sys
import time
import urllib.parse

import nacl.signing
import requests
import requests.adapters

MEGABYTE = 1024 * 1024
ADMIN_PATHS = (
    "/_synapse/admin/v1/server_version",
    "//_synapse/admin/v1/server_version",
    "/%5Fsynapse/admin/v1/server_version",
    "/_synapse/%61dmin/v1/server_version",
    "/_matrix/../_synapse/admin/v1/server_version",
    "/_matrix/..%2f_synapse/admin/v1/server_version",
    "/_synapse/admin/../client/x",
)


class Failure(AssertionError):
    """A check that did not hold, as one sentence."""


def require(condition, sentence):
    if not condition:
        raise Failure(sentence)


def canonical(value):
    """Canonical JSON of the Matrix specification (appendix), as bytes."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def unpadded(text):
    """Bytes of Base64 without padding."""
    return base64.b64decode(text + "=" * (-len(text) % 4))


class ToAddress(requests.adapters.HTTPAdapter):
    """Connects to a given address, but speaks to (and checks the certificate of) the host of the URL."""

    def __init__(self, host, address):
        self.host, self.address = host, address
        super().__init__()

    def send(self, request, **more):
        parts = urllib.parse.urlsplit(request.url)
        if parts.hostname == self.host:
            request.headers["Host"] = parts.netloc
            address = f"[{self.address}]" if ":" in self.address else self.address
            request.url = urllib.parse.urlunsplit(
                parts._replace(netloc=address + (":%d" % parts.port if parts.port else ""))
            )
        return super().send(request, **more)

    def init_poolmanager(self, *arguments, **more):
        super().init_poolmanager(*arguments, server_hostname=self.host, assert_hostname=self.host, **more)


class Homeserver:
    """One homeserver as seen from outside.

    base_url: as in a client, https://NAME (http:// for a server behind a foreign proxy's address); ca: a PEM file, or
    True for the system's store; address: where NAME lives, if no DNS says so; server_name: if it differs from NAME.
    Methods raise Failure.
    """

    def __init__(self, base_url, ca=True, address=None, server_name=None, federation_port=8448):
        parts = urllib.parse.urlsplit(base_url)
        self.base_url = base_url.rstrip("/")
        self.scheme, self.host = parts.scheme, parts.hostname
        self.address = address or self.host
        self.server_name = server_name or self.host
        self.federation_port = federation_port
        self.ca = ca
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = ca
        if address and self.scheme == "https":
            self.session.mount("https://", ToAddress(self.host, address))
        elif address:
            self.session.headers["Host"] = parts.netloc
            self.base_url = "http://{}{}".format(address, ":%d" % parts.port if parts.port else "")
        self.federation_url = "%s://%s:%d" % (
            self.scheme,
            self.host if self.scheme == "https" else self.address,
            federation_port,
        )
        self.token = None
        self.user_id = None

    def raw(self, path, port=None):
        """Status of a GET whose path goes out exactly as it is written; 0 when nobody accepts the connection."""
        import http.client
        import ssl

        port = port or urllib.parse.urlsplit(self.base_url).port or (443 if self.scheme == "https" else 80)
        connection = http.client.HTTPConnection(self.host, port, timeout=20)
        try:
            connection.sock = socket.create_connection((self.address, port), timeout=20)
            if self.scheme == "https":
                context = ssl.create_default_context(cafile=None if self.ca is True else str(self.ca))
                connection.sock = context.wrap_socket(connection.sock, server_hostname=self.host)
            connection.request("GET", path)
            return connection.getresponse().status
        except ConnectionRefusedError:
            return 0
        finally:
            connection.close()

    def call(self, method, path, expect=200, **more):
        """The JSON answer to a request that must have the expected status."""
        if self.token:
            more.setdefault("headers", {})["Authorization"] = "Bearer " + self.token
        url = path if "://" in path else self.base_url + path
        for _attempt in range(5):
            try:
                answer = self.session.request(method, url, timeout=60, **more)
            except requests.exceptions.SSLError as error:
                raise Failure(f"the certificate of {self.host} is not trusted: {error}") from None
            except requests.RequestException as error:
                raise Failure(f"{method} {url} got no answer: {error}") from None
            if answer.status_code != 429:
                break
            time.sleep(min(answer.json().get("retry_after_ms", 1000) / 1000, 10))
        require(
            answer.status_code == expect,
            f"{method} {url} answered {answer.status_code}, not {expect}: {answer.text[:200]}",
        )
        return answer

    # --- checks ---

    def versions(self):
        """Versions of the client API the server supports."""
        found = self.call("GET", "/_matrix/client/versions").json().get("versions")
        require(found, "/_matrix/client/versions lists no version")
        return found

    def well_known(self):
        """(server document, client document), readable for browsers and pointing here."""
        documents = []
        for name in ("server", "client"):
            answer = self.call("GET", "/.well-known/matrix/" + name)
            require(
                answer.headers.get("Access-Control-Allow-Origin") == "*",
                "no browser may read /.well-known/matrix/" + name,
            )
            require(
                answer.headers.get("Content-Type", "").startswith("application/json"),
                f"/.well-known/matrix/{name} is not marked as JSON",
            )
            documents.append(answer.json())
        server, client = documents
        require(":" in server.get("m.server", ""), f"m.server names no port: {server!r}")
        base = client.get("m.homeserver", {}).get("base_url", "")
        require(base.startswith("https://"), f"m.homeserver has no https base_url: {client!r}")
        return server, client

    def login(self, user, password):
        """The access token of a new session."""
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": password}
        answer = self.call("POST", "/_matrix/client/v3/login", json=body).json()
        self.token, self.user_id = answer["access_token"], answer["user_id"]
        return self.token

    def use_token(self, token):
        """Go on with a session from before; returns its user."""
        self.token = token
        self.user_id = self.call("GET", "/_matrix/client/v3/account/whoami").json()["user_id"]
        return self.user_id

    def create_room(self):
        """The identifier of a new private room."""
        return self.call(
            "POST", "/_matrix/client/v3/createRoom", json={"preset": "private_chat", "name": "end to end"}
        ).json()["room_id"]

    def send(self, room, text):
        """The identifier of a sent message."""
        path = "/_matrix/client/v3/rooms/{}/send/m.room.message/{}".format(
            urllib.parse.quote(room, safe=""), secrets.token_hex(8)
        )
        return self.call("PUT", path, json={"msgtype": "m.text", "body": text}).json()["event_id"]

    def read(self, room, event):
        """The text of a message."""
        path = "/_matrix/client/v3/rooms/{}/event/{}".format(
            urllib.parse.quote(room, safe=""), urllib.parse.quote(event, safe="")
        )
        return self.call("GET", path).json()["content"]["body"]

    def upload(self, content):
        """The mxc:// address of uploaded bytes."""
        headers = {"Content-Type": "application/octet-stream"}
        return self.call(
            "POST", "/_matrix/media/v3/upload?filename=end-to-end.bin", data=content, headers=headers
        ).json()["content_uri"]

    def download(self, uri):
        """The bytes behind an mxc:// address."""
        return self.call("GET", "/_matrix/client/v1/media/download/" + uri.removeprefix("mxc://")).content

    def federation_key(self):
        """(key id, public key as Base64) of the server's signing key, after its signature was verified, from the
        federation port.
        """
        document = self.call("GET", self.federation_url + "/_matrix/key/v2/server").json()
        require(
            document["server_name"] == self.server_name, "the key document is for {}".format(document["server_name"])
        )
        require(document["valid_until_ts"] > time.time() * 1000, "the key document has expired")
        signatures = document.pop("signatures")[self.server_name]
        document.pop("unsigned", None)
        for key_id, key in document["verify_keys"].items():
            try:
                nacl.signing.VerifyKey(unpadded(key["key"])).verify(canonical(document), unpadded(signatures[key_id]))
            except (nacl.exceptions.BadSignatureError, KeyError) as error:
                raise Failure(f"the signature of the key document does not verify with {key_id}: {error}") from None
        require(document["verify_keys"], "the key document holds no key")
        return key_id, key["key"]

    def nothing_else_is_open(self):
        """Synapse's own port and its administration interface cannot be reached."""
        for port in filter(
            None,
            (
                urllib.parse.urlsplit(self.base_url).port or (443 if self.scheme == "https" else 80),
                self.federation_port,
            ),
        ):
            for path in ADMIN_PATHS:
                status = self.raw(path, port)
                require(status in (400, 403, 404), "%s on port %d answers %s" % (path, port, status))
        try:
            socket.create_connection((self.address, 8008), timeout=3).close()
        except OSError:
            return
        raise Failure(f"port 8008 of {self.address} is open")

    def check_all(self, user, password, media_size=10 * MEGABYTE):
        """Run every check; yields (name, None or what is wrong)."""
        state = {}

        def conversation():
            state["room"] = self.create_room()
            text = "hello ✓ " + secrets.token_hex(8)
            event = self.send(state["room"], text)
            found = self.read(state["room"], event)
            require(found == text, f"the message came back as {found!r}")

        def media():
            content = os.urandom(media_size)
            require(self.download(self.upload(content)) == content, "the file came back changed")

        checks = {
            "versions": self.versions,
            "well-known documents": self.well_known,
            "login": lambda: self.login(user, password),
            "room and message": conversation,
            "upload and download of %d MB" % (media_size // MEGABYTE): media,
            "federation key and its signature": self.federation_key,
            "8008 and /_synapse/admin are closed": self.nothing_else_is_open,
        }
        for name, check in checks.items():
            try:
                check()
            except Failure as failure:
                yield name, str(failure)
            except (KeyError, ValueError, OSError) as error:
                yield name, f"unexpected answer: {error!r}"
            else:
                yield name, None


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base-url", required=True, help="https://NAME of the homeserver")
    parser.add_argument("--ca", default=True, help="PEM file with the CA; the system's store without it")
    parser.add_argument("--address", help="where NAME lives, if no DNS says so")
    parser.add_argument("--server-name", help="if it differs from NAME")
    parser.add_argument("--federation-port", type=int, default=8448)
    parser.add_argument("--user", required=True)
    secret = parser.add_mutually_exclusive_group(required=True)
    secret.add_argument("--password", help="shown in process lists; better --password-file")
    secret.add_argument("--password-file", type=pathlib.Path)
    arguments = parser.parse_args(argv)
    password = arguments.password or arguments.password_file.read_text(encoding="utf-8").strip()
    server = Homeserver(
        arguments.base_url, arguments.ca, arguments.address, arguments.server_name, arguments.federation_port
    )
    failures = 0
    for name, problem in server.check_all(arguments.user, password):
        print("%-4s %s%s" % ("FAIL" if problem else "ok", name, ": " + problem if problem else ""))
        failures += problem is not None
    return failures


if __name__ == "__main__":
    sys.exit(main())
