# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Synapse answers to requests about accounts."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import http.server
import json
import socketserver
import threading
import urllib.parse

SECRET = "registration-shared-secret"


class Homeserver:
    """What Synapse 1.163 answers to the requests of this module, as read in its source."""

    def __init__(self):
        self.accounts = {}  # localpart → body it was registered with
        self.erased = set()  # deactivated and erased: no profile, but the name is taken
        self.secret = SECRET
        self.registration_open = False
        self.profiles_need_login = False
        self.keys = True
        self.admin_api = True
        self.limits = []  # retry_after_ms of the next answers
        self.nonces = set()
        self.log = []
        self.warnings = []  # of the module
        self.login_limits = []
        self.failures = 0
        self.tokens = {}  # access token → localpart
        self.password_logins = True

    def answer(self, method, path, query, body, headers):
        self.log.append(f"{method} {path}")
        if "X-Forwarded-For" not in headers:
            return 500, {"errcode": "M_UNKNOWN", "error": "Internal server error"}
        if self.limits:
            return 429, {
                "errcode": "M_LIMIT_EXCEEDED",
                "error": "Too Many Requests",
                "retry_after_ms": self.limits.pop(0),
            }
        if path == "/_matrix/key/v2/server" and self.keys:
            return 200, {"server_name": "example.org"}
        if path.startswith("/_matrix/client/v3/profile/") and path.endswith("/displayname"):
            user = urllib.parse.unquote(path.split("/")[5])
            if self.profiles_need_login:
                return 401, {"errcode": "M_MISSING_TOKEN", "error": "Missing access token"}
            if user.endswith(":example.org") and user[1:].partition(":")[0] in self.accounts:
                return 200, {}
            return 404, {"errcode": "M_NOT_FOUND", "error": "Profile was not found"}
        if path == "/_matrix/client/v3/register/available":
            if not self.registration_open:
                return 403, {"errcode": "M_FORBIDDEN", "error": "Registration has been disabled"}
            if query["username"][0] in set(self.accounts) | self.erased:
                return 400, {"errcode": "M_USER_IN_USE", "error": "User ID already taken."}
            return 200, {"available": True}
        if path == "/_synapse/admin/v1/register" and self.admin_api:
            return self.register(method, body)
        if path == "/_matrix/client/v3/account/whoami":
            name = self.tokens.get(headers["Authorization"].removeprefix("Bearer "))
            return (200, {"user_id": f"@{name}:example.org"}) if name else (401, {"errcode": "M_UNKNOWN_TOKEN"})
        if path == "/_matrix/client/v3/login" and self.login_limits:
            return 429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": self.login_limits.pop()}
        if path == "/_matrix/client/v3/login":
            return self.log_in(body)
        if path == "/_matrix/client/v3/logout":
            return 200, {"left": self.tokens.pop(headers["Authorization"].removeprefix("Bearer "))}
        if path.startswith("/_synapse/admin/v2/users/") and self.failures:
            self.failures -= 1
            return 500, {"errcode": "M_UNKNOWN", "error": "Internal server error"}
        if path.startswith("/_synapse/admin/v2/users/"):
            return self.administrate(method, path, body, headers.get("Authorization", ""))
        return 404, {"errcode": "M_UNRECOGNIZED", "error": "Unrecognized request"}

    def log_in(self, body):
        account = self.accounts.get(body["identifier"]["user"])
        if not self.password_logins:
            return 400, {"errcode": "M_UNKNOWN", "error": "Unknown login type m.login.password"}
        if not account or account.get("deactivated") or account["password"] != body["password"]:
            return 403, {"errcode": "M_FORBIDDEN", "error": "Invalid username or password"}
        token = f"token{len(self.log)}"
        self.tokens[token] = body["identifier"]["user"]
        return 200, {"access_token": token, "device_id": "D" + token}

    def administrate(self, method, path, body, authorization):
        asker = self.accounts.get(self.tokens.get(authorization.removeprefix("Bearer ")), {})
        if not asker.get("admin"):
            return 403, {"errcode": "M_FORBIDDEN", "error": "You are not a server admin"}
        name = urllib.parse.unquote(path.split("/")[5])[1:].partition(":")[0]
        account = self.accounts.get(name)
        if account is None:
            return 404, {"errcode": "M_NOT_FOUND", "error": "User not found"}
        if path.endswith("/devices"):
            return 200, {"devices": [{"device_id": "D" + token} for token, user in self.tokens.items() if user == name]}
        if path.endswith("/delete_devices"):
            for device in body["devices"]:
                del self.tokens[device[1:]]
            return 200, {}
        if method == "PUT":
            account.update({key: value for key, value in body.items() if key != "logout_devices"})
            if body.get("deactivated") or body.get("logout_devices"):
                self.tokens = {token: user for token, user in self.tokens.items() if user != name}
        return 200, {"admin": int(account["admin"]), "deactivated": bool(account.get("deactivated"))}

    def register(self, method, body):
        if method == "GET":
            nonce = "nonce%d" % len(self.log)
            self.nonces.add(nonce)
            return 200, {"nonce": nonce}
        if not self.secret:
            return 400, {"errcode": "M_UNKNOWN", "error": "Shared secret registration is not enabled"}
        self.nonces.remove(body["nonce"])
        text = "\0".join([body["nonce"], body["username"], body["password"], "admin" if body["admin"] else "notadmin"])
        if hmac.new(self.secret.encode(), text.encode(), hashlib.sha1).hexdigest() != body["mac"]:
            return 403, {"errcode": "M_UNKNOWN", "error": "HMAC incorrect"}
        if body["username"] in set(self.accounts) | self.erased:
            return 400, {"errcode": "M_USER_IN_USE", "error": "User ID already taken."}
        if body["username"].isdigit():
            return 400, {"errcode": "M_INVALID_USERNAME", "error": "Numeric user IDs are reserved for guest users."}
        self.accounts[body["username"]] = body
        return 200, {"user_id": "@{}:example.org".format(body["username"]), "home_server": "example.org"}


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def running(path):
    """A homeserver that listens on a unix socket."""
    homeserver = Homeserver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def reply(self):
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            url = urllib.parse.urlsplit(self.path)
            status, answer = homeserver.answer(
                self.command, url.path, urllib.parse.parse_qs(url.query), body, self.headers
            )
            text = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = reply

        def address_string(self):
            return "unix"

        def log_message(self, *args):
            """Nothing: the homeserver keeps its own log."""

    homeserver.socket = str(path)
    server = UnixServer(homeserver.socket, Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    homeserver.handler = Handler
    try:
        yield homeserver
    finally:
        server.shutdown()
        server.server_close()
