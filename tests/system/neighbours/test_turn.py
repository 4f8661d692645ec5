# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The TURN server of the guide: clients get credentials from Synapse and are relayed to whom they may reach, and to
nobody else.
"""

from __future__ import annotations

import json
import re
import secrets
import socket
import ssl

import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.module_utils._probe import stun
from ansible_collections.potluck.matrix.plugins.module_utils._probe.turn import allocate

from .calls import offered_by, session
from .conftest import TOP, fetch, wait_for

GUIDE = (TOP / "docs/calls.md").read_text(encoding="utf-8")
CONFIG = "/usr/local/etc/turnserver.conf"
SECRET = "/mnt/matrixdata/coturn/secret"
COPY = "/usr/local/etc/turnserver"
DROP_IN = "/usr/local/etc/matrix-synapse/homeserver.d/turn.yaml"
# What there is of the pot's own server, besides its package.
OWN = f"{CONFIG} {COPY} /var/db/turnserver /var/log/turnserver /mnt/matrixdata/coturn"
# Those that have something to do with a part that comes or goes.
PARTS = ("synapse", "coturn", "consul_agent", "remote_log", "tls")
FORBIDDEN = 403


def of_the_guide():
    """The first snippets of the guide, each variable as it is named first."""
    found = {}
    for text in re.findall(r"^```yaml\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL):
        for name, value in yaml.safe_load(text).items():
            found.setdefault(name, value)
    return found


@pytest.fixture(scope="module")
def turn(site):
    """The variables, deployed by the roles that a server is made by; in the end it is off again."""
    guide = of_the_guide()
    assert guide["matrix_turn"] is True and guide["matrix_turn_allowed_peers"] == ["10.0.0.0/24"]
    variables = {
        "matrix_turn": guide["matrix_turn"],
        # The addresses here are private; one of this machine is somebody whom people call.
        "matrix_turn_allowed_peers": [f"{site.address}/32"],
        # The deployment's own has a secret of another server.
        "synapse_secret_settings": {},
    }
    # Without role tls, which knows of the copies it is to make only from what this role has it told.
    foretold = site.ansible("site", "--check", "--diff", "--tags", "synapse,coturn", **variables)
    assert foretold.code == 0, foretold.output[-4000:]
    assert site.jail_run(f"ls -d {OWN} {DROP_IN} 2>/dev/null; pw usershow turnserver", check=False) == ""
    done = site.roles("synapse", "coturn", **variables)
    assert foretold.changes == done.changes, (foretold.changes, done.changes)
    yield variables
    site.roles("coturn", matrix_turn=False, synapse_secret_settings={})
    site.roles(*PARTS)


@pytest.fixture(scope="module")
def offered(site, turn):
    return offered_by(site.client(), site.remembered("admin"))


class Peer(list):
    """The one attribute that names a peer. Its value depends on the message for IPv6 alone, so any number will do."""

    def __init__(self, address, port):
        super().__init__([(stun.PEER, stun.address_value(address, port, bytes(12)))])


def test_synapse_offers_it_at_three_places(site, turn, offered):
    assert offered["uris"] == [
        "turn:neigh.test:3478?transport=udp",
        "turn:neigh.test:3478?transport=tcp",
        "turns:neigh.test:5349?transport=tcp",
    ]
    assert offered["ttl"] == 3600


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_datagram_is_relayed_to_an_allowed_peer_and_back(site, offered, number):
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
        session(site, offered, offered["uris"][number]) as talk,
    ):
        peer.bind((site.address, 0))
        peer.settimeout(10)
        relayed = allocate(talk)
        assert relayed[0] == site.jail and 49152 <= relayed[1] <= 50175
        whom = Peer(*peer.getsockname())
        assert talk.asked(stun.CREATE_PERMISSION, whom).kind == stun.CREATE_PERMISSION | stun.SUCCESS
        word = secrets.token_bytes(20)
        talk.send(stun.SEND, [*whom, (stun.DATA, word)])
        assert peer.recvfrom(100) == (word, relayed)
        peer.sendto(word[::-1], relayed)
        arrived = talk.receive()
        assert arrived.kind == stun.DATA_ARRIVED and arrived.get(stun.DATA) == word[::-1]


def test_nobody_else_is_a_peer(site, offered):
    own = ("127.0.0.1", site.jail, site.machine_address, "169.254.169.254", "192.168.0.1", "224.0.0.1")
    with session(site, offered, offered["uris"][0]) as talk:
        allocate(talk)
        for address in own:
            answer = talk.asked(stun.CREATE_PERMISSION, Peer(address, 8301))
            assert answer.error()[0] == FORBIDDEN, address
    stranger = {**offered, "password": "another"}
    with session(site, stranger, offered["uris"][0]) as talk:
        answer = talk.asked(stun.ALLOCATE, [(stun.TRANSPORT, stun.UDP)])
        assert answer.error()[0] == 401


def test_it_listens_at_the_address_of_the_pot_as_an_account_of_its_own(site, turn):
    ports = site.jail_run("sockstat -4 -6 -l").splitlines()
    own = [line.split() for line in ports if "turnserve" in line]
    # Of an account sockstat of 13.2 shows eight letters.
    assert own and {words[0][:8] for words in own} == {"turnserv"}
    # Beside what is still relayed for the clients of other tests.
    places = [words[5].rpartition(":") for words in own]
    assert {place[0] for place in places} == {site.jail}
    assert {place[2] for place in places if not 49152 <= int(place[2]) <= 50175} == {"3478", "5349"}
    modes = site.jail_run(f"stat -f '%Su:%Sg %Lp' {CONFIG} {SECRET} {COPY} {COPY}/privkey.pem")
    assert modes.split("\n")[:4] == [
        "root:turnserver 640",
        "root:synapse 640",
        "root:turnserver 750",
        "root:turnserver 640",
    ]


def test_a_second_run_changes_nothing_and_the_others_know_it(site, turn):
    done = site.ansible("site", "--diff", **turn)
    assert done.code == 0, done.output[-4000:]
    assert not [change for change in done.changes if "coturn" in change or "synapse" in change], done.changes
    secret = site.jail_run(f"cat {SECRET}").strip()
    assert len(secret) == 64 and secret not in done.output
    for arguments in ([], ["--check", "--diff"]):
        again = site.ansible("site", *arguments, **turn)
        assert again.code == 0 and again.changes == [], again.output[-4000:]

    def announced():
        return json.loads(fetch(f"http://{site.consul[0]}:8500/v1/health/service/matrix-turn?passing"))

    (entry,) = wait_for(announced, 60, "Consul has a TURN server that passes its check")
    assert (entry["Service"]["Address"], entry["Service"]["Port"]) == (site.jail, 3478)
    mark = "shipped" + secrets.token_hex(4)
    with session(site, {"username": mark, "password": "x"}, f"turn:{site.jail}:3478") as talk:
        assert talk.asked(stun.ALLOCATE, [(stun.TRANSPORT, stun.UDP)]).error()[0] == 401
    wait_for(lambda: int(site.tell("syslog-receiver", "count", mark)) > 0, 30, "its log arrives")


def shown(site):
    """The certificate that it shows, as PEM."""
    return ssl.get_server_certificate((site.jail, 5349))


def test_a_renewed_certificate_reaches_it_while_it_relays(site, turn, offered):
    former, pid = shown(site), site.jail_run("pgrep -x turnserver")
    with session(site, offered, offered["uris"][0]) as talk:
        allocate(talk)
        # What cron does, long before it is due.
        renew = "/usr/local/sbin/acme.sh --cron --force --home /mnt/acme --log /var/log/acme.sh.log"
        site.jail_run(f"su -m acme -c '{renew}'")
        said = site.jail_run("/usr/local/libexec/matrix-tls apply")
        assert "changed: copied the certificate for turnserver" in said
        new = site.jail_run("cat /mnt/matrixdata/tls/fullchain.pem")
        wait_for(lambda: shown(site) != former, 20, "it shows the new one")
        assert shown(site).strip() in new
        assert talk.asked(stun.REFRESH, []).kind == stun.REFRESH | stun.SUCCESS
    assert site.jail_run("pgrep -x turnserver") == pid
    assert site.jail_run("/usr/local/libexec/matrix-tls apply") == ""


def test_its_log_is_rotated(site, turn):
    log = "/var/log/turnserver/turnserver.log"
    site.jail_run(f"newsyslog -F -f /etc/newsyslog.conf.d/turnserver.conf {log}")
    mark = "rotated" + secrets.token_hex(4)
    with session(site, {"username": mark, "password": "x"}, f"turn:{site.jail}:3478") as talk:
        talk.asked(stun.ALLOCATE, [(stun.TRANSPORT, stun.UDP)])
    wait_for(lambda: mark in site.jail_run(f"cat {log}"), 20, "it writes into the new file")


def test_verify_names_a_server_that_is_stopped_or_has_another_secret(site, turn):
    assert site.verify(**turn) == []
    site.service("turnserver", "stop")
    try:
        failures = site.verify(**turn)
    finally:
        site.service("turnserver", "start")
    assert [failure.partition(":")[0] for failure in failures if "Consul" not in failure] == ["The TURN server runs"]
    assert failures[-1].endswith("then run site with --tags coturn)")
    site.settle()
    site.jail_run(f"cp -p {SECRET} /root/secret; echo 0123456789abcdef >{SECRET}")
    try:
        (failure,) = site.verify(**turn)
    finally:
        site.jail_run(f"cp -p /root/secret {SECRET}; rm /root/secret")
    assert "The TURN server relays for those whom Synapse sends: no, turn:neigh.test:3478?transport=udp: " in failure
    assert failure.endswith("401 Unauthorized (look at matrix_turn, then run site with --tags coturn)")


def test_verify_asks_a_server_elsewhere_too(site, turn):
    uris = [f"turn:{site.jail}:3478?transport={transport}" for transport in ("udp", "tcp")]
    # The one here, as if it were another one's.
    elsewhere = {"uris": uris, "secret": site.jail_run(f"cat {SECRET}").strip()}
    assert site.verify(**{**turn, "matrix_turn": elsewhere}) == []
    (failure,) = site.verify(**{**turn, "matrix_turn": {**elsewhere, "secret": "S3another"}})
    assert failure.startswith(f"The TURN server elsewhere relays for those whom Synapse sends: no, {uris[0]}: ")
    assert failure.endswith("401 Unauthorized (look at matrix_turn, then run site with --tags coturn)")


@pytest.mark.thorough
def test_a_change_with_which_it_does_not_come_up_is_undone(site, turn):
    before = site.jail_run(f"cat {CONFIG}")
    # An address that the pot does not have.
    done = site.ansible("site", "--tags", "coturn", **{**turn, "coturn_listen_address": "10.199.0.99"})
    assert done.code != 0 and "look at matrix_turn_port, matrix_turn_tls_port" in done.words, done.output[-4000:]
    assert site.jail_run(f"cat {CONFIG}") == before
    assert site.roles("coturn", **turn).changes == []
    assert site.verify(**turn) == []


def test_wrong_values_are_refused_by_name(site, turn):
    done = site.ansible(
        "site",
        **{
            **turn,
            "matrix_turn_port": 5349,
            "matrix_turn_relay_ports": "49152",
            "matrix_turn_allowed_peers": ["0.0.0.0/0"],
            "matrix_turn_host": "turn.example.org",
            "synapse_secret_settings": {"turn_shared_secret": "x"},
        },
    )
    assert done.code != 0
    for words in (
        "matrix_turn_port: 5349 is the port of the TURN server with TLS",
        'matrix_turn_relay_ports: "49152" is not of the form FIRST-LAST',
        "matrix_turn_allowed_peers: the value has as item 1",
        'matrix_turn_host: "turn.example.org" is not what the certificate is for',
        "synapse_secret_settings: turn_shared_secret is what matrix_turn sets",
    ):
        assert words in done.words, done.words


def test_a_server_elsewhere_takes_its_place_and_none_is_left_in_the_end(site, turn):
    elsewhere = {"uris": ["turn:turn.example.com?transport=udp"], "secret": "S3" + secrets.token_hex(12)}
    replaced = {**turn, "matrix_turn": elsewhere}
    foretold = site.ansible("site", "--tags", "coturn", "--check", "--diff", **replaced)
    assert foretold.code == 0 and elsewhere["secret"] not in foretold.output, foretold.output[-4000:]
    assert site.jail_run("pgrep -x turnserver")
    done = site.ansible("site", "--tags", "coturn", "--diff", **replaced)
    assert done.code == 0 and elsewhere["secret"] not in done.output, done.output[-4000:]
    assert foretold.changes == done.changes, (foretold.changes, done.changes)
    assert site.jail_run(f"ls -d {OWN} 2>/dev/null", check=False) == ""
    assert site.jail_run("pgrep turnserver; sysrc -in turnserver_user; pw usershow turnserver", check=False) == ""
    assert site.jail_run("sysrc -n turnserver_enable") == "NO\n"
    assert offered_by(site.client(), site.remembered("admin"))["uris"] == elsewhere["uris"]

    site.roles("coturn", **{**turn, "matrix_turn": False})
    assert site.jail_run(f"ls {DROP_IN} 2>/dev/null", check=False) == ""
    assert offered_by(site.client(), site.remembered("admin")) == {}
    assert site.roles("coturn", **{**turn, "matrix_turn": False}).changes == []
