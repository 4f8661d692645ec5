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
    "matrix_tls_mode": "selfsigned",
    "matrix_ssl_email": "admin@example.com",
    "version": "1.22.1",
}
CASES = {
    "selfsigned": {},
    "acme": {"matrix_tls_mode": "acme"},
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
    "wildcard": {"reverse_proxy_listen_addresses": ["*"]},
    "awkward": {
        "matrix_extra_domains": ["matrix.example.com"],
        "reverse_proxy_well_known_client": {
            "org.example": {"quote": 'it\'s "$host" \\ €', "list": [1, True, None]},
            "m.homeserver": {"x": 1},
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
        ("/usr/local/etc/nginx/mime.types", "/etc/nginx/mime.types"),
        ("user www;", "user root;"),
        ("/var/run/nginx.pid", str(directory / "nginx.pid")),
        ("/var/log/nginx", str(directory / "logs")),
        ("/mnt/matrixdata/tls", str(directory)),
        ("/var/run/matrix-synapse/synapse.sock", str(directory / "synapse.sock")),
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


@pytest.fixture
def running(rendered, request):
    """A running nginx for the case named by the parameter; gives (case, directory)."""
    directory, texts, _output = rendered
    case = request.param
    (directory / "live.conf").write_text(here(directory, texts[case]))
    server = Synapse(directory / "synapse.sock")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    process = subprocess.Popen([NGINX, "-p", str(directory), "-c", str(directory / "live.conf"), "-g", "daemon off;"])
    try:
        wait_for_nginx(process)
        yield case, directory
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(timeout=10)
        server.shutdown()
        server.server_close()


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


def ask(port, path, headers=None, body=None):
    """(status, headers, text); the path goes out exactly as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", PORTS[port], timeout=10)
    if port in (443, 8448):
        plain = socket.create_connection(("127.0.0.1", PORTS[port]), timeout=10)
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
            "m.homeserver": {"base_url": "https://example.com", "x": 1},
            "org.example": CASES["awkward"]["reverse_proxy_well_known_client"]["org.example"],
        }
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
    asked = ("127.0.0.1", [PORTS[443], PORTS[8448]], 0)
    Upkeep(settings, Changes()).prove(*asked)
    chain, key = self_signed(["example.com"], [], 30)
    (directory / "other").mkdir()
    (directory / "other" / "fullchain.pem").write_text(chain)
    with pytest.raises(Sentence, match="shows another certificate on port"):
        Upkeep({**settings, "directory": str(directory / "other")}, Changes()).prove(*asked)


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
