# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that acme.sh tells its answers for the DNS, in front of the DNS that the tests' CA asks."""

from __future__ import annotations

import collections
import http.server
import json
import threading
import urllib.request


class AcmeDnsServer(http.server.ThreadingHTTPServer):
    """What an acme-dns is to acme.sh: it takes a text for whoever knows the password, and the DNS has it afterwards,
    and the one before: as many as a name and its wildcard need. The CA takes no answer that is longer than a packet.
    """

    SUBDOMAIN = "8e5700ea"

    def __init__(self, dns_management, names, address="127.0.0.1"):
        server = self
        self.password, self.refused = "first", 0
        texts = collections.deque(maxlen=2)

        def teach(verb, **content):
            request = urllib.request.Request(f"{dns_management}/{verb}", json.dumps(content).encode())
            urllib.request.urlopen(request, timeout=5).close()

        class Handler(http.server.BaseHTTPRequestHandler):
            """One request."""

            def do_POST(self):
                given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                fine = self.path == "/update" and self.headers["X-Api-Key"] == server.password
                if fine:
                    texts.append(given["txt"])
                    for host in [f"_acme-challenge.{name}." for name in names]:
                        teach("clear-txt", host=host)
                        for text in texts:
                            teach("set-txt", host=host, value=text)
                else:
                    server.refused += 1
                answer = json.dumps({"txt": given["txt"]} if fine else {"error": "forbidden"}).encode()
                self.send_response(200 if fine else 401)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_words):
                """Nothing."""

        super().__init__((address, 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def settings(self):
        """What matrix_acme_dns says of it."""
        return {
            "plugin": "dns_acmedns",
            "wait": 0,
            "settings": {
                "ACMEDNS_BASE_URL": "http://%s:%d" % self.server_address,
                "ACMEDNS_USERNAME": "user",
                "ACMEDNS_PASSWORD": self.password,
                "ACMEDNS_SUBDOMAIN": self.SUBDOMAIN,
            },
        }
