# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What role reverse_proxy writes for nginx, read by nginx itself, and asked through a running nginx with a stand-in for
Synapse behind it.

One run of Ansible renders every case (each is an inventory host). nginx runs as on this machine; only paths, the user
and ports are put in its place.
"""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time

import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.certificate import self_signed
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.changes import Changes
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.upkeep import Upkeep
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

ROOT = pathlib.Path(__file__).resolve().parents[3]
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", ""))
pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed; tests/tools/system-packages installs it")

PORTS = {80: 18080, 443: 18443, 8448: 18448, 8447: 18447}
BASE = {
    "matrix_domain": "example.com",
    "matrix_ip": "10.0.0.5",
    "matrix_alert_email": "admin@example.com",
    "matrix_tls_mode": "selfsigned",
    "matrix_ssl_email": "admin@example.com",
    "version": "1.22.1",
}
TEXT = """<p class='x' title="it's $1.50 ${host}">\\n \\\\ $$ {} ; # €</p>\n"""
CASES = {
    "selfsigned": {},
    "acme": {"matrix_tls_mode": "acme"},
    "delegated": {"matrix_host": "matrix.example.com", "reverse_proxy_hsts_max_age": 5},
    "open": {
        "reverse_proxy_hsts_max_age": 5,
        "matrix_admin_api_from": ["127.0.0.2", "192.0.2.0/24", "2001:db8::/32"],
        "matrix_locations": [
            {"path": "/admin/", "to": "http://127.0.0.1:18099/", "allow": ["127.0.0.2/32"]},
            {"path": "/as-it-came/", "to": "http://127.0.0.1:18099"},
            {"path": "/page", "to": "unix:/var/run/other.sock"},
            {"path": "/_matrix/client/v3/login", "to": "http://127.0.0.1:18099"},
            {"path": "/.well-known/security.txt", "text": "Contact: mailto:security@example.com\n"},
            {"path": "/", "text": TEXT, "type": "text/html"},
            {"path": "/secret", "text": "only for some", "allow": ["127.0.0.2", "::1"]},
            {"path": "/old", "redirect": "/admin/"},
            {"path": "/a.b", "redirect": "https://example.org/x?y=z;(1)&[2]", "allow": ["127.0.0.2"]},
        ],
    },
    "rest": {
        "matrix_nossl": True,
        "matrix_tls_mode": "none",
        "matrix_trusted_proxies": ["127.0.0.1"],
        "matrix_admin_api_from": ["203.0.113.0/24"],
        "matrix_locations": [
            {"path": "/", "to": "http://127.0.0.1:18099"},
            {"path": "/mine/", "to": "http://127.0.0.1:18099", "allow": ["203.0.113.9", "2001:db8::/32"]},
        ],
    },
    "anonymous": {"matrix_support": {"contacts": []}},
    "hsts": {"reverse_proxy_hsts_max_age": 31536000},
    "http1": {"reverse_proxy_http2": False},
    "modern": {"version": "1.30.1"},
    "none": {
        "matrix_nossl": True,
        "matrix_tls_mode": "none",
        "matrix_trusted_proxies": ["127.0.0.1", "192.0.2.0/24", "2001:db8::/32"],
    },
    "none_untrusting": {"matrix_tls_mode": "none"},
    "ipv6": {"reverse_proxy_listen_addresses": ["::1", "127.0.0.1"]},
    "both": {"matrix_ip": ["10.0.0.5", "2001:db8::5"]},
    "wildcard": {"reverse_proxy_listen_addresses": ["*"]},
    "awkward": {
        "matrix_extra_domains": ["matrix.example.com"],
        "matrix_well_known_client": {"org.example": {"quote": 'it\'s "$host" \\ €', "list": [1, True, None]}},
        "matrix_support": {
            "contacts": [{"role": "m.role.security", "email_address": "o'neill$x@example.com"}],
            "support_page": "https://example.com/help?a=b&c",
        },
        "reverse_proxy_well_known_server": "matrix.example.com:8448",
        "matrix_max_upload_size": "100M",
    },
}
REFUSED = {
    "no_pair": ({"matrix_tls_mode": "provided"}, "matrix_tls_certificate is not set, but matrix_tls_mode is provided"),
    "plain_directory": (
        {"matrix_tls_mode": "acme", "matrix_acme_directory": "http://x/"},
        "does not begin with https://; for example matrix_acme_directory",
    ),
    "zerossl_without_mail": (
        {"matrix_tls_mode": "acme", "matrix_ssl_email": ""},
        "matrix_ssl_email is not set, but the certificate is asked of ZeroSSL",
    ),
    "half_eab": (
        {"matrix_tls_mode": "acme", "matrix_acme_eab_kid": "x"},
        "matrix_acme_eab_hmac_key is not set, but matrix_acme_eab_kid is",
    ),
    "upload_in_words": ({"matrix_max_upload_size": "50 MB"}, "is not a number of bytes"),
}
PLAYBOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: potluck.matrix.tls
        tasks_from: preflight.yml
        public: true
    - ansible.builtin.include_role:
        name: potluck.matrix.reverse_proxy
        tasks_from: preflight.yml
        public: true
    - ansible.builtin.template:
        src: "%(role)s/templates/nginx.conf.j2"
        dest: "{{ target }}/{{ inventory_hostname }}.conf"
        mode: "0600"
      vars:
        __reverse_proxy_package: {packages: {nginx: "{{ version }},3"}}
      when: "'accepted' in group_names"
    - ansible.builtin.copy:
        content: "{{ __tls_settings | to_json }}"
        dest: "{{ target }}/{{ inventory_hostname }}.json"
        mode: "0600"
      when: "'accepted' in group_names"
"""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """(directory, text of nginx.conf by case, output of Ansible)."""
    directory = tmp_path_factory.mktemp("nginx")
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "target": str(directory),
        **BASE,
    }
    groups = {"accepted": CASES, "refused": {name: values for name, (values, _message) in REFUSED.items()}}
    inventory = {
        group: {"hosts": {name: {**common, **values} for name, values in cases.items()}}
        for group, cases in groups.items()
    }
    (directory / "inventory.yml").write_text(yaml.safe_dump(inventory))
    (directory / "play.yml").write_text(PLAYBOOK % {"role": ROOT / "roles/reverse_proxy"})
    run = subprocess.run(
        [
            pathlib.Path(sys.executable).with_name("ansible-playbook"),
            "-i",
            directory / "inventory.yml",
            directory / "play.yml",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible" / "collections"),
            **os.environ,
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
            "ANSIBLE_FORKS": "4",
        },
        check=False,
    )
    chain, key = self_signed(["example.com", "matrix.example.com"], ["127.0.0.1"], 30)
    (directory / "fullchain.pem").write_text(chain)
    (directory / "privkey.pem").write_text(key)
    texts = {}
    for name in CASES:
        assert (directory / (name + ".conf")).exists(), run.stdout[-4000:] + run.stderr[-2000:]
        texts[name] = (directory / (name + ".conf")).read_text()
    return directory, texts, run.stdout


def here(directory, text):
    """The configuration with this machine's paths, user and free ports."""
    (directory / "logs").mkdir(exist_ok=True)
    for old, new in (
        ("listen 10.0.0.5:", "listen 127.0.0.1:"),
        ("listen [2001:db8::5]:", "listen [::1]:"),
        ("/usr/local/etc/nginx/mime.types", "/etc/nginx/mime.types"),
        ("user www;", "user root;"),
        ("/var/run/nginx.pid", str(directory / "nginx.pid")),
        ("/var/log/nginx", str(directory / "logs")),
        ("/mnt/matrixdata/tls", str(directory)),
        ("/var/run/matrix-synapse/synapse.sock", str(directory / "synapse.sock")),
        ("/var/run/other.sock", str(directory / "synapse.sock")),
        ("worker_processes auto", "worker_processes 1"),
    ):
        text = text.replace(old, new)
    return re.sub(
        r"^(\s*listen .*):(\d+)\b",
        lambda found: "%s:%d" % (found.group(1), PORTS[int(found.group(2))]),
        text,
        flags=re.M,
    )


@pytest.mark.parametrize("case", CASES)
def test_nginx_reads_it(rendered, case):
    directory, texts, _output = rendered
    text = here(directory, texts[case])
    if case == "modern":
        # This machine's nginx may be older than the directive; what 1.25 and later want is looked at below.
        text = text.replace("http2 on;", "")
    path = directory / (case + ".here.conf")
    path.write_text(text)
    done = subprocess.run(
        [NGINX, "-t", "-p", str(directory), "-c", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in re.sub(r'.*the "listen ... http2" directive is deprecated.*', "", done.stderr)


def test_it_listens_at_an_address_of_each_family(rendered):
    found = re.findall(r"^ *listen (\S+)", rendered[1]["both"], re.MULTILINE)
    assert sorted(found) == sorted(
        f"{host}:{port}" for host in ("10.0.0.5", "[2001:db8::5]") for port in (80, 443, 8448)
    )


def test_forms_of_http2(rendered):
    texts = rendered[1]
    assert "ssl http2 default_server" in texts["selfsigned"] and "http2 on" not in texts["selfsigned"]
    assert "ssl default_server" in texts["modern"] and "http2 on;" in texts["modern"]
    assert "http2" not in texts["http1"] + texts["none"]


def test_ports(rendered):
    texts = rendered[1]
    assert set(re.findall(r"listen \S+:(\d+)", texts["acme"])) == {"80", "443", "8448"}
    assert set(re.findall(r"listen \S+:(\d+)", texts["none"])) == {"80", "8447"}
    assert (
        "listen [::1]:443" in texts["ipv6"]
        and "acme-challenge" in texts["acme"]
        and "acme-challenge" not in texts["selfsigned"]
    )
    assert "client_max_body_size 100M;" in texts["awkward"]


@pytest.mark.parametrize("case", REFUSED)
def test_refused_in_words(rendered, case):
    lines = [
        line for line in rendered[2].splitlines() if (f"[{case}]") in line and ("fatal" in line or "failed" in line)
    ]
    assert lines and any(REFUSED[case][1] in line for line in lines), lines


class Synapse(socketserver.ThreadingUnixStreamServer):
    """Answers every request with what it saw."""

    daemon_threads = True
    request_queue_size = 64

    class RequestHandlerClass(socketserver.StreamRequestHandler):
        def handle(self):
            line = self.rfile.readline().decode("latin-1").split()
            headers = http.client.parse_headers(self.rfile)
            self.rfile.read(int(headers.get("Content-Length", 0)))
            seen = json.dumps(
                {"path": line[1], "headers": {name.lower(): value for name, value in headers.items()}}
            ).encode()
            extra = b"Access-Control-Allow-Origin: *\r\n"
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
            self.wfile.write(head + extra + b"Content-Length: %d\r\n\r\n" % len(seen) + seen)

    def __init__(self, path):
        pathlib.Path(path).unlink(missing_ok=True)
        super().__init__(str(path), self.RequestHandlerClass)


class Other(socketserver.ThreadingTCPServer):
    """What a location leads to: as Synapse above, and after an Upgrade an echo."""

    daemon_threads = True
    allow_reuse_address = True

    class RequestHandlerClass(Synapse.RequestHandlerClass):
        def handle(self):
            first = self.connection.recv(65536, socket.MSG_PEEK)
            if b"upgrade: websocket" not in first.lower():
                super().handle()
                return
            self.connection.recv(len(first))
            self.connection.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
            )
            while data := self.connection.recv(1024):
                self.connection.sendall(data[::-1])

    def __init__(self):
        super().__init__(("127.0.0.1", 18099), self.RequestHandlerClass)


@pytest.fixture
def running(rendered, request):
    """A running nginx for the case named by the parameter; gives (case, directory)."""
    directory, texts, _output = rendered
    case = request.param
    (directory / "live.conf").write_text(here(directory, texts[case]))
    server = Synapse(directory / "synapse.sock")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    other = Other()
    threading.Thread(target=other.serve_forever, daemon=True).start()
    process = subprocess.Popen([NGINX, "-p", str(directory), "-c", str(directory / "live.conf"), "-g", "daemon off;"])
    try:
        wait_for_nginx(process)
        yield case, directory
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(timeout=10)
        for each in (server, other):
            each.shutdown()
            each.server_close()


def wait_for_nginx(process, seconds=10):
    deadline = time.monotonic() + seconds
    while True:
        # As it does when it cannot have its ports.
        assert process.poll() is None, "nginx ended with code %d" % process.returncode
        try:
            socket.create_connection(("127.0.0.1", PORTS[80]), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, "nginx does not answer"
            time.sleep(0.05)


def ask(port, path, headers=None, body=None, source="127.0.0.1"):
    """(status, headers, text); the path goes out exactly as it is, from an address of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", PORTS[port], timeout=10, source_address=(source, 0))
    if port in (443, 8448):
        plain = socket.create_connection(("127.0.0.1", PORTS[port]), timeout=10, source_address=(source, 0))
        connection.sock = ssl._create_unverified_context().wrap_socket(plain, server_hostname="example.com")
    connection.request("PUT" if body else "GET", path, body=body, headers={"Host": "example.com", **(headers or {})})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


FORBIDDEN = [
    "/_synapse/admin/v1/server_version",
    "//_synapse/admin/v1/server_version",
    "/_synapse//admin/v1/server_version",
    "/%5Fsynapse/admin/v1/server_version",
    "/%5fsynapse/%61dmin/v1/server_version",
    "/_SYNAPSE/ADMIN/v1/server_version",
    "/_matrix/../_synapse/admin/v1/server_version",
    "/_matrix/%2e%2e/_synapse/admin/v1/server_version",
    "/_matrix/..%2f_synapse/admin/v1/server_version",
    "/_synapse/client/..%2fadmin/v1/server_version",
    "/_synapse/admin/v1/whois/..%2f..%2f..%2fclient%2fx",
    "/_synapse/admin/../client/x",
    "/_synapse/metrics",
    "/_synapse/replication/x",
    "/",
    "/healthy",
    "/%68ealth",
]


@pytest.mark.parametrize("running", ["awkward"], indirect=True)
def test_behaviour_with_tls(running):
    _case, directory = running
    for port in (443, 8448):
        for path in FORBIDDEN:
            assert ask(port, path)[0] in (403, 404), (port, path)
        status, headers, text = ask(port, "/.well-known/matrix/server")
        assert (status, json.loads(text)) == (200, {"m.server": "matrix.example.com:8448"})
        assert headers["Access-Control-Allow-Origin"] == "*" and headers["Content-Type"] == "application/json"
        status, headers, text = ask(port, "/.well-known/matrix/client")
        assert json.loads(text) == {
            "m.homeserver": {"base_url": "https://example.com"},
            **CASES["awkward"]["matrix_well_known_client"],
        }
        status, headers, text = ask(port, "/.well-known/matrix/support")
        assert (status, json.loads(text)) == (200, CASES["awkward"]["matrix_support"])
        assert headers["Access-Control-Allow-Origin"] == "*" and headers["Content-Type"] == "application/json"
        # Room aliases and the like must reach Synapse as they were encoded.
        status, headers, text = ask(
            port, "/_matrix/client/v3/rooms/%21a%2Fb%3Aexample.com/x?y=%2F", {"X-Forwarded-For": "203.0.113.9"}
        )
        seen = json.loads(text)
        assert seen["path"] == "/_matrix/client/v3/rooms/%21a%2Fb%3Aexample.com/x?y=%2F"
        assert seen["headers"]["x-forwarded-for"] == "127.0.0.1" and seen["headers"]["x-forwarded-proto"] == "https"
        assert seen["headers"]["host"] == "example.com"
        assert json.loads(ask(port, "/health")[2])["path"] == "/health"
        assert json.loads(ask(port, "/_synapse/client/pick_username")[2])["path"] == "/_synapse/client/pick_username"
    assert ask(80, "/_matrix/client/versions?a=b")[:2][0] == 301
    assert ask(80, "/_matrix/client/versions?a=b")[1]["Location"] == "https://example.com/_matrix/client/versions?a=b"
    settings = json.loads((directory / "awkward.json").read_text())
    settings.update(directory=str(directory))
    asked = (["127.0.0.1"], [PORTS[443], PORTS[8448]], 0)
    Upkeep(settings, Changes()).prove(*asked)
    chain, key = self_signed(["example.com"], [], 30)
    (directory / "other").mkdir()
    (directory / "other" / "fullchain.pem").write_text(chain)
    with pytest.raises(Sentence, match="shows another certificate on port"):
        Upkeep({**settings, "directory": str(directory / "other")}, Changes()).prove(*asked)


@pytest.mark.parametrize("running", ["delegated"], indirect=True)
def test_the_name_of_the_server_is_not_that_of_its_users(running):
    _case, directory = running
    assert json.loads(ask(443, "/.well-known/matrix/server")[2]) == {"m.server": "matrix.example.com:443"}
    assert json.loads(ask(443, "/.well-known/matrix/client")[2]) == {
        "m.homeserver": {"base_url": "https://matrix.example.com"}
    }
    # Whom users who hit a limit are told of.
    assert json.loads(ask(443, "/.well-known/matrix/support")[2]) == {
        "contacts": [{"role": "m.role.admin", "email_address": "admin@example.com"}]
    }
    assert ask(80, "/x")[1]["Location"] == "https://matrix.example.com/x"
    assert json.loads((directory / "delegated.json").read_text())["domain"] == "matrix.example.com"


# Paths that are one thing to nginx, as it makes them, and another to what is behind it, which gets them as they came.
TWO_FACED = [
    "/as-it-came/../admin/x",
    "/admin/..%2fas-it-came/x",
    "/%61s-it-came/x",
    "//as-it-came/x",
    "/other/../as-it-came/x",
    "/as-it-came/%2e%2e/admin/x",
]


@pytest.mark.parametrize("running", ["open"], indirect=True)
def test_what_else_lives_on_the_name(running):
    let_in = "127.0.0.2"
    for port in (443, 8448):
        for path in FORBIDDEN[:-1]:
            if path not in ("/", "/healthy"):
                assert ask(port, path)[0] in (403, 404), (port, path)
        # The admin interface, to whoever is let in and in one spelling only.
        assert json.loads(ask(port, "/_synapse/admin/v1/x?y=z", source=let_in)[2])["path"] == "/_synapse/admin/v1/x?y=z"
        seen = json.loads(ask(port, "/_synapse/admin/v1/x", {"X-Forwarded-For": let_in}, source=let_in)[2])["headers"]
        assert seen["x-forwarded-for"] == let_in and seen["host"] == "example.com"
        assert ask(port, "/_synapse/admin/v1/x", {"X-Forwarded-For": let_in})[0] == 404
        for path in FORBIDDEN[1:-1]:
            if path not in ("/", "/healthy"):
                assert ask(port, path, source=let_in)[0] in (403, 404), (port, path)
        # Upstreams.
        assert ask(port, "/admin/x")[0] == 403 and ask(port, "/admin/")[0] == 403
        assert json.loads(ask(port, "/admin/a/b?c", source=let_in)[2])["path"] == "/a/b?c"
        seen = json.loads(ask(port, "/as-it-came/%2F?x=%2f", {"X-Forwarded-For": "203.0.113.9"})[2])
        assert seen["path"] == "/as-it-came/%2F?x=%2f" and seen["headers"]["x-forwarded-for"] == "127.0.0.1"
        assert seen["headers"]["x-forwarded-proto"] == "https" and seen["headers"]["host"] == "example.com"
        status, headers, _text = ask(port, "/as-it-came")
        assert status == 301 and headers["Location"] == "/as-it-came/"
        assert json.loads(ask(port, "/page?x")[2])["path"] == "/page?x" and ask(port, "/page/x")[0] == 404
        assert json.loads(ask(port, "/_matrix/client/v3/login")[2])["headers"]["connection"] == "close"
        assert json.loads(ask(port, "/_matrix/client/v3/logout")[2])["path"] == "/_matrix/client/v3/logout"
        for path in TWO_FACED:
            assert ask(port, path)[0] in (403, 404), (port, path)
            assert ask(port, path, source=let_in)[0] in (403, 404), (port, path)
    # Texts, to the letter.
    status, headers, text = ask(443, "/")
    assert (status, headers["Content-Type"], text) == (200, "text/html; charset=utf-8", TEXT)
    assert headers["Strict-Transport-Security"] == "max-age=5"
    status, headers, text = ask(443, "/.well-known/security.txt")
    assert (headers["Content-Type"], text) == ("text/plain; charset=utf-8", "Contact: mailto:security@example.com\n")
    assert ask(443, "/secret")[0] == 403 and ask(443, "/secret", source=let_in)[2] == "only for some"
    assert ask(443, "/nothing")[0] == 404
    # Redirects.
    assert ask(443, "/old")[:2][0] == 302 and ask(443, "/old")[1]["Location"] == "/admin/"
    assert ask(443, "/a.b")[0] == 403 and ask(443, "/axb", source=let_in)[0] == 404
    assert ask(443, "/a.b", source=let_in)[1]["Location"] == "https://example.org/x?y=z;(1)&[2]"


@pytest.mark.parametrize("running", ["open"], indirect=True)
def test_websockets_pass(running):
    plain = socket.create_connection(("127.0.0.1", PORTS[443]), timeout=10)
    with ssl._create_unverified_context().wrap_socket(plain, server_hostname="example.com") as connection:
        connection.sendall(
            b"GET /as-it-came/ws HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        )
        assert connection.recv(1024).startswith(b"HTTP/1.1 101 ")
        connection.sendall(b"abc")
        assert connection.recv(1024) == b"cba"


@pytest.mark.parametrize("running", ["rest"], indirect=True)
def test_behind_a_proxy_the_client_is_judged(running):
    for port in (80, 8447):
        inside, outside = {"X-Forwarded-For": "203.0.113.9"}, {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"}
        assert json.loads(ask(port, "/mine/x", inside)[2])["headers"]["x-forwarded-for"] == "203.0.113.9"
        assert json.loads(ask(port, "/_synapse/admin/v1/x", inside)[2])["path"] == "/_synapse/admin/v1/x"
        # What the trusted proxy itself has seen counts, not what its client claims; nor what a stranger says.
        for headers, source in ((outside, "127.0.0.1"), (inside, "127.0.0.2"), ({}, "127.0.0.1")):
            assert ask(port, "/mine/x", headers, source=source)[0] == 403
            assert ask(port, "/_synapse/admin/v1/x", headers, source=source)[0] == 404
        assert json.loads(ask(port, "/a/b?c")[2])["path"] == "/a/b?c"
        assert json.loads(ask(port, "/_matrix/client/versions")[2])["path"] == "/_matrix/client/versions"
        assert ask(port, "/_synapse/metrics")[0] == 404
        assert json.loads(ask(port, "/.well-known/matrix/server")[2]) == {"m.server": "example.com:443"}


@pytest.mark.parametrize("running", ["anonymous"], indirect=True)
def test_nobody_need_be_named(running):
    assert ask(443, "/.well-known/matrix/support")[0] == 404


@pytest.mark.parametrize("running", ["none", "none_untrusting"], indirect=True)
def test_behaviour_behind_a_proxy(running):
    case, _directory = running
    for port in (80, 8447):
        assert all(ask(port, path)[0] in (403, 404) for path in FORBIDDEN)
        claims = {"X-Forwarded-For": "198.51.100.7, 203.0.113.9", "X-Forwarded-Proto": "https"}
        seen = json.loads(ask(port, "/_matrix/client/versions", claims)[2])["headers"]
        if case == "none":
            assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == ("203.0.113.9", "https")
        else:
            assert (seen["x-forwarded-for"], seen["x-forwarded-proto"]) == ("127.0.0.1", "http")
        assert json.loads(ask(port, "/.well-known/matrix/client")[2]) == {
            "m.homeserver": {"base_url": "https://example.com"}
        }


@pytest.mark.parametrize("running", ["hsts"], indirect=True)
def test_hsts_and_upload_limit(running):
    for path in ("/.well-known/matrix/client", "/_matrix/client/versions"):
        assert ask(443, path)[1]["Strict-Transport-Security"] == "max-age=31536000"
    assert ask(443, "/_matrix/media/v3/upload", body=b"x" * (49 * 1024 * 1024))[0] == 200
    # Refused for the length that it says it has: nothing of it need be sent, which nginx would not read to its end.
    assert ask(443, "/_matrix/media/v3/upload", {"Content-Length": str(51 * 1024 * 1024)}, body=b"x")[0] == 413
