# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every kind of check, against a real counterpart that is right and one that is wrong."""

from __future__ import annotations

import http.server
import json
import os
import pwd
import socketserver
import ssl
import subprocess
import threading
import types

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from aiosmtpd.smtp import AuthResult
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._pot import facts
from ansible_collections.potluck.matrix.plugins.module_utils._probe import checks as probe
from ansible_collections.potluck.matrix.plugins.module_utils._probe import host as checks_host
from ansible_collections.potluck.matrix.plugins.modules import probe_info

DEFAULTS = {"address": None, "ca_file": None, "verify": True}


class Answers(Runner):
    """What a function of the arguments answers in place of every command."""

    def __init__(self, answer):
        self.answer = answer

    def run(self, argv, timeout=120, environment=None, user=None):
        self.user = user
        return self.answer(argv)


def run(kind, attempts=1, run_command=None, **options):
    check = {
        "name": "a check",
        "variable": "matrix_x",
        "kind": kind,
        "status": [200],
        "days": 0,
        "tls": "opportunistic",
    }
    check.update(options)
    return probe.run_all([probe.with_defaults(check, DEFAULTS)], 5, attempts, Answers(run_command))[0]


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 403)
        self.end_headers()
        self.wfile.write(("OK for " + self.headers["Host"]).encode())

    def address_string(self):
        return "local"

    def log_message(self, *args):
        """Keep the test's output to itself."""


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A CA, and a certificate of it for matrix.example.com that is valid for ten days."""
    place = tmp_path_factory.mktemp("ca")
    commands = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 30 "
        "-subj /CN=test-ca",
        "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr -subj "
        "/CN=matrix.example.com",
        "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 10 -extfile "
        "names",
    )
    (place / "names").write_text("subjectAltName=DNS:matrix.example.com,IP:127.0.0.1\n")
    for command in commands:
        subprocess.run(command.split(), cwd=place, check=True, capture_output=True)
    return place


@pytest.fixture(scope="module")
def https(authority):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem", authority / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture(scope="module")
def unix_socket(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("unix") / "s")
    server = UnixServer(path, Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield path
    server.shutdown()


def test_one_or_every_target_accepts_connections(unix_socket, https):
    good, bad = f"127.0.0.1:{https}", "127.0.0.1:1"
    result = run("tcp", target=f"{bad} {good}")
    assert result["ok"] and result["message"] == f"{good} accepts connections"
    result = run("tcp", target=f"{good} unix:{unix_socket}", every=True)
    assert result["ok"] and result["message"] == f"{good}, unix:{unix_socket} accept connections"
    for target, words in ((f"{good} {bad}", f"{bad}: "), (f"unix:{unix_socket}.none {good}", "No such file")):
        result = run("tcp", target=target, every=True)
        assert not result["ok"] and words in result["message"] and good not in result["message"]


def test_http_through_a_unix_socket(unix_socket):
    assert run("http", target="http://localhost/health", socket=unix_socket, body="^OK")["ok"]
    assert "answers 403 instead of 200" in run("http", target="http://localhost/other", socket=unix_socket)["message"]
    assert not run("http", target="http://localhost/health", socket=unix_socket, body="BAD")["ok"]
    assert not run("http", target="http://localhost/health", socket=unix_socket + "-gone")["ok"]


def test_https_at_an_address_verifies_the_name_of_the_url(https, authority):
    ca = str(authority / "ca.pem")
    url = "https://matrix.example.com:%d/health" % https
    assert run("http", target=url, address=["127.0.0.1"], ca_file=ca, body="matrix.example.com")["ok"]
    other = run("http", target=url.replace("matrix.", "other."), address=["127.0.0.1"], ca_file=ca)
    assert not other["ok"] and "certificate" in other["message"]
    assert not run("http", target=url, address=["127.0.0.1"])["ok"]
    assert run("http", target=url, address=["127.0.0.1"], verify=False)["ok"]


def test_every_address_is_asked(https, authority):
    """One that does not answer is named; the certificate is told of once."""
    ca, url = str(authority / "ca.pem"), "https://matrix.example.com:%d/health" % https
    both = {"target": url, "address": ["127.0.0.1", "127.0.0.1"], "ca_file": ca}
    assert run("http", **both)["message"] == f"{url} answers 200"
    # Nothing listens at the IPv6 loopback there.
    result = run("http", target=url, address=["127.0.0.1", "::1"], ca_file=ca)
    assert not result["ok"] and result["message"].startswith("at ::1, ") and "127.0.0.1" not in result["message"]
    result = run("http", target=url, address=["::1", "127.0.0.3"], ca_file=ca)
    assert result["message"].startswith("at ::1, ") and "; at 127.0.0.3, " in result["message"]
    told = run("certificate", target="matrix.example.com:%d" % https, address=["127.0.0.1"] * 2, ca_file=ca)["message"]
    assert told.count("the certificate of") == 1


def test_a_port_alone_is_one_of_each_address(https):
    assert run("tcp", target=f":{https}", address=["127.0.0.1"])["message"] == f"127.0.0.1:{https} accepts connections"
    assert run("tcp", target=f":{https}")["ok"]
    refused = run("tcp", target=f":{https}", address=["127.0.0.1", "::1"])
    assert not refused["ok"] and refused["message"].startswith(f"at ::1, [::1]:{https}: ")
    assert run("closed", target=f":{https}", address=["::1"])["ok"]
    opened = run("closed", target=f":{https}", address=["::1", "127.0.0.1"])
    assert opened["message"] == f"at 127.0.0.1, 127.0.0.1:{https} accepts connections"


def test_certificate(https, authority):
    target, ca = "127.0.0.1:%d" % https, str(authority / "ca.pem")
    assert run("certificate", target=target, server_name="matrix.example.com", ca_file=ca, days=9)["ok"]
    soon = run("certificate", target=target, server_name="matrix.example.com", ca_file=ca, days=20)
    assert "expires in 9 days" in soon["message"]
    assert "refused" in run("certificate", target=target, server_name="wrong.example.com", ca_file=ca)["message"]


def test_tcp_and_closed(https):
    target = "127.0.0.1:%d" % https
    assert run("tcp", target=target)["ok"]
    assert not run("closed", target=target)["ok"]
    assert run("closed", target="127.0.0.1:1")["ok"]
    refused = run("tcp", target="127.0.0.1:1")
    assert not refused["ok"] and "127.0.0.1:1" in refused["message"]


def test_an_unknown_name_is_not_closed():
    refused = run("closed", target="nowhere.invalid:443")
    assert not refused["ok"] and "nowhere.invalid:443" in refused["message"]


def test_the_greeting_of_one_of_several(https):
    class Greet(socketserver.BaseRequestHandler):
        def handle(self):
            self.request.sendall(self.server.greeting)

    servers = []
    for greeting in (b"nothing of note\n", b"SSH-2.0-test\n"):
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Greet)
        server.greeting = greeting
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
    try:
        targets = ["127.0.0.1:%d" % server.server_address[1] for server in servers]
        assert run("tcp", target=" ".join(targets), body="^SSH-")["ok"]
        refused = run("tcp", target=targets[0], body="^SSH-")
        assert not refused["ok"] and "greets with 'nothing of note" in refused["message"]
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


@pytest.mark.parametrize(
    "check",
    [
        {"kind": "tcp", "target": "host.example.com"},
        {"kind": "tcp", "target": "host.example.com:many"},
        {"kind": "command", "argv": ["true"], "body": "("},
    ],
)
def test_a_check_that_makes_no_sense_does_not_hide_the_others(check):
    results = probe.run_all(
        [
            probe.with_defaults(dict({"name": "first", "variable": "v"}, **check), DEFAULTS),
            probe.with_defaults({"name": "second", "variable": "v", "kind": "file", "target": __file__}, DEFAULTS),
        ],
        5,
        1,
        Answers(lambda argv: (0, "text", "")),
    )
    assert [result["ok"] for result in results] == [False, True]
    assert "cannot be checked so" in results[0]["message"]


def test_smtp(authority):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority / "server.pem", authority / "server.key")

    def login(server, session, envelope, mechanism, data):
        return AuthResult(success=data.password == b"right")

    controller = Controller(Sink(), hostname="127.0.0.1", port=0, tls_context=context, authenticator=login)
    plain = Controller(Sink(), hostname="127.0.0.1", port=0)
    controller.port, plain.port = free_port(), free_port()
    controller.start()
    plain.start()
    try:
        options = {"target": "127.0.0.1:%d" % controller.port, "ca_file": str(authority / "ca.pem"), "user": "matrix"}
        assert run("smtp", tls="starttls_required", password="right", **options)["ok"]
        wrong = run("smtp", tls="starttls_required", password="wrong", **options)
        assert "refuses the mail session" in wrong["message"]
        assert "certificate" in run("smtp", tls="starttls", target=options["target"])["message"]
        without = {"target": "127.0.0.1:%d" % plain.port}
        assert "does not offer STARTTLS" in run("smtp", tls="starttls_required", **without)["message"]
        assert run("smtp", **without)["ok"] and run("smtp", tls="none", **without)["ok"]
        # Asked for no TLS, it looks at no certificate, and the server has no login without TLS.
        assert run("smtp", tls="none", target=options["target"])["ok"]
        assert "does not offer a login" in run("smtp", tls="none", password="right", **options)["message"]
        assert "TLS with" in run("smtp", tls="implicit", **without)["message"]
    finally:
        controller.stop()
        plain.stop()


def free_port():
    with socketserver.TCPServer(("127.0.0.1", 0), None) as server:
        return server.server_address[1]


def test_file_and_mount(tmp_path):
    path = tmp_path / "key"
    path.write_text("x")
    path.chmod(0o640)
    assert run("file", target=str(path), mode="0640")["ok"]
    assert "mode 0640 instead of 0600" in run("file", target=str(path), mode="0600")["message"]
    assert "missing" in run("file", target=str(path) + "-gone")["message"]


def test_mount_as_df_tells_it_in_a_jail(tmp_path):
    def mounted_on(last):
        return lambda argv: (
            0,
            "Filesystem 512-blocks Used Avail Capacity  Mounted on\n/mnt/x 8 0 8 0%    " + last + "\n",
            "",
        )

    assert "nothing is mounted" in run("mount", target=str(tmp_path), run_command=mounted_on("/"))["message"]
    assert run("mount", target=str(tmp_path), run_command=mounted_on("[restricted]"))["ok"]
    # On the host df tells where: a file system above is not the one.
    assert run("mount", target=str(tmp_path), run_command=mounted_on(str(tmp_path)))["ok"]
    above = run("mount", target=str(tmp_path), run_command=mounted_on(str(tmp_path.parent)))
    assert not above["ok"] and f"would land in {tmp_path.parent}" in above["message"]
    assert (
        "nothing is mounted"
        in run("mount", target=str(tmp_path), run_command=lambda argv: (1, "", "df: failed\n"))["message"]
    )
    assert "is not a directory" in run("mount", target=str(tmp_path) + "-gone", run_command=mounted_on("/"))["message"]


@pytest.mark.parametrize(
    "left, ok, words",
    [
        (50, True, "has 50 % of its room left (512 MiB)"),
        (10, True, "warning: "),
        (4, False, "less than 5 %"),
        (0, False, "0 %"),
    ],
)
def test_a_full_file_system_is_told(monkeypatch, tmp_path, left, ok, words):
    monkeypatch.setattr(
        os,
        "statvfs",
        lambda path: types.SimpleNamespace(f_blocks=1024, f_bavail=1024 * left // 100, f_frsize=1024**2),
    )
    result = run("space", target=str(tmp_path), free=5, warn=15)
    assert result["ok"] == ok and words in result["message"]
    assert ("warning" in result["message"]) == (words == "warning: ")


def test_a_file_system_that_is_not_there_is_no_room():
    assert not run("space", target="/no/such/place", free=5, warn=15)["ok"]


@pytest.mark.parametrize("password", ["e", "a-long-password"])
def test_a_password_is_told_nowhere_and_blots_nothing_out(capsys, password):
    """Ansible blots the text of a secret out wherever it stands, and of a short one that is everywhere."""
    checks = [
        {
            "name": "The exporter answers",
            "kind": "http",
            "target": "http://127.0.0.1:1/metrics",
            "user": "x",
            "password": password,
        }
    ]
    with patch_module_args({"checks": checks}), pytest.raises(SystemExit):
        probe_info.main()
    result = json.loads(capsys.readouterr().out)
    assert result["failures"][0].startswith("The exporter answers: no, http://127.0.0.1:1/metrics: ")
    assert result["invocation"]["module_args"]["checks"][0][
        "password"
    ] == "(hidden)" and "a-long-password" not in json.dumps(result)


def test_pots_are_told_beside_the_checks(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(facts, "look", lambda names: [{"name": name, "state": "started"} for name in names])
    checks = [{"name": "A file", "kind": "file", "target": str(tmp_path / "nothing")}]
    with patch_module_args({"checks": checks, "pots": ["one"]}), pytest.raises(SystemExit):
        probe_info.main()
    result = json.loads(capsys.readouterr().out)
    assert result["pots"] == [{"name": "one", "state": "started"}] and result["broken"] == ["A file"]

    def fail(names):
        raise Sentence("Cannot read")

    monkeypatch.setattr(facts, "look", fail)
    with patch_module_args({"checks": checks, "pots": ["one"]}), pytest.raises(SystemExit):
        probe_info.main()
    assert json.loads(capsys.readouterr().out)["msg"] == "Cannot read"


def test_service_believes_onestatus_only():
    def service(argv):
        assert argv == ["/usr/sbin/service", "synapse", "onestatus"]
        return 1, "synapse is not running.\n", ""

    assert run("service", target="synapse", run_command=service)["message"] == "synapse is not running."


def test_command():
    def command(argv, environ_update=None):
        return (0, "alive server", "") if argv == ["good"] else (2, "", "No installed keys\n")

    assert run("command", argv=["good"], body="server", run_command=command)["ok"]
    assert not run("command", argv=["good"], body="client", run_command=command)["ok"]
    assert "No installed keys" in run("command", argv=["bad"], run_command=command)["message"]


@pytest.mark.parametrize(
    "out, err, said",
    [
        ("", "psql: error: connection failed: refused\n\tIs the server running?\n", "refused Is the server running?"),
        ("", "one\ntwo\n", ": two"),
        ("printed\n", "", ": printed"),
        ("", "  \n", ": no message"),
        ("", "\tindented\n\tand more\n\n", ": indented and more"),
    ],
)
def test_the_last_that_a_command_said(out, err, said):
    found = run("command", argv=["bad"], run_command=lambda argv, environ_update=None: (3, out, err))["message"]
    assert found.startswith("bad ended with 3: ") and found.rstrip(".").endswith(said)


def test_a_command_of_another_account():
    who = pwd.getpwuid(os.getuid())
    runner = Answers(lambda argv: (0, "", ""))
    assert checks_host.check_command({"argv": ["id"], "run_as": who.pw_name}, 1, runner) == "id succeeded"
    assert runner.user == who
    with pytest.raises(Sentence, match="there is no user nobody-at-all"):
        checks_host.check_command({"argv": ["id"], "run_as": "nobody-at-all"}, 1, runner)


def test_a_failing_check_is_tried_again(tmp_path):
    path = tmp_path / "late"
    assert not run("file", target=str(path))["ok"]
    threading.Timer(0.5, lambda: path.write_text("x")).start()
    assert run("file", attempts=5, target=str(path))["ok"]


def test_advice_names_check_reason_and_variable():
    result = run("tcp", target="127.0.0.1:1")
    assert probe.advice(result).startswith("a check: no, 127.0.0.1:1")
    assert probe.advice(result).endswith("(look at matrix_x)")
    result = run("tcp", target="127.0.0.1:1", tag="tls")
    assert probe.advice(result).endswith("(look at matrix_x, then run site with --tags tls)")
    assert probe.advice({**result, "variable": ""}).endswith("(run site with --tags tls)")
