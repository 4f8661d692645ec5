# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Role tls's program for certificates, with real openssl, and with acme.sh, nginx and an ACME server where they are installed."""

from __future__ import annotations

import contextlib
import datetime
import http.server
import importlib.util
import io
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("POTLUCK_CACHE", pathlib.Path.home() / ".cache" / "potluck-matrix")) / "packages"
PATH = "/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", "")
NGINX, PEBBLE, CHALLENGES = (shutil.which(name, path=PATH) for name in ("nginx", "pebble", "pebble-challtestsrv"))
ACME_SH = os.environ.get("POTLUCK_ACME_SH") or next(map(str, CACHE.glob("**/acme.sh/acme.sh")), None)

SPEC = importlib.util.spec_from_file_location("matrix_tls", ROOT / "roles/tls/files/matrix-tls.py")
matrix_tls = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(matrix_tls)
DOMAIN = "matrix.example.com"


@pytest.fixture
def settings(tmp_path):
    """Settings as the role writes them, below a directory of the test's own."""
    return {
        "mode": "selfsigned",
        "domain": DOMAIN,
        "extra_domains": [],
        "addresses": ["192.0.2.7"],
        "directory": str(tmp_path / "tls"),
        "nginx_conf": str(tmp_path / "nginx.conf"),
        "nginx_pid": str(tmp_path / "nginx.pid"),
        "stamp": str(tmp_path / "stamp"),
        "reload": ["true"],
        "connect": "127.0.0.1",
        "ports": [],
        "prove_timeout": 0,
        "acme": {
            "user": "root",
            "program": ACME_SH,
            "home": str(tmp_path / "acme"),
            "webroot": str(tmp_path / "webroot"),
            "log": str(tmp_path / "acme.log"),
            "directory": "",
            "email": "admin@example.com",
            "eab_kid": "",
            "eab_hmac_key": "",
            "ca_file": str(tmp_path / "acme-ca.pem"),
            "ca_certificate": "",
        },
        "watch": {"url": "", "days": 14, "state": str(tmp_path / "watch"), "instance": "example", "address": "192.0.2.7"},
    }


def installed(settings):
    directory = pathlib.Path(settings["directory"])
    return (directory / "fullchain.pem").read_text(), (directory / "privkey.pem").read_text()


def changes(settings, command, capsys, check=False, given=""):
    """What a command says it changed."""
    getattr(matrix_tls.Tls(settings, check), command)(*[given] if command == "prepare" else [])
    return [line.removeprefix("changed: ") for line in capsys.readouterr().out.splitlines()]


def test_self_signed_is_made_once_and_follows_the_names(settings, capsys):
    assert changes(settings, "prepare", capsys, check=True) == ["made a self-signed certificate"]
    assert not os.path.exists(settings["directory"])
    assert changes(settings, "prepare", capsys) == ["installed a new self-signed certificate"]
    first = installed(settings)
    assert os.stat(settings["directory"] + "/privkey.pem").st_mode & 0o777 == 0o640
    certificate = matrix_tls.Certificate(first[0])
    assert certificate.names == {DOMAIN} and list(map(str, certificate.addresses)) == ["192.0.2.7"] and certificate.self_signed
    assert changes(settings, "prepare", capsys) == [] and installed(settings) == first
    settings["extra_domains"] = ["other.example.com"]
    assert changes(settings, "prepare", capsys) == ["installed a new self-signed certificate"]
    assert matrix_tls.Certificate(installed(settings)[0]).names == {DOMAIN, "other.example.com"}


def test_self_signed_is_renewed_before_it_expires(settings, capsys):
    changes(settings, "prepare", capsys)
    soon = matrix_tls.self_signed([DOMAIN], ["192.0.2.7"], 20)
    for name, text in zip(("fullchain.pem", "privkey.pem"), soon):
        pathlib.Path(settings["directory"], name).write_text(text)
    assert changes(settings, "apply", capsys) == ["installed a new self-signed certificate"]
    assert matrix_tls.Certificate(installed(settings)[0]).days_left() > 390


def test_settings_are_kept_for_cron(settings, tmp_path, capsys, monkeypatch):
    path = tmp_path / "matrix-tls.json"
    text = json.dumps({"settings": {**settings, "mode": "none"}, "pair": ""})
    for arguments, expected in ((["--check"], 1), ([], 1), ([], 0), (["--check"], 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        assert matrix_tls.main([*arguments, "--config", str(path), "prepare"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len([line for line in lines if line.startswith("changed: ")]) == expected
        assert any(line.startswith("nginx: ") for line in lines) == bool(NGINX)
    assert path.stat().st_mode & 0o777 == 0o600
    assert matrix_tls.main(["--config", str(path), "apply"]) == 0


def test_very_long_names_fit(settings, capsys):
    settings["domain"] = ".".join(["a" * 60, "b" * 60, "example.com"])
    changes(settings, "prepare", capsys)
    assert matrix_tls.Certificate(installed(settings)[0]).names == {settings["domain"]}


def give(settings, text, capsys):
    return changes({**settings, "mode": "provided"}, "prepare", capsys, given=text)


def test_a_given_pair_is_checked_before_it_replaces_the_old_one(settings, capsys):
    chain, key = matrix_tls.self_signed([DOMAIN], [], 30)
    other_chain, other_key = matrix_tls.self_signed([DOMAIN], [], 30)
    assert give(settings, chain + "\n" + key, capsys) == ["installed the certificate that was given"]
    assert give(settings, key + chain, capsys) == []
    before = installed(settings)
    wrong_name = "".join(matrix_tls.self_signed(["example.org"], [], 30))
    for text, complaint in (
        (chain + other_key, "the private key belongs to another certificate"),
        ("rubbish", "it is not a certificate in PEM form"),
        (chain, "the private key cannot be read"),
        (wrong_name, "it is for example.org, not for " + DOMAIN),
    ):
        with pytest.raises(matrix_tls.Problem, match=complaint):
            give(settings, text, capsys)
        assert installed(settings) == before
    assert give(settings, other_chain + chain + other_key, capsys) == ["installed the certificate that was given"]
    assert installed(settings)[0].count("BEGIN CERTIFICATE") == 2


def test_reload_only_for_what_nginx_has_not_read(settings, capsys):
    changes(settings, "prepare", capsys)
    pathlib.Path(settings["nginx_conf"]).write_text("")
    assert changes(settings, "apply", capsys) == []
    pathlib.Path(settings["nginx_pid"]).write_text("1")
    assert changes(settings, "apply", capsys) == []
    time.sleep(0.02)
    pathlib.Path(settings["nginx_conf"]).write_text("x")
    assert changes(settings, "apply", capsys, check=True) == ["reloaded nginx"]
    with pytest.raises(matrix_tls.Problem, match="nginx was not reloaded"):
        changes({**settings, "reload": ["false"]}, "apply", capsys)
    capsys.readouterr()
    assert changes(settings, "apply", capsys) == ["reloaded nginx"]
    assert changes(settings, "apply", capsys) == []


@pytest.fixture
def alertmanager():
    """(URL, list that every posted body is appended to, one-element list with the status to answer)."""
    bodies, status = [], [200]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if status[0] == 200:
                assert self.path == "/api/v2/alerts" and self.headers["Content-Type"] == "application/json"
                bodies.append(json.loads(body))
            self.send_response(status[0])
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield "http://127.0.0.1:%d/" % server.server_port, bodies, status
    server.shutdown()
    server.server_close()


def test_watch_tells_of_every_turn(settings, alertmanager, capsys):
    url, bodies, status = alertmanager
    settings["watch"]["url"] = url
    changes(settings, "prepare", capsys)
    changes(settings, "watch", capsys)
    assert bodies == []
    long = installed(settings)

    def put(pair):
        for name, text in zip(("fullchain.pem", "privkey.pem"), pair):
            pathlib.Path(settings["directory"], name).write_text(text)

    put(matrix_tls.self_signed([DOMAIN], [], 5))
    status[0] = 500
    with pytest.raises(matrix_tls.Problem, match="refused the alert: 500"):
        changes(settings, "watch", capsys)
    status[0] = 200
    changes(settings, "watch", capsys)
    changes(settings, "watch", capsys)
    assert [[alert["labels"]["alertname"] for alert in body] for body in bodies] == [["MatrixCertificateExpiring"]] * 2
    alert = bodies[0][0]
    assert alert["labels"]["severity"] == "warning" and alert["labels"]["domain"] == DOMAIN and alert["labels"]["instance"] == "example"
    start, end = (datetime.datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
    assert end - start > datetime.timedelta(hours=24)
    put(("", ""))
    changes(settings, "watch", capsys)
    now = datetime.datetime.now(datetime.timezone.utc)
    expired, former = bodies[-1]
    assert (expired["labels"]["alertname"], expired["labels"]["severity"]) == ("MatrixCertificateExpired", "critical")
    assert former["labels"] == alert["labels"] and datetime.datetime.fromisoformat(former["endsAt"]) <= now
    put(long)
    changes(settings, "watch", capsys)
    assert [alert["labels"]["alertname"] for alert in bodies[-1]] == ["MatrixCertificateExpired"]
    assert datetime.datetime.fromisoformat(bodies[-1][0]["endsAt"]) <= datetime.datetime.now(datetime.timezone.utc)
    count = len(bodies)
    changes(settings, "watch", capsys)
    assert len(bodies) == count


# --- with a real ACME server -------------------------------------------------------------------------------------------------------------------------

needs_acme = pytest.mark.skipif(not all((NGINX, PEBBLE, CHALLENGES, ACME_SH)), reason="nginx, pebble or acme.sh is missing; tests/double/prepare gets them")


def free_ports(count):
    """Ports that are free now: several runs of these tests may go on at once."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _number in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Acme:
    """A pebble whose DNS sends every name to this machine, and an nginx that answers challenges from the webroot."""

    def __init__(self, directory, webroot, eab=None):
        self.directory = directory
        directory.mkdir()
        chain, key = matrix_tls.self_signed(["localhost"], ["127.0.0.1"], 30)
        (directory / "ca.pem").write_text(chain)
        (directory / "ca.key").write_text(key)
        directory_port, management_port, http_port, tls_port, self.dns_port, dns_management_port = free_ports(6)
        self.url = "https://127.0.0.1:%d/dir" % directory_port
        self.root = chain
        config = {
            "listenAddress": "127.0.0.1:%d" % directory_port,
            "managementListenAddress": "127.0.0.1:%d" % management_port,
            "certificate": str(directory / "ca.pem"),
            "privateKey": str(directory / "ca.key"),
            "httpPort": http_port,
            "tlsPort": tls_port,
            "externalAccountBindingRequired": bool(eab),
            "externalAccountMACKeys": eab or {},
        }
        (directory / "config.json").write_text(json.dumps({"pebble": config}))
        server = "server { listen 127.0.0.1:%d; location /.well-known/acme-challenge/ { root %s; } }" % (http_port, webroot)
        (directory / "nginx.conf").write_text(
            "pid %(d)s/nginx.pid; error_log %(d)s/error.log; events {}\nhttp { access_log off; %(s)s }" % {"d": directory, "s": server}
        )
        self.processes = {}
        self.start("dns", CHALLENGES, "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dns01", "127.0.0.1:%d" % self.dns_port, "-http01", "", "-https01", "",
                   "-tlsalpn01", "", "-management", "127.0.0.1:%d" % dns_management_port)
        self.start("nginx", NGINX, "-p", str(directory), "-c", str(directory / "nginx.conf"), "-g", "daemon off;user root;")
        self.start_pebble()

    def start(self, name, *argv):
        environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        log = open(self.directory / (name + ".log"), "ab")
        self.processes[name] = subprocess.Popen(argv, stdout=log, stderr=log, env=environment)
        log.close()

    def start_pebble(self):
        self.start("pebble", PEBBLE, "-config", str(self.directory / "config.json"), "-dnsserver", "127.0.0.1:%d" % self.dns_port)
        for _attempt in range(100):
            try:
                urllib.request.urlopen(self.url, context=ssl._create_unverified_context(), timeout=2).close()
                return
            except OSError:
                time.sleep(0.05)
        raise AssertionError((self.directory / "pebble.log").read_text())

    def stop(self, *names):
        for name in names or tuple(self.processes):
            process = self.processes.pop(name)
            process.terminate()
            process.wait(timeout=10)


@pytest.fixture
def acme(settings, tmp_path, request):
    settings["mode"] = "acme"
    server = Acme(tmp_path / "authority", settings["acme"]["webroot"], getattr(request, "param", None))
    settings["acme"].update(directory=server.url, ca_certificate=server.root)
    yield server
    server.stop()


def account(settings):
    return (pathlib.Path(settings["acme"]["home"]) / "ca/127.0.0.1/dir/ca.conf").read_text()


@needs_acme
def test_issue_install_renew_and_change(settings, acme, capsys):
    home = pathlib.Path(settings["acme"]["home"]) / (DOMAIN + "_ecc")
    assert any("until the first one is issued" in line for line in changes(settings, "prepare", capsys))
    assert matrix_tls.Certificate(installed(settings)[0]).self_signed
    said = changes(settings, "apply", capsys, check=True)
    assert said == ["the CA would be asked for a certificate (there is none yet)"]
    said = changes(settings, "apply", capsys)
    assert said == ["the CA issued a certificate (there is none yet)", "installed the certificate of the CA"]
    first = installed(settings)
    certificate = matrix_tls.Certificate(first[0])
    assert certificate.names == {DOMAIN} and not certificate.self_signed
    assert "CA_EMAIL='admin@example.com'" in account(settings)
    assert changes(settings, "prepare", capsys) == [] and changes(settings, "apply", capsys) == []
    assert changes(settings, "apply", capsys, check=True) == []
    # What cron does, long before it would be due.
    cron = [ACME_SH, "--cron", "--force", "--home", settings["acme"]["home"], "--log", settings["acme"]["log"]]
    done = subprocess.run(cron, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert changes(settings, "apply", capsys) == ["installed the certificate of the CA"]
    renewed = installed(settings)
    assert renewed[0] != first[0] and renewed[1] == first[1]
    settings["extra_domains"] = ["example.com"]
    assert changes(settings, "apply", capsys) == ["the CA issued a certificate (it is for matrix.example.com)", "installed the certificate of the CA"]
    assert matrix_tls.Certificate(installed(settings)[0]).names == {DOMAIN, "example.com"}
    settings["acme"]["email"] = "new@example.com"
    assert changes(settings, "apply", capsys) == ["the mail address of the ACME account"]
    assert "CA_EMAIL='new@example.com'" in account(settings)
    assert changes(settings, "apply", capsys) == []
    # The pot is made anew: only what is on the dataset is left.
    shutil.rmtree(settings["directory"])
    assert changes(settings, "prepare", capsys) == ["installed the certificate that acme.sh holds"]
    # A directory without a certificate is not a certificate, and a CA that forgot the account is not the end.
    (home / "fullchain.cer").unlink()
    acme.stop("pebble")
    acme.start_pebble()
    assert changes(settings, "apply", capsys) == ["the CA issued a certificate (there is none yet)", "installed the certificate of the CA"]


@needs_acme
def test_failures_are_one_sentence_and_leave_what_there_is(settings, acme, capsys):
    changes(settings, "prepare", capsys)
    before = installed(settings)

    def complaint(**changed):
        started = time.monotonic()
        with pytest.raises(matrix_tls.Problem) as caught:
            matrix_tls.Tls({**settings, "acme": {**settings["acme"], **changed}}).apply()
        assert installed(settings) == before
        text = str(caught.value)
        assert "\n" not in text and "gave no certificate for " + DOMAIN in text and "nginx goes on" in text
        return text, time.monotonic() - started

    text, seconds = complaint(directory="https://127.0.0.1:1/dir")
    assert "it cannot be reached: Connection refused" in text and seconds < 5
    text, _seconds = complaint(ca_certificate="")
    assert "self" in text and "matrix_acme_ca_file" in text
    text, _seconds = complaint(directory="https://no-such-host.invalid/dir")
    assert "it cannot be reached: " in text
    text, _seconds = complaint(directory=acme.url.replace("/dir", "/nothing"))
    assert "404" in text
    acme.stop("nginx")
    text, _seconds = complaint()
    assert "refused" in text


@needs_acme
@pytest.mark.parametrize("acme", [{"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}], indirect=True)
def test_external_account_binding_stays_off_the_command_line(settings, acme, capsys, monkeypatch):
    settings["acme"].update(eab_kid="kid-1", eab_hmac_key="zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W")
    seen = []
    real = matrix_tls.run
    monkeypatch.setattr(matrix_tls, "run", lambda *argv, **more: (seen.append(argv), real(*argv, **more))[1])
    changes(settings, "prepare", capsys)
    changes(settings, "apply", capsys)
    assert not matrix_tls.Certificate(installed(settings)[0]).self_signed
    assert settings["acme"]["eab_hmac_key"] not in repr(seen)


@needs_acme
def test_what_potluck_left_is_taken_over(settings, acme, capsys):
    """The directory of a former server: standalone mode, hooks, a placeholder for the mail address, CERT_HOME elsewhere."""
    changes(settings, "prepare", capsys)
    changes(settings, "apply", capsys)
    before = installed(settings)
    home = pathlib.Path(settings["acme"]["home"])
    conf = home / (DOMAIN + "_ecc") / (DOMAIN + ".conf")
    text = conf.read_text().replace(settings["acme"]["webroot"], "no")
    conf.write_text(text.replace("Le_PreHook=''", "Le_PreHook='service nginx stop'"))
    authority = home / "ca/127.0.0.1/dir/ca.conf"
    authority.write_text(authority.read_text().replace("admin@example.com", "%%sslemail%%"))
    with (home / "account.conf").open("a") as stream:
        stream.write("CERT_HOME='/var/db/acme/certs'\nACCOUNT_EMAIL='%%sslemail%%'\n")
    shutil.rmtree(settings["directory"])
    assert changes(settings, "prepare", capsys) == ["installed the certificate that acme.sh holds"]
    assert changes(settings, "apply", capsys) == ["acme.sh's account.conf", "the way certificates are renewed", "the mail address of the ACME account"]
    assert installed(settings) == before and changes(settings, "apply", capsys) == []
    assert "CERT_HOME" not in (home / "account.conf").read_text() and "sslemail" not in authority.read_text()
    assert "Le_Webroot='%s'" % settings["acme"]["webroot"] in conf.read_text() and "nginx stop" not in conf.read_text()
