# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of a domain's web site, against one that says the right thing, the wrong one, or nothing."""

from __future__ import annotations

import http.server
import json
import ssl
import threading

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.certificate import self_signed
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._probe import checks as probe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

FOCI = "org.matrix.msc4143.rtc_foci"
DOCUMENTS = {
    "server": {"m.server": "matrix.example.com:443"},
    "client": {
        "m.homeserver": {"base_url": "https://matrix.example.com"},
        FOCI: [{"type": "livekit", "livekit_service_url": "https://rtc.example.com"}],
    },
}


class WebSite(http.server.BaseHTTPRequestHandler):
    """Serves what pages has: (status, body, headers) by path."""

    pages: dict = {}

    def do_GET(self):
        status, body, headers = self.pages.get(self.path, (404, b"<html>", {}))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        """Keep the test's output to itself."""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """(HOST:PORT, the file with its authority)."""
    place = tmp_path_factory.mktemp("site")
    chain, key = self_signed(["localhost"], [], 30)
    (place / "ca.pem").write_text(chain)
    (place / "key.pem").write_text(key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), WebSite)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(place / "ca.pem", place / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"localhost:{server.server_address[1]}", str(place / "ca.pem")
    server.shutdown()


def page(document, **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return 200, body, {"Access-Control-Allow-Origin": "*", **headers}


def asked(site, server, client, **more):
    """The result of the check of a web site with these two pages."""
    WebSite.pages = {"/.well-known/matrix/server": server, "/.well-known/matrix/client": client}
    check = {
        "name": "The web site points here",
        "variable": "matrix_host",
        "kind": "delegation",
        "target": site[0],
        "documents": DOCUMENTS,
        "remedy": {"files": DOCUMENTS},
        "ca_file": site[1],
        "verify": True,
        **more,
    }
    return probe.run_all([check], 5, 1, Runner())[0]


RIGHT = page(DOCUMENTS["server"]), page(DOCUMENTS["client"])
MISSING = (404, b"", {})


@pytest.mark.parametrize(
    "said", ["matrix.example.com:443", "matrix.example.com", "Matrix.Example.com.:8448", "matrix.example.com:8448"]
)
def test_what_leads_here(site, said):
    result = asked(site, page({"m.server": said, "more": 1}), RIGHT[1])
    assert result["ok"] and result["message"] == f"the web site of {site[0]} points here" and "remedy" not in result


def test_redirects_and_a_slash_at_the_end_lead_here_too(site):
    client = {**DOCUMENTS["client"], "m.homeserver": {"base_url": "https://matrix.example.com/"}, "x": 1}
    WebSite.pages = {}
    moved = (302, b"", {"Location": "/elsewhere"})
    assert not asked(site, moved, page(client))["ok"]
    WebSite.pages["/elsewhere"] = RIGHT[0]
    check = {"kind": "delegation", "target": site[0], "documents": DOCUMENTS, "ca_file": site[1]}
    assert probe.remote("delegation")(check, 5, Runner())


WRONG = {
    "nothing there": (MISSING, MISSING, ["/server answers 404, and https://", "/client answers 404"]),
    "one is missing": (RIGHT[0], MISSING, ["/client answers 404"]),
    "not JSON": (page(b"<html>"), RIGHT[1], ["/server is not JSON"]),
    "a list": (page([1]), page([1]), ["/server is not JSON", "/client is not JSON"]),
    "another server": (
        page({"m.server": "old.example.com:443"}),
        RIGHT[1],
        ["/server says 'old.example.com:443', not matrix.example.com:443"],
    ),
    "another port": (page({"m.server": "matrix.example.com:9000"}), RIGHT[1], ["'matrix.example.com:9000', not"]),
    "no port": (page({"m.server": "matrix.example.com:x"}), RIGHT[1], ["'matrix.example.com:x', not"]),
    "no text": (page({"m.server": ["matrix.example.com"]}), RIGHT[1], ["says '[\"matrix.example.com\"]', not"]),
    "nothing of it": (page({}), page({}), ["/server says nothing of it", "/client says nothing of it"]),
    "another base_url": (
        RIGHT[0],
        page({**DOCUMENTS["client"], "m.homeserver": {"base_url": "https://example.com"}}),
        ["/client says 'https://example.com', not https://matrix.example.com"],
    ),
    "no foci": (RIGHT[0], page({"m.homeserver": DOCUMENTS["client"]["m.homeserver"]}), [f"says nothing about {FOCI}"]),
    "former foci": (RIGHT[0], page({**DOCUMENTS["client"], FOCI: []}), [f"says something else about {FOCI}"]),
    "no browser": (RIGHT[0], (200, RIGHT[1][1], {}), ["lacks the header Access-Control-Allow-Origin: *"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_lead_here_is_told_in_words(site, case):
    server, client, words = WRONG[case]
    result = asked(site, server, client)
    assert not result["ok"] and all(word in result["message"] for word in words), result
    assert result["remedy"] == {"files": DOCUMENTS} and "\n" not in result["message"]
    advised = asked(site, server, client, advisory=True)
    assert advised["ok"] and advised["remedy"] == result["remedy"]
    assert advised["message"] == f"warning: {result['message']} (look at matrix_host)"


def test_a_web_site_that_cannot_be_asked(site):
    result = asked(site, *RIGHT, ca_file=None)
    assert not result["ok"] and "cannot be read: its certificate is refused: self" in result["message"]
    result = asked(site, *RIGHT, target="nobody.invalid")
    assert not result["ok"] and result["message"].startswith("https://nobody.invalid/.well-known/matrix/server cannot")
    result = asked(site, *RIGHT, target="localhost:1")
    assert not result["ok"] and "refused" in result["message"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.sampled_from(["m.server", "m.homeserver"]), part),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["m.server", "m.homeserver", FOCI]), ANYTHING))
def test_whatever_a_web_site_says_is_told_on_one_line(site, said):
    result = asked(site, page(said), page(said))
    assert not result["ok"] and result["message"].isascii() and "\n" not in result["message"]
    assert len(result["message"]) < 500
