# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver that is reached under another name than its users have: the certificate, what it says of itself, and
what verify says of the domain's web site, which is another machine's.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import socketserver
import ssl
import sys
import threading

import pytest
from matrix_client import Homeserver

from .conftest import SYNAPSE, TOP

sys.path.insert(0, str(TOP / "tests/double/neighbours"))
import certificates

NAME = "matrix.neigh.test"
# Those that the name concerns.
ROLES = ("consul_agent", "synapse", "ldap_auth", "tls", "reverse_proxy")
GUIDE = (TOP / "docs/first-server.md").read_text(encoding="utf-8")


class WebSite:
    """The web site of the domain, and a proxy by which the controller gets to it, since no name server of the
    controller knows the domain.

    pages: (status, text, headers) by path; asked: whom the proxy was asked for.
    """

    def __init__(self, place):
        self.pages, self.asked = {}, set()
        chain, key = certificates.issue(certificates.SHARED, place, ["neigh.test"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain, key)
        web = self

        class Pages(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, text, headers = web.pages.get(self.path, (404, "", {}))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_arguments):
                """Keep the test's output to itself."""

        class Proxy(socketserver.StreamRequestHandler):
            def handle(self):
                web.asked.add(self.rfile.readline().split()[1].decode())
                while self.rfile.readline().strip():
                    pass
                self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                with contextlib.suppress(OSError), context.wrap_socket(self.connection, server_side=True) as secure:
                    Pages(secure, self.client_address, self.server)

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.proxy = f"http://127.0.0.1:{self.server.server_address[1]}"

    def serve(self, documents):
        """Serve well-known documents and nothing else."""
        headers = {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"}
        self.pages = {
            f"/.well-known/matrix/{name}": (200, json.dumps(document), headers) for name, document in documents.items()
        }


def of_the_guide():
    """The documents as the guide has them, for the deployment's names."""
    found = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)]
    assert len(found) == 2
    text = json.dumps({"server": found[0], "client": found[1]})
    return json.loads(text.replace("matrix.example.com", NAME))


@pytest.fixture(scope="module")
def web(site, tmp_path_factory):
    found = WebSite(tmp_path_factory.mktemp("web"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("https_proxy", found.proxy)
        # What is connected to by an address does not go by it.
        yield found
    found.server.shutdown()


@pytest.fixture(scope="module")
def named(site, web):
    """The variables with which the server has a name of its own; the way back is another change of the name."""
    for kind in ("dns", "pebble"):
        site.tell(kind, "host", f"{NAME}={site.jail}")
    trusted = site.place / "with-web-site.pem"
    trusted.write_text((site.place / "roots.pem").read_text() + (certificates.SHARED / "ca.crt").read_text())
    variables = {"matrix_host": NAME, "matrix_verify_ca_file": str(trusted)}
    try:
        done = site.ansible("site", **variables)
        assert done.code == 0, done.output[-5000:]
        yield variables, done
    finally:
        site.roles(*ROLES)
        assert site.client().versions()


def own_client(site):
    return Homeserver(f"https://{NAME}", str(site.place / "roots.pem"), site.jail, "neigh.test")


def test_it_is_reached_under_its_name_by_the_users_of_the_domain(site, named):
    client = own_client(site)
    problems = [(name, problem) for name, problem in client.check_all("alice", site.remembered("alice")) if problem]
    assert problems == []
    assert client.user_id == "@alice:neigh.test"
    server, document = client.well_known()
    assert server == {"m.server": f"{NAME}:443"} and document["m.homeserver"] == {"base_url": f"https://{NAME}"}
    # Other homeservers come to the port that the document names.
    client.federation_url = f"https://{NAME}:443"
    assert client.federation_key()
    written = site.jail_run(f"cat {SYNAPSE}/homeserver.d/homeserver.yaml")
    assert f"public_baseurl: https://{NAME}/" in written and "server_name: neigh.test" in written


def test_the_certificate_is_for_the_name_alone(site, named):
    shown = site.jail_run("openssl x509 -noout -ext subjectAltName -in /mnt/matrixdata/tls/fullchain.pem")
    assert re.findall(r"DNS:(\S+)", shown) == [NAME]
    # The daily run of acme.sh has nothing more to do with the domain, which leads elsewhere.
    listed = site.jail_run("su -m acme -c '/usr/local/sbin/acme.sh --list --listraw --home /mnt/acme'")
    assert [line.partition("|")[0] for line in listed.splitlines()[1:]] == [NAME]


def test_the_run_says_once_what_the_web_site_has_to_serve(named):
    _variables, done = named
    words = re.sub(r"\s+", " ", done.output)
    assert words.count("neigh1: https://neigh.test/.well-known/matrix/server answers 404, and") == 1
    assert words.count('"/.well-known/matrix/server": { "m.server": "matrix.neigh.test:443" }') == 1
    assert words.count(f'"/.well-known/matrix/client": {{ "m.homeserver": {{ "base_url": "https://{NAME}" }} }}') == 1
    for lines in re.findall(r"^    (location /\.well-known/matrix/ \{.*?)^    \}$", GUIDE, re.M | re.S) + re.findall(
        r"^```apache\n(.*?)^```$", GUIDE, re.M | re.S
    ):
        assert all(f'"{line.strip()}"' in words or line.strip() in words for line in lines.splitlines())


@pytest.mark.thorough
def test_a_second_run_changes_nothing(site, named):
    assert site.roles(*ROLES, **named[0]).changes == []


def test_verify_is_content_with_the_files_of_the_guide(site, web, named):
    web.serve(of_the_guide())
    done = site.ansible("verify", verify_attempts=1, verify_delegation_required=True, **named[0])
    assert done.code == 0 and "warning" not in done.output and "location /" not in done.output, done.output[-3000:]
    assert web.asked == {"neigh.test:443"}


def test_verify_tells_a_web_site_that_leads_elsewhere(site, web, named):
    web.serve({**of_the_guide(), "server": {"m.server": "former.neigh.test:443"}})
    done = site.ansible("verify", verify_attempts=1, **named[0])
    assert done.code == 0 and "says 'former.neigh.test:443', not matrix.neigh.test:443" in done.words, done.output
    (failure,) = site.verify(verify_delegation_required=True, **named[0])
    assert (
        "The domain's web site says where the homeserver is: no, " in failure
        and "(look at matrix_host, then run site with --tags reverse_proxy)" in failure
    )


@pytest.mark.thorough
def test_verify_asks_the_server_by_its_name(site, web, named):
    """Under the former name it has no certificate, and says something else than what it would have to."""
    web.serve(of_the_guide())
    variables = {**named[0], "matrix_host": "neigh.test"}
    failures = site.verify(**variables)
    assert len(failures) == 1 and "The certificate is good: no" in failures[0], failures
