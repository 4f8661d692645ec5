# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a homeserver comes to its certificate, with real openssl, and with acme.sh, nginx and an ACME server where they
are installed.
"""

from __future__ import annotations

import datetime
import functools
import http.server
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.request

import pytest
from acme_dns_server import AcmeDnsServer
from ansible_collections.potluck.matrix.plugins.module_utils._certificate import acme_dns, acme_files, commands
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.certificate import Certificate, self_signed
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.changes import Changes
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.upkeep import Upkeep
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from free_ports import free_ports

CACHE = pathlib.Path(os.environ.get("POTLUCK_CACHE", pathlib.Path.home() / ".cache" / "potluck-matrix")) / "packages"
PATH = "/usr/sbin:/usr/local/sbin:" + os.environ.get("PATH", "")
NGINX, PEBBLE, CHALLENGES = (shutil.which(name, path=PATH) for name in ("nginx", "pebble", "pebble-challtestsrv"))
ACME_SH = os.environ.get("POTLUCK_ACME_SH") or next(map(str, CACHE.glob("**/acme.sh/acme.sh")), None)

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
        "nginx_log": str(tmp_path / "error.log"),
        "stamp": str(tmp_path / "stamp"),
        "reload_timeout": 3,
        "mount": "/mnt",
        "reload": ["true"],
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
        "watch": {
            "url": "",
            "days": 14,
            "state": str(tmp_path / "watch"),
            "instance": "example",
            "address": "192.0.2.7",
        },
    }


def installed(settings):
    directory = pathlib.Path(settings["directory"])
    return (directory / "fullchain.pem").read_text(), (directory / "privkey.pem").read_text()


def changes(settings, step, check=False, given=""):
    """What a step says it changed."""
    noted = Changes(check)
    # In check mode nothing can be applied, only told.
    step = "predict" if check and step == "apply" else step
    getattr(Upkeep(settings, noted), step)(*[given] if step == "prepare" else [])
    return noted.sentences


def test_self_signed_is_made_once_and_follows_the_names(settings):
    assert changes(settings, "prepare", check=True) == ["made a self-signed certificate"]
    assert not os.path.exists(settings["directory"])
    assert changes(settings, "prepare") == ["installed a new self-signed certificate"]
    first = installed(settings)
    assert os.stat(settings["directory"] + "/privkey.pem").st_mode & 0o777 == 0o640
    certificate = Certificate(first[0])
    assert (
        certificate.names == {DOMAIN}
        and list(map(str, certificate.addresses)) == ["192.0.2.7"]
        and certificate.self_signed
    )
    assert changes(settings, "prepare") == [] and installed(settings) == first
    settings["extra_domains"] = ["other.example.com"]
    assert changes(settings, "prepare") == ["installed a new self-signed certificate"]
    assert Certificate(installed(settings)[0]).names == {DOMAIN, "other.example.com"}


def test_self_signed_is_renewed_before_it_expires(settings):
    changes(settings, "prepare")
    soon = self_signed([DOMAIN], ["192.0.2.7"], 20)
    for name, text in zip(("fullchain.pem", "privkey.pem"), soon):
        pathlib.Path(settings["directory"], name).write_text(text)
    assert changes(settings, "apply") == ["installed a new self-signed certificate"]
    assert Certificate(installed(settings)[0]).days_left() > 390


def test_very_long_names_fit(settings):
    settings["domain"] = ".".join(["a" * 60, "b" * 60, "example.com"])
    changes(settings, "prepare")
    assert Certificate(installed(settings)[0]).names == {settings["domain"]}


def give(settings, text):
    return changes({**settings, "mode": "provided"}, "prepare", given=text)


def test_a_given_pair_is_checked_before_it_replaces_the_old_one(settings):
    chain, key = self_signed([DOMAIN], [], 30)
    other_chain, other_key = self_signed([DOMAIN], [], 30)
    assert give(settings, chain + "\n" + key) == ["installed the certificate that was given"]
    assert give(settings, key + chain) == []
    before = installed(settings)
    wrong_name = "".join(self_signed(["example.org"], [], 30))
    for text, complaint in (
        (chain + other_key, "the private key belongs to another certificate"),
        ("rubbish", "it is not a certificate in PEM form"),
        (chain, "the private key cannot be read"),
        (wrong_name, "it is for example.org, not for " + DOMAIN),
    ):
        with pytest.raises(Sentence, match=complaint):
            give(settings, text)
        assert installed(settings) == before
    with pytest.raises(Sentence, match="certificate 1 of the chain is not signed by the one behind it"):
        give(settings, other_chain + chain + other_key)
    assert installed(settings) == before
    leaf, middle, leaf_key = issued_chain()
    assert give(settings, leaf + middle + leaf_key) == ["installed the certificate that was given"]
    assert installed(settings)[0] == leaf + middle


def issued_chain():
    """(certificate for DOMAIN, certificate of its issuer, key of the first) as PEM; whoever signed the issuer's is
    gone.
    """
    with tempfile.TemporaryDirectory() as place:
        run = functools.partial(subprocess.run, cwd=place, check=True, capture_output=True)
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        run(["openssl", "req", "-x509", *new, "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=root"])
        for name, issuer, extension in (
            ("middle", "root", "basicConstraints=critical,CA:TRUE"),
            ("leaf", "middle", "subjectAltName=DNS:" + DOMAIN),
        ):
            pathlib.Path(place, "extension").write_text(extension + "\n")
            run(
                [
                    "openssl",
                    "req",
                    "-new",
                    *new,
                    "-keyout",
                    name + ".key",
                    "-out",
                    name + ".csr",
                    "-subj",
                    "/CN=" + name,
                ]
            )
            run(
                [
                    "openssl",
                    "x509",
                    "-req",
                    "-in",
                    name + ".csr",
                    "-CA",
                    issuer + ".pem",
                    "-CAkey",
                    issuer + ".key",
                    "-CAcreateserial",
                    "-days",
                    "30",
                    "-extfile",
                    "extension",
                    "-out",
                    name + ".pem",
                ]
            )
        return tuple(pathlib.Path(place, name).read_text() for name in ("leaf.pem", "middle.pem", "leaf.key"))


def test_reload_only_for_what_nginx_has_not_read(settings):
    changes(settings, "prepare")
    pathlib.Path(settings["nginx_conf"]).write_text("")
    assert changes(settings, "apply") == []
    # A process that nobody is the child of.
    pathlib.Path(settings["nginx_pid"]).write_text("99999999")
    assert changes(settings, "apply") == []
    time.sleep(0.02)
    pathlib.Path(settings["nginx_conf"]).write_text("x")
    assert changes(settings, "apply", check=True) == ["reloaded nginx"]
    with pytest.raises(Sentence, match="nginx was not reloaded"):
        changes({**settings, "reload": ["false"]}, "apply")
    assert changes(settings, "apply") == ["reloaded nginx"]
    assert changes(settings, "apply") == []


@pytest.mark.skipif(not NGINX, reason="nginx is missing; tests/double/prepare gets it")
def test_a_reload_that_nginx_could_not_do_is_told_with_its_reason(settings, tmp_path):
    """Its exit code is that of a signal, and the old workers go on."""
    first, second = free_ports(2)
    conf, log = pathlib.Path(settings["nginx_conf"]), settings["nginx_log"]
    settings.update(mode="none", reload=[NGINX, "-c", str(conf), "-s", "reload"], reload_timeout=8)
    text = "pid {}; error_log {}; events {{}} http {{ access_log off; server {{ listen 127.0.0.1:%d; }} }}".format(
        settings["nginx_pid"], log
    )
    conf.write_text(text % first)
    subprocess.run([NGINX, "-c", str(conf)], check=True, capture_output=True)
    try:
        time.sleep(0.1)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", second))
            taken.listen()
            conf.write_text(text % second)
            with pytest.raises(Sentence, match=r"keeps its old configuration: .*127.0.0.1:%d" % second):
                changes(settings, "reload")
            socket.create_connection(("127.0.0.1", first)).close()
        # It has not been read yet, and now it can be.
        assert changes(settings, "reload") == ["reloaded nginx"] and changes(settings, "reload") == []
        socket.create_connection(("127.0.0.1", second)).close()
    finally:
        subprocess.run([NGINX, "-c", str(conf), "-s", "stop"], check=True, capture_output=True)


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


def test_watch_tells_of_every_turn(settings, alertmanager):
    url, bodies, status = alertmanager
    settings["watch"]["url"] = url
    changes(settings, "prepare")
    changes(settings, "watch")
    assert bodies == []
    long = installed(settings)

    def put(pair):
        for name, text in zip(("fullchain.pem", "privkey.pem"), pair):
            pathlib.Path(settings["directory"], name).write_text(text)

    put(self_signed([DOMAIN], [], 5))
    status[0] = 500
    with pytest.raises(Sentence, match="refused the alert: 500"):
        changes(settings, "watch")
    status[0] = 200
    changes(settings, "watch")
    changes(settings, "watch")
    assert [[alert["labels"]["alertname"] for alert in body] for body in bodies] == [["MatrixCertificateExpiring"]] * 2
    alert = bodies[0][0]
    assert (
        alert["labels"]["severity"] == "warning"
        and alert["labels"]["domain"] == DOMAIN
        and alert["labels"]["instance"] == "example"
    )
    start, end = (datetime.datetime.fromisoformat(alert[name]) for name in ("startsAt", "endsAt"))
    assert end - start > datetime.timedelta(hours=24)
    put(("", ""))
    changes(settings, "watch")
    now = datetime.datetime.now(datetime.timezone.utc)
    expired, former = bodies[-1]
    assert (expired["labels"]["alertname"], expired["labels"]["severity"]) == ("MatrixCertificateExpired", "critical")
    assert former["labels"] == alert["labels"] and datetime.datetime.fromisoformat(former["endsAt"]) <= now
    put(long)
    changes(settings, "watch")
    assert [alert["labels"]["alertname"] for alert in bodies[-1]] == ["MatrixCertificateExpired"]
    assert datetime.datetime.fromisoformat(bodies[-1][0]["endsAt"]) <= datetime.datetime.now(datetime.timezone.utc)
    count = len(bodies)
    changes(settings, "watch")
    assert len(bodies) == count


# --- with a real ACME server

needs_acme = pytest.mark.skipif(
    not all((NGINX, PEBBLE, CHALLENGES, ACME_SH)),
    reason="nginx, pebble or acme.sh is missing; tests/double/prepare gets them",
)


class Acme:
    """A pebble whose DNS sends every name to this machine, and an nginx that answers challenges from the webroot."""

    def __init__(self, directory, webroot, eab=None):
        self.directory = directory
        directory.mkdir()
        chain, key = self_signed(["localhost"], ["127.0.0.1"], 30)
        (directory / "ca.pem").write_text(chain)
        (directory / "ca.key").write_text(key)
        directory_port, management_port, http_port, tls_port, self.dns_port, dns_management_port = free_ports(6)
        self.dns_management = "http://127.0.0.1:%d" % dns_management_port
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
        server = "server { listen 127.0.0.1:%d; location /.well-known/acme-challenge/ { root %s; } }" % (
            http_port,
            webroot,
        )
        (directory / "nginx.conf").write_text(
            f"pid {directory}/nginx.pid; error_log {directory}/error.log; events {{}}\nhttp {{ access_log off; "
            f"{server} }}"
        )
        self.processes = {}
        self.start(
            "dns",
            CHALLENGES,
            "-defaultIPv4",
            "127.0.0.1",
            "-defaultIPv6",
            "",
            "-dns01",
            "127.0.0.1:%d" % self.dns_port,
            "-http01",
            "",
            "-https01",
            "",
            "-tlsalpn01",
            "",
            "-management",
            "127.0.0.1:%d" % dns_management_port,
        )
        self.start(
            "nginx", NGINX, "-p", str(directory), "-c", str(directory / "nginx.conf"), "-g", "daemon off;user root;"
        )
        self.start_pebble()

    def start(self, name, *argv):
        environment = {**os.environ, "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}
        with open(self.directory / (name + ".log"), "ab") as log:
            self.processes[name] = subprocess.Popen(argv, stdout=log, stderr=log, env=environment)

    def start_pebble(self):
        self.start(
            "pebble",
            PEBBLE,
            "-config",
            str(self.directory / "config.json"),
            "-dnsserver",
            "127.0.0.1:%d" % self.dns_port,
        )
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


@pytest.fixture
def acme_dns_server(settings, acme, monkeypatch):
    """One that is told in the settings, while no web server answers the CA."""
    monkeypatch.setattr(acme_dns, "PLUGINS", os.path.join(os.path.dirname(ACME_SH), "dnsapi"))
    acme.stop("nginx")
    server = AcmeDnsServer(acme.dns_management, [DOMAIN])
    settings["acme"]["dns"] = server.settings()
    yield server
    server.shutdown()
    server.server_close()


@needs_acme
def test_a_certificate_by_the_dns(settings, acme, acme_dns_server, monkeypatch):
    seen = []
    real = commands.run
    monkeypatch.setattr(acme_files, "run", lambda *argv, **more: (seen.append(argv), real(*argv, **more))[1])
    settings["extra_domains"] = ["*." + DOMAIN]
    changes(settings, "prepare")
    assert changes(settings, "apply") == [
        "the CA issued a certificate (there is none yet)",
        "installed the certificate of the CA",
    ]
    assert Certificate(installed(settings)[0]).names == {DOMAIN, "*." + DOMAIN}
    assert changes(settings, "apply") == [] and changes(settings, "apply", check=True) == []
    assert "first" not in repr(seen)
    # Another password: what acme.sh noted of the first one is not what it renews with.
    acme_dns_server.password = settings["acme"]["dns"]["settings"]["ACMEDNS_PASSWORD"] = "second"
    assert changes(settings, "apply") == []
    conf = pathlib.Path(settings["acme"]["home"], DOMAIN + "_ecc", DOMAIN + ".conf")
    before = installed(settings)
    due = [line for line in conf.read_text().splitlines() if not line.startswith("Le_NextRenewTime")]
    conf.write_text("\n".join([*due, "Le_NextRenewTime='1'"]) + "\n")
    assert changes(settings, "renew") == [] and acme_dns_server.refused == 0
    assert changes(settings, "apply") == ["installed the certificate of the CA"]
    assert installed(settings)[0] != before[0]


@needs_acme
def test_a_wrong_password_of_the_dns_leaves_what_there_is(settings, acme, acme_dns_server):
    changes(settings, "prepare")
    before = installed(settings)
    settings["acme"]["dns"]["settings"]["ACMEDNS_PASSWORD"] = "guessed"
    with pytest.raises(
        Sentence, match=r"gave no certificate for \S+ by the DNS with dns_acmedns \(matrix_acme_dns\): Error adding TXT"
    ):
        changes(settings, "apply")
    assert acme_dns_server.refused and installed(settings) == before
    settings["acme"]["dns"]["plugin"] = "dns_nowhere"
    with pytest.raises(Sentence, match='acme.sh has no plugin "dns_nowhere"'):
        changes(settings, "apply")
    assert installed(settings) == before


@needs_acme
def test_from_the_dns_back_to_the_web_server(settings, acme, acme_dns_server):
    changes(settings, "prepare")
    changes(settings, "apply")
    home = pathlib.Path(settings["acme"]["home"])
    conf = home / (DOMAIN + "_ecc") / (DOMAIN + ".conf")
    assert "Le_Webroot='dns_acmedns'" in conf.read_text() and "first" in conf.read_text()
    (home / "account.conf").open("a").write("SAVED_CF_Token='noted'\n")
    settings["acme"]["dns"] = {}
    assert changes(settings, "apply", check=True) == ["the way certificates are renewed"]
    assert changes(settings, "apply") == ["the way certificates are renewed"]
    assert "first" not in conf.read_text() and "noted" not in (home / "account.conf").read_text()
    assert f"Le_Webroot='{settings['acme']['webroot']}'" in conf.read_text() and "DNSSleep" not in conf.read_text()
    assert changes(settings, "apply") == []


def account(settings):
    return (pathlib.Path(settings["acme"]["home"]) / "ca/127.0.0.1/dir/ca.conf").read_text()


@needs_acme
def test_issue_install_renew_and_change(settings, acme):
    home = pathlib.Path(settings["acme"]["home"]) / (DOMAIN + "_ecc")
    assert any("until the first one is issued" in line for line in changes(settings, "prepare"))
    assert Certificate(installed(settings)[0]).self_signed
    said = changes(settings, "apply", check=True)
    assert said == ["the CA would be asked for a certificate (there is none yet)"]
    said = changes(settings, "apply")
    assert said == ["the CA issued a certificate (there is none yet)", "installed the certificate of the CA"]
    first = installed(settings)
    certificate = Certificate(first[0])
    assert certificate.names == {DOMAIN} and not certificate.self_signed
    assert "CA_EMAIL='admin@example.com'" in account(settings)
    assert changes(settings, "prepare") == [] and changes(settings, "apply") == []
    assert changes(settings, "apply", check=True) == []
    # What cron does, long before it would be due.
    cron = [ACME_SH, "--cron", "--force", "--home", settings["acme"]["home"], "--log", settings["acme"]["log"]]
    done = subprocess.run(cron, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert changes(settings, "apply") == ["installed the certificate of the CA"]
    renewed = installed(settings)
    assert renewed[0] != first[0] and renewed[1] == first[1]
    settings["extra_domains"] = ["example.com"]
    assert changes(settings, "apply") == [
        "the CA issued a certificate (it is for matrix.example.com)",
        "installed the certificate of the CA",
    ]
    assert Certificate(installed(settings)[0]).names == {DOMAIN, "example.com"}
    settings["acme"]["email"] = "new@example.com"
    assert changes(settings, "apply") == ["the mail address of the ACME account"]
    assert "CA_EMAIL='new@example.com'" in account(settings)
    assert changes(settings, "apply") == []
    # The pot is made anew: only what is on the dataset is left.
    shutil.rmtree(settings["directory"])
    assert changes(settings, "prepare") == ["installed the certificate that acme.sh holds"]
    # A directory without a certificate is not a certificate, and a CA that forgot the account is not the end.
    (home / "fullchain.cer").unlink()
    acme.stop("pebble")
    acme.start_pebble()
    assert changes(settings, "apply") == [
        "the CA issued a certificate (there is none yet)",
        "installed the certificate of the CA",
    ]


def renewed_by_cron(settings):
    """Names whose certificates the daily run of acme.sh would renew."""
    done = subprocess.run(
        [ACME_SH, "--list", "--listraw", "--home", settings["acme"]["home"]], capture_output=True, text=True, check=True
    )
    return {line.partition("|")[0] for line in done.stdout.splitlines()[1:]}


@needs_acme
def test_another_name_gets_a_certificate_of_its_own_and_the_former_one_is_let_go(settings, acme):
    settings["domain"] = "example.com"
    changes(settings, "prepare")
    changes(settings, "apply")
    home = pathlib.Path(settings["acme"]["home"])
    # Not ours: proven by DNS.
    (home / "other.example.com_ecc").mkdir()
    other = (home / "example.com_ecc/example.com.conf").read_text().replace("example.com", "other.example.com")
    other = other.replace(f"Le_Webroot='{settings['acme']['webroot']}'", "Le_Webroot='dns_x'")
    (home / "other.example.com_ecc/other.example.com.conf").write_text(other)
    assert renewed_by_cron(settings) == {"example.com", "other.example.com"}
    settings["domain"] = DOMAIN
    assert changes(settings, "prepare") == []
    assert changes(settings, "apply", check=True) == ["the CA would be asked for a certificate (there is none yet)"]
    assert changes(settings, "apply") == [
        "the CA issued a certificate (there is none yet)",
        "the certificate of example.com is no longer renewed",
        "installed the certificate of the CA",
    ]
    assert Certificate(installed(settings)[0]).names == {DOMAIN}
    assert renewed_by_cron(settings) == {DOMAIN, "other.example.com"}
    assert changes(settings, "prepare") == [] and changes(settings, "apply") == []
    # And back.
    settings["domain"] = "example.com"
    assert "the certificate of matrix.example.com is no longer renewed" in changes(settings, "apply")
    assert Certificate(installed(settings)[0]).names == {"example.com"}
    assert renewed_by_cron(settings) == {"example.com", "other.example.com"}
    assert changes(settings, "apply", check=True) == changes(settings, "apply") == []


@needs_acme
def test_a_certificate_is_revoked_and_the_next_run_asks_for_a_new_one(settings, acme):
    home = pathlib.Path(settings["acme"]["home"]) / (DOMAIN + "_ecc")
    changes(settings, "prepare")
    # What nobody has issued nobody can revoke.
    assert changes(settings, "revoke") == []
    changes(settings, "apply")
    first, alone = Certificate(installed(settings)[0]), (home / (DOMAIN + ".cer")).read_text()
    directory = settings["acme"]["directory"]
    settings["acme"]["directory"] = "https://127.0.0.1:1/dir"
    with pytest.raises(Sentence, match=f"did not revoke the certificate of {DOMAIN}: "):
        Upkeep(settings, Changes()).revoke()
    settings["acme"]["directory"] = directory
    assert Certificate(installed(settings)[0]).x509 == first.x509
    # Cut off after the CA had done it.
    chain = (home / "fullchain.cer").read_text()
    assert changes(settings, "revoke") == ["the CA revoked the certificate"]
    (home / "fullchain.cer").write_text(chain)
    (home / (DOMAIN + ".cer")).write_text(alone)
    assert changes(settings, "revoke") == ["the CA revoked the certificate"]
    assert changes(settings, "revoke") == [] and not pathlib.Path(settings["directory"], "fullchain.pem").exists()
    assert any("until the first one is issued" in line for line in changes(settings, "prepare"))
    assert changes(settings, "apply") == [
        "the CA issued a certificate (there is none yet)",
        "installed the certificate of the CA",
    ]
    assert Certificate(installed(settings)[0]).x509.serial_number != first.x509.serial_number
    settings["mode"] = "selfsigned"
    assert changes(settings, "revoke") == []


@needs_acme
def test_failures_are_one_sentence_and_leave_what_there_is(settings, acme):
    changes(settings, "prepare")
    before = installed(settings)

    def complaint(**changed):
        started = time.monotonic()
        with pytest.raises(Sentence) as caught:
            Upkeep({**settings, "acme": {**settings["acme"], **changed}}, Changes()).apply()
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
@pytest.mark.parametrize(
    "acme", [{"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}], indirect=True
)
def test_external_account_binding_stays_off_the_command_line(settings, acme, monkeypatch):
    settings["acme"].update(
        eab_kid="kid-1", eab_hmac_key="zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
    )
    seen = []
    real = commands.run
    monkeypatch.setattr(acme_files, "run", lambda *argv, **more: (seen.append(argv), real(*argv, **more))[1])
    changes(settings, "prepare")
    changes(settings, "apply")
    assert not Certificate(installed(settings)[0]).self_signed
    assert settings["acme"]["eab_hmac_key"] not in repr(seen)


@needs_acme
def test_what_potluck_left_is_taken_over(settings, acme):
    """The directory of a former server: standalone mode, hooks, a placeholder for the mail address, CERT_HOME
    elsewhere.
    """
    changes(settings, "prepare")
    changes(settings, "apply")
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
    assert changes(settings, "prepare") == ["installed the certificate that acme.sh holds"]
    assert changes(settings, "apply") == [
        "acme.sh's account.conf",
        "the way certificates are renewed",
        "the mail address of the ACME account",
    ]
    assert installed(settings) == before and changes(settings, "apply") == []
    assert "CERT_HOME" not in (home / "account.conf").read_text() and "sslemail" not in authority.read_text()
    assert (
        "Le_Webroot='{}'".format(settings["acme"]["webroot"]) in conf.read_text()
        and "nginx stop" not in conf.read_text()
    )


@needs_acme
def test_a_chain_without_its_issuers_certificate_does_not_go_live(settings, acme):
    changes(settings, "prepare")
    changes(settings, "apply")
    before = installed(settings)
    stored = pathlib.Path(settings["acme"]["home"]) / (DOMAIN + "_ecc") / "fullchain.cer"
    stored.write_text(before[0][: before[0].index("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n")
    acme.stop("pebble")
    with pytest.raises(Sentence, match="nginx goes on with the certificate it has"):
        changes(settings, "apply")
    assert installed(settings) == before
    acme.start_pebble()
    lacking = "the chain lacks the certificate of its issuer, without which clients do not trust it"
    assert changes(settings, "apply") == [
        f"the CA issued a certificate ({lacking})",
        "installed the certificate of the CA",
    ]
    assert installed(settings)[0].count("BEGIN CERTIFICATE") > 1


@needs_acme
def test_an_apostrophe_of_former_days_heals(settings, acme):
    """acme.sh has a shell read its files: with an odd apostrophe in one of them no run of it gets anywhere."""
    changes(settings, "prepare")
    changes(settings, "apply")
    before = installed(settings)
    home = pathlib.Path(settings["acme"]["home"])
    files = [home / "account.conf", home / "ca/127.0.0.1/dir/ca.conf", home / (DOMAIN + "_ecc") / (DOMAIN + ".conf")]
    for path in files:
        path.write_text(
            path.read_text().replace("admin@example.com", "o'brien@example.com")
            + "ACCOUNT_EMAIL='o'brien@example.com'\n"
        )
    assert subprocess.run(["sh", "-c", ". " + str(files[0])], capture_output=True, check=False).returncode != 0
    assert len([line for line in changes(settings, "apply", check=True) if "acme.sh" in line]) == 3
    assert len([line for line in changes(settings, "apply") if "acme.sh" in line]) == 3
    for path in files:
        assert "brien" not in path.read_text()
        subprocess.run(["sh", "-c", ". " + str(path)], check=True)
    assert installed(settings) == before and changes(settings, "apply") == []
    assert "CA_EMAIL='admin@example.com'" in account(settings)


@pytest.mark.parametrize(
    "line, fine",
    [
        ("A='b'", True),
        ('CERT_HOME="/var/db/acme/certs"', True),
        ("#A='b", True),
        ("", True),
        ("A=1", True),
        ("A=''", True),
        ("A='__ACME_BASE64__START_Zm9v='", True),
        ("A='o'brien'", False),
        ("A='b", False),
        ('A="$(reboot)"', False),
        ("A=`reboot`", False),
        ("reboot", False),
        ("A=b c", False),
        ("A='b'; reboot", False),
    ],
)
def test_only_what_a_shell_reads_as_a_setting_stays_in_acme_shs_files(line, fine):
    assert bool(acme_files.WELL_FORMED.match(line)) == fine
