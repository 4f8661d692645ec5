# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What else lives on the homeserver's name, as the guide has it, for clients whose address is let in and for others."""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import re
import socket
import ssl
import threading

import pytest
import yaml

from .conftest import TOP, wait_for
from .test_verify import edited

GUIDE = (TOP / "docs/web.md").read_text(encoding="utf-8")
NGINX = "/usr/local/etc/nginx/nginx.conf"
SOCKET = "/var/run/hookshot/webhooks.sock"
ON_SOCKET = f"""
import http.server, os, socketserver
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(("hooks " + self.path).encode())
    def log_message(self, *arguments): pass
os.makedirs("/var/run/hookshot", exist_ok=True)
if os.path.exists("{SOCKET}"): os.unlink("{SOCKET}")
server = socketserver.UnixStreamServer("{SOCKET}", Page); os.chmod("{SOCKET}", 0o666); server.serve_forever()
"""
# Of the same machine, so no other part of a name server's or a CA's world.
PORT = 18081


class Upstream(http.server.BaseHTTPRequestHandler):
    """Answers with what it saw, and after an Upgrade with what it is sent, backwards."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade") == "websocket":
            self.connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
            )
            self.connection.sendall(self.connection.recv(1024)[::-1])
            self.close_connection = True
            return
        seen = json.dumps({"path": self.path, "headers": dict(self.headers)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(seen)))
        self.end_headers()
        self.wfile.write(seen)

    def log_message(self, *arguments):
        """Keep the test's output to itself."""


@contextlib.contextmanager
def upstream(site):
    class Server(http.server.ThreadingHTTPServer):
        allow_reuse_address = True

    server = Server((site.address, PORT), Upstream)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def of_the_guide(site):
    """The variables of the guide, with addresses of this deployment."""
    found = {}
    for text in re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL):
        for name, value in yaml.safe_load(text).items():
            found.setdefault(name, value)
    text = re.sub(r"http://10\.0\.0\.3[01]:\d+", f"http://{site.address}:{PORT}", json.dumps(found))
    text = text.replace("10.0.0.0/24", f"{site.address}/32").replace("192.0.2.7", "203.0.113.7")
    return json.loads(text)


@pytest.fixture(scope="module")
def web(site):
    """The variables, deployed; what they lead to runs."""
    variables = of_the_guide(site)
    assert set(variables) == {
        "matrix_well_known_client",
        "matrix_support",
        "matrix_locations",
        "matrix_admin_api_from",
    }
    daemon = "/usr/sbin/daemon -f -p /var/run/hookshot.pid /usr/local/bin/python3.11 /root/hookshot.py"
    with upstream(site):
        site.jail_run(f"cat > /root/hookshot.py <<'END'\n{ON_SOCKET}END\n{daemon}")
        try:
            wait_for(lambda: site.jail_run(f"ls {SOCKET}", check=False), 20, "the socket is there")
            done = site.roles("reverse_proxy", **variables)
            assert [change for change in done.changes if "nginx" not in change] == [], done.changes
            yield variables
        finally:
            site.jail_run("kill $(cat /var/run/hookshot.pid); rm -f /root/hookshot.py", check=False)
            site.roles("reverse_proxy")


def ask(site, path, source="", headers=None):
    """(status, headers, text) of a request from an address of this machine, the gateway's unless another is given."""
    context = ssl.create_default_context(cafile=str(site.place / "roots.pem"))
    connection = http.client.HTTPConnection(site.domain, 443, timeout=20)
    plain = socket.create_connection((site.jail, 443), timeout=20, source_address=(source, 0) if source else None)
    connection.sock = context.wrap_socket(plain, server_hostname=site.domain)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def test_texts_and_redirects(site, web):
    status, headers, text = ask(site, "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert text == "<h1>This is the homeserver of example.com</h1>"
    status, headers, _text = ask(site, "/help")
    assert (status, headers["Location"]) == (302, "https://example.com/help")
    assert ask(site, "/anything")[0] == 404


def test_a_location_with_allow_lets_nobody_else_in(site, web):
    seen = json.loads(ask(site, "/admin/a?b", site.address)[2])
    assert seen["path"] == "/a?b"
    assert seen["headers"]["X-Forwarded-For"] == site.address and seen["headers"]["X-Forwarded-Proto"] == "https"
    assert ask(site, "/admin/a")[0] == 403
    assert ask(site, "/admin/a", headers={"X-Forwarded-For": site.address})[0] == 403


def test_upstreams_and_websockets(site, web):
    assert json.loads(ask(site, "/livekit/jwt/sfu/get?x")[2])["path"] == "/sfu/get?x"
    assert ask(site, "/hooks/x/y")[2] == "hooks /hooks/x/y"
    context = ssl.create_default_context(cafile=str(site.place / "roots.pem"))
    plain = socket.create_connection((site.jail, 443), timeout=20)
    with context.wrap_socket(plain, server_hostname=site.domain) as connection:
        connection.sendall(
            b"GET /livekit/sfu/rtc HTTP/1.1\r\nHost: neigh.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        assert connection.recv(1024).startswith(b"HTTP/1.1 101 ")
        connection.sendall(b"backwards")
        assert connection.recv(1024) == b"sdrawkcab"


def test_the_admin_interface_is_open_to_those_who_are_let_in(site, web):
    client = site.client()
    token = {"Authorization": "Bearer " + client.login("admin", site.remembered("admin"))}
    status, _headers, text = ask(site, "/_synapse/admin/v2/users?guests=false", site.address, token)
    assert status == 200 and "@admin:neigh.test" in text
    assert ask(site, "/_synapse/admin/v2/users", site.address)[0] == 401
    for headers in (token, {**token, "X-Forwarded-For": site.address}):
        assert ask(site, "/_synapse/admin/v2/users", headers=headers)[0] == 404
    client.nothing_else_is_open()


def test_the_well_known_documents_are_those_of_the_guide(site, web):
    status, headers, text = ask(site, "/.well-known/matrix/client")
    assert json.loads(text) == {"m.homeserver": {"base_url": "https://neigh.test"}, **web["matrix_well_known_client"]}
    for name in ("client", "server", "support"):
        status, headers, text = ask(site, f"/.well-known/matrix/{name}")
        assert (status, headers["Content-Type"]) == (200, "application/json")
        assert headers["Access-Control-Allow-Origin"] == "*"
    assert json.loads(text) == web["matrix_support"]


def test_a_second_run_changes_nothing_and_verify_is_content(site, web):
    assert site.roles("reverse_proxy", **web).changes == []
    assert site.verify(**web) == []


def test_verify_names_an_upstream_that_is_away(site, web):
    site.jail_run("mv /var/run/hookshot /var/run/away")
    try:
        (failure,) = site.verify(**web)
    finally:
        site.jail_run("mv /var/run/away /var/run/hookshot")
    assert "What the locations lead to answers: no, unix:/var/run/hookshot/webhooks.sock: " in failure
    assert failure.endswith("(look at matrix_locations, then run site with --tags reverse_proxy)")


def test_verify_names_an_admin_interface_that_is_open_to_everybody(site, web):
    with edited(site, NGINX, r"/geo .admin_allowed/,/}/ s/default 0/default 1/", "nginx", "reload"):
        wait_for(lambda: ask(site, "/_synapse/admin/v1/server_version")[0] == 200, 20, "nginx has read it")
        (failure,) = site.verify(**web)
    assert "The admin interface is closed to whoever is not let in: no, " in failure
    assert failure.endswith("(look at matrix_admin_api_from, then run site with --tags reverse_proxy)")
