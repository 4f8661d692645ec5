# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxies of docs/behind-a-proxy.md do what that page says of them.

The nginx is started as it stands there, but for addresses and ports, in front of a stand-in for the pot. HAProxy, Caddy
and Apache are read by the programs themselves, and by us.
"""

from __future__ import annotations

import http.client
import http.server
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.certificate import self_signed
from free_ports import free_ports
from test_documentation import NGINX, TOP, blocks

PAGE = "docs/behind-a-proxy.md"
POT = "192.0.2.20:8447"
CERTIFICATES = "/usr/local/etc/ssl/example.com"
MATRIX = ["/_matrix/", "/_synapse/client/", "/.well-known/matrix/"]
# One whose slashes and colons are not what they would be when they were decoded.
PATH = "/_matrix/client/v3/rooms/%21a%2Fb%3Aexample.com/x?y=%2F"


def examples(language):
    return [text for name, text in blocks(language) if name.startswith(PAGE)]


def beside_a_web_site(program, text):
    """The example with what the page's table puts in the place of a line of it."""
    rows = re.findall(r"^\| (\w+) \| `([^`]+)` \| (.+) \|$", (TOP / PAGE).read_text(encoding="utf-8"), re.MULTILINE)
    ((line, lines),) = [row[1:] for row in rows if row[0] == program]
    indented = re.search(rf"^( +){re.escape(line)}$", text, re.MULTILINE)
    return text.replace(indented.group(0), "\n".join(indented.group(1) + each for each in re.findall("`(.+?)`", lines)))


@pytest.fixture(scope="module", name="certificates")
def fixture_certificates(tmp_path_factory):
    """A directory with the files that the examples name."""
    directory = tmp_path_factory.mktemp("certificates")
    chain, key = self_signed(["example.com"], ["127.0.0.1"], 30)
    (directory / "fullchain.pem").write_text(chain, encoding="utf-8")
    (directory / "privkey.pem").write_text(key, encoding="utf-8")
    (directory / "example.com.pem").write_text(chain + key, encoding="utf-8")
    return directory


# -- what the page says of the collection


def test_ports_sizes_and_times_are_those_of_the_collection():
    proxy = yaml.safe_load((TOP / "roles/reverse_proxy/vars/main.yml").read_text(encoding="utf-8"))
    assert "[80, 8447] if matrix_tls_mode == 'none'" in proxy["__reverse_proxy_ports"]
    defaults = yaml.safe_load((TOP / "roles/homeserver/defaults/main.yml").read_text(encoding="utf-8"))
    assert defaults["matrix_max_upload_size"] == "50M"
    template = (TOP / "roles/reverse_proxy/templates/nginx.conf.j2").read_text(encoding="utf-8")
    assert "proxy_read_timeout 600s;" in template
    for text in examples("nginx"):
        assert "client_max_body_size 50m;" in text and "proxy_read_timeout 600s;" in text


# -- nginx


class Stub(http.server.BaseHTTPRequestHandler):
    """In place of the pot: notes what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        left = int(self.headers.get("Content-Length", 0))
        self.server.asked.append((self.path, dict(self.headers), left))
        while left > 0:
            left -= len(self.rfile.read(min(left, 1 << 20)))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_PUT

    def log_message(self, *_words):
        pass


@pytest.fixture(name="pot")
def fixture_pot():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(name="front", params=range(len(examples("nginx"))))
def fixture_front(request, pot, certificates, tmp_path):
    """({port of the example: port here}, text of the example) of an nginx that runs."""
    text = examples("nginx")[request.param]
    listening = sorted(set(re.findall(r"listen (?:192\.0\.2\.10:)?(\d+) ssl;", text)))
    ports = dict(zip(listening, free_ports(len(listening))))
    here = text.replace(POT, f"127.0.0.1:{pot.server_port}").replace(CERTIFICATES, str(certificates))
    for port, other in ports.items():
        here = re.sub(rf"listen (192\.0\.2\.10:)?{port} ssl;", f"listen 127.0.0.1:{other} ssl;", here)
    # As a client would come from elsewhere, the proxy calls from an address of its own.
    here = here.replace("192.0.2.10", "127.0.0.2")
    for name in ("body", "proxy"):
        (tmp_path / name).mkdir()
        here = here.replace(
            "server {", "server {\n%s_temp_path %s;" % ("client_body" if name == "body" else name, tmp_path / name)
        )
    path = tmp_path / "nginx.conf"
    path.write_text(
        f"daemon off;\nmaster_process off;\npid {tmp_path}/pid;\nerror_log {tmp_path}/log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{here}}}\n",
        encoding="utf-8",
    )
    process = subprocess.Popen([NGINX, "-p", str(tmp_path), "-c", str(path)])
    try:
        for other in ports.values():
            wait_for(other, process)
        yield ports, text
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def wait_for(port, process):
    # A busy machine needs some.
    deadline = time.time() + 60
    while time.time() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("nginx does not listen")


def ask(port, method, path, length=0, send=True):
    """The status of a request by a client that claims to come from elsewhere; its bytes are sent or only announced."""
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=120, context=context)
    connection.putrequest(method, path, skip_host=True)
    claimed = {"Host": "example.com", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"}
    for name, value in {**claimed, "Content-Length": str(length)}.items():
        connection.putheader(name, value)
    connection.endheaders(bytes(length) if send else None)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed; tests/tools/system-packages installs it")
def test_an_nginx_in_front_tells_the_truth_and_changes_nothing(front, pot):
    ports, text = front
    assert set(ports) == ({"443"} if "location ~" in text else {"443", "8448"})
    for port in ports.values():
        assert ask(port, "GET", PATH) == 200
        path, headers, _length = pot.asked.pop()
        assert path == PATH and headers["Host"] == "example.com"
        assert headers["X-Forwarded-For"] == "127.0.0.1" and headers["X-Forwarded-Proto"] == "https"
    for path in MATRIX:
        assert ask(port, "GET", path + "x") == 200
    # More than nginx takes without a word about it, and, by the header alone, more than the pot takes.
    assert ask(port, "PUT", "/_matrix/media/v3/upload", length=2 * 1024 * 1024) == 200
    assert pot.asked[-1][2] == 2 * 1024 * 1024
    assert ask(port, "PUT", "/_matrix/media/v3/upload", length=50 * 1024 * 1024 + 1, send=False) == 413
    before = len(pot.asked)
    if "location ~" in text:
        # The web site's own.
        for path in ("/", "/_synapse/admin/v1/users", "/.well-known/security.txt"):
            ask(port, "GET", path)
        assert len(pot.asked) == before


# -- the others, as they are written


def test_haproxy_leads_to_the_pot():
    (text,) = examples("haproxy")
    sections = {}
    for line in text.splitlines():
        if line and not line.startswith(" "):
            section = sections.setdefault(line, [])
        elif line:
            section.append(line.strip())
    assert list(sections) == ["defaults", "frontend matrix", "backend pot"]
    assert {line.split()[1] for line in sections["frontend matrix"] if line.startswith("bind ")} == {":443", ":8448"}
    assert all(" ssl crt " in line for line in sections["frontend matrix"] if line.startswith("bind "))
    # Set, not added to: what a client claims is not passed on.
    assert "http-request set-header X-Forwarded-For %[src]" in sections["frontend matrix"]
    assert "http-request set-header X-Forwarded-Proto https" in sections["frontend matrix"]
    assert "default_backend pot" in sections["frontend matrix"] and sections["backend pot"] == [f"server pot {POT}"]
    assert {"mode http", "timeout client 600s", "timeout server 600s"} <= set(sections["defaults"])
    (line,) = re.findall("use_backend pot if { path_beg (.+) }", beside_a_web_site("HAProxy", text))
    assert line.split() == MATRIX


def test_caddy_leads_to_the_pot():
    (text,) = examples("caddyfile")
    assert text == "example.com, example.com:8448 {\n    reverse_proxy %s\n}\n" % POT
    beside = beside_a_web_site("Caddy", text)
    assert re.findall("@matrix path (.+)", beside) == [" ".join(path + "*" for path in MATRIX)]
    assert f"    reverse_proxy @matrix {POT}\n" in beside and beside.count("reverse_proxy") == 1


def test_apache_leads_to_the_pot():
    (text,) = examples("apache")
    open_blocks = []
    for line in text.splitlines():
        begun, ended = re.match(r"\s*<(\w+).*>$", line), re.match(r"\s*</(\w+)>$", line)
        if begun:
            open_blocks.append(begun.group(1))
        elif ended:
            assert open_blocks.pop() == ended.group(1)
    assert open_blocks == []
    lines = [line.split() for line in text.splitlines()]
    assert [words[1] for words in lines if words[0] == "Listen"] == ["443", "8448"]
    assert ["<VirtualHost", "*:443", "*:8448>"] in lines and ["SSLEngine", "on"] in lines
    assert ["AllowEncodedSlashes", "NoDecode"] in lines and ["ProxyPreserveHost", "On"] in lines
    assert ["RequestHeader", "set", "X-Forwarded-Proto", "https"] in lines and ["ProxyTimeout", "600"] in lines
    assert [words[1:] for words in lines if words[0] == "ProxyPass"] == [["/", f"http://{POT}/", "nocanon"]]
    found = re.findall(r"ProxyPass (\S+) (\S+) nocanon$", beside_a_web_site("Apache", text), re.MULTILINE)
    assert found == [(path, f"http://{POT}{path}") for path in MATRIX]


# -- the others, as they read it themselves

MODULES = "/usr/lib/apache2/modules"
READERS = {
    "haproxy": lambda path, _directory: ["haproxy", "-c", "-f", str(path)],
    "caddyfile": lambda path, _directory: ["caddy", "adapt", "--adapter", "caddyfile", "--config", str(path)],
    "apache": lambda path, directory: ["apache2", "-t", "-d", str(directory), "-f", str(path)],
}
NAMES = {"haproxy": "HAProxy", "caddyfile": "Caddy", "apache": "Apache"}
SBIN = "/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin"


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a web site"])
@pytest.mark.parametrize("language", READERS)
def test_the_program_reads_its_example(language, beside, certificates, tmp_path):
    command = READERS[language]
    (text,) = examples(language)
    if beside:
        text = beside_a_web_site(NAMES[language], text)
    text = text.replace(CERTIFICATES, str(certificates))
    if language == "apache":
        wanted = ["mpm_event", "authz_core", "ssl", "headers", "proxy", "proxy_http"]
        modules = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in wanted)
        text = f"{modules}ServerName example.com\nPidFile {tmp_path}/pid\nErrorLog {tmp_path}/log\n{text}"
    path = tmp_path / "configuration"
    path.write_text(text, encoding="utf-8")
    argv = command(path, tmp_path)
    done = subprocess.run([shutil.which(argv[0], path=SBIN), *argv[1:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
