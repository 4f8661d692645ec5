# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each neighbour starts, does its work and leaves nothing behind. They run on loopback addresses of their own here."""

from __future__ import annotations

import json
import os
import smtplib
import socket
import ssl
import struct
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

NEIGHBOURS = Path(__file__).resolve().parents[1] / "double/neighbours"
ADDRESS = "127.10.199.9"


class Neighbour:
    """One neighbour of the test's own."""

    def __init__(self, kind, state):
        self.kind = kind
        self.environment = {**os.environ, "POTLUCK_DOUBLE_DIR": str(state)}
        self.info = None

    def call(self, verb, *arguments):
        argv = [str(NEIGHBOURS / self.kind), verb, *arguments]
        return subprocess.run(argv, env=self.environment, capture_output=True, text=True, check=False)

    def start(self, *arguments):
        result = self.call("start", *arguments)
        assert result.returncode == 0, result.stderr
        self.info = json.loads(result.stdout)
        return self.info


@pytest.fixture
def neighbour(request, tmp_path):
    """The neighbour that the test's mark names; its state is gone after stop, which the fixture checks."""
    one = Neighbour(request.param, tmp_path)
    yield one
    assert one.call("stop").returncode == 0
    assert sorted(path.name for path in (tmp_path / "neighbours").glob("*")) in ([], ["ca"])
    assert one.call("status").returncode == 1


def trusted(info):
    return ssl.create_default_context(cafile=info["ca"])


@pytest.mark.parametrize("neighbour", ["consul-servers"], indirect=True)
def test_consul_servers_agree_on_a_leader(neighbour):
    info = neighbour.start("--addresses", "127.10.199.2,127.10.199.3,127.10.199.4", "--datacenter", "testdc")
    members = json.load(urllib.request.urlopen(info["http"] + "/v1/agent/members"))
    assert {member["Addr"] for member in members} == set(info["addresses"])
    assert {member["Tags"]["dc"] for member in members} == {"testdc"}


@pytest.mark.parametrize("neighbour", ["slapd"], indirect=True)
def test_slapd_serves_its_users_over_starttls(neighbour):
    info = neighbour.start("--address", ADDRESS, "--user", "carol:carol-secret:Carol C", "--require-tls")
    search = [
        "ldapsearch",
        "-x",
        "-LLL",
        "-H",
        "ldap://" + ADDRESS,
        "-D",
        info["bind_dn"],
        "-w",
        info["password"],
        "-b",
        info["base"],
        "uid=carol",
        "mail",
    ]
    environment = {**os.environ, "LDAPTLS_CACERT": info["ca"]}
    result = subprocess.run([*search, "-ZZ"], env=environment, capture_output=True, text=True, check=False)
    assert "mail: carol@corp.example.co.uk" in result.stdout, result.stderr
    assert subprocess.run(search, env=environment, capture_output=True, check=False).returncode != 0
    assert info["base"] == "dc=corp,dc=example,dc=co,dc=uk"


@pytest.mark.parametrize("neighbour", ["pebble"], indirect=True)
def test_pebble_answers_with_a_certificate_of_the_test_ca(neighbour):
    info = neighbour.start("--address", ADDRESS, "--host", "a.example.test=127.0.0.1")
    directory = json.load(urllib.request.urlopen(info["directory"], context=trusted(info)))
    assert "newOrder" in directory
    assert "BEGIN CERTIFICATE" in Path(info["roots"]).read_text()
    assert neighbour.call("host", "b.example.test=127.0.0.1").returncode == 0


@pytest.mark.parametrize("neighbour", ["smtp-sink"], indirect=True)
def test_smtp_sink_keeps_mail_of_all_three_ports(neighbour):
    ports = [10025, 10465, 10587]
    kinds = zip(ports, ("starttls", "implicit", "starttls_required"))
    info = neighbour.start("--address", ADDRESS, "--ports", ",".join(f"{port}:{kind}" for port, kind in kinds))
    message = "Subject: hello\r\n\r\nbody"

    def login(client):
        client.login(info["user"], info["password"])
        return client

    with smtplib.SMTP(ADDRESS, ports[0]) as client:
        client.sendmail("a@x.test", ["b@x.test"], message)
    with smtplib.SMTP_SSL(ADDRESS, ports[1], context=trusted(info)) as client:
        login(client).sendmail("a@x.test", ["b@x.test"], message)
    with smtplib.SMTP(ADDRESS, ports[2]) as client, pytest.raises(smtplib.SMTPException):
        client.sendmail("a@x.test", ["b@x.test"], message)
    with smtplib.SMTP(ADDRESS, ports[2]) as client:
        client.starttls(context=trusted(info))
        login(client).sendmail("a@x.test", ["b@x.test"], message)
    mails = json.loads(neighbour.call("mails").stdout)
    assert [(mail["port"], mail["tls"], mail["user"]) for mail in mails] == [
        (ports[0], False, None),
        (ports[1], True, info["user"]),
        (ports[2], True, info["user"]),
    ]
    assert "Subject: hello" in mails[0]["data"]


@pytest.mark.parametrize("neighbour", ["syslog-receiver"], indirect=True)
def test_syslog_receiver_counts_plain_and_tls_messages(neighbour):
    info = neighbour.start("--address", ADDRESS, "--tcp-port", "10514", "--tls-port", "16514")
    line = b"<14>1 2026-11-23T09:00:00Z host app 12 - - hello\n"
    with socket.create_connection((ADDRESS, 10514)) as connection:
        connection.sendall(line)
    with trusted(info).wrap_socket(socket.create_connection((ADDRESS, 16514)), server_hostname=ADDRESS) as connection:
        connection.sendall(line)
    wait = subprocess.run(
        [
            "sh",
            "-c",
            'for n in $(seq 50); do [ "$("$0" count hello)" = 2 ] && exit; sleep 0.1; done; exit 1',
            str(NEIGHBOURS / "syslog-receiver"),
        ],
        env=neighbour.environment,
        check=False,
    )
    assert wait.returncode == 0
    assert neighbour.call("pause").returncode == 0
    with pytest.raises(OSError):
        socket.create_connection((ADDRESS, 10514), timeout=1)
    assert neighbour.call("resume").returncode == 0
    assert neighbour.call("count", "hello").stdout == "2\n"


@pytest.mark.parametrize("neighbour", ["alertmanager"], indirect=True)
def test_alertmanager_takes_good_alerts_only(neighbour):
    info = neighbour.start("--address", ADDRESS)

    def post(body, kind="application/json"):
        request = urllib.request.Request(
            info["url"] + "/api/v2/alerts", data=json.dumps(body).encode(), headers={"Content-Type": kind}
        )
        try:
            return urllib.request.urlopen(request).status
        except urllib.error.HTTPError as problem:
            return problem.code

    alert = {"labels": {"alertname": "CertificateExpires"}, "startsAt": "2026-11-23T09:00:00Z"}
    assert post([alert]) == 200
    assert post(alert) == 400
    assert post([{"labels": {"alertname": 1}}]) == 400
    assert post([{**alert, "startsAt": "soon"}]) == 400
    assert post([alert], "text/plain") == 415
    assert json.loads(neighbour.call("alerts").stdout) == [alert]


@pytest.mark.parametrize("neighbour", ["dns"], indirect=True)
def test_dns_knows_what_it_was_told(neighbour):
    neighbour.start(
        "--address", ADDRESS, "--port", "10053", "--host", "m.example.test=10.1.2.3", "--host", "*.w.test=10.9.9.9"
    )
    neighbour.call("host", "late.example.test=10.1.2.4")

    def ask(name, kind=1):
        labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(2)
            client.sendto(
                struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1),
                (ADDRESS, 10053),
            )
            answer = client.recv(512)
        return answer[3] & 15, ".".join(map(str, answer[-4:])) if answer[7] else None

    assert ask("M.Example.test") == (0, "10.1.2.3")
    assert ask("late.example.test") == (0, "10.1.2.4")
    assert ask("a.b.w.test") == (0, "10.9.9.9")
    assert ask("m.example.test", 28) == (0, None)
    assert ask("nobody.test") == (3, None)
