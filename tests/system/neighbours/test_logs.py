# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is logged in the pot arrives at the log server, also what was logged while that was away."""

from __future__ import annotations

import re
import secrets
from functools import partial

import pytest
from thorough import some

from .conftest import wait_for

MANY = 500


def holds(site, path, text):
    return text in site.jail_run("cat " + path)


def arrived_once(site, text):
    return arrived(site, text) == 1


def arrived(site, text):
    return int(site.tell("syslog-receiver", "count", text))


def log(site, text, number):
    """Log numbered messages through the system's logger and in Synapse's file."""
    site.jail_run(
        'i=0; while [ $i -lt %d ]; do i=$((i + 1)); echo "%s number $i end"; done | logger -t neighbours -p '
        "daemon.notice" % (number, text)
    )


def test_system_and_synapse_logs_arrive(site):
    text = "marker" + secrets.token_hex(6)
    log(site, text, 1)
    assert wait_for(lambda: arrived(site, text), 20, "the system's message arrives") == 1
    name = "user" + secrets.token_hex(6)
    site.login(name, "wrong")
    assert wait_for(
        lambda: arrived(site, f"@{name}:neigh.test") or arrived(site, name),
        20,
        "Synapse's line about the login arrives",
    )
    # And still lands in the base system's files, as syslogd writes them.
    assert re.search(
        rf"^[A-Z][a-z]{{2}} [ \d]\d [\d:]{{8}} \S+ neighbours\[\d+\]: {text} number 1 end$",
        site.jail_run("cat /var/log/messages"),
        re.MULTILINE,
    )


@pytest.mark.parametrize(
    "line", ["<13>1 2026-01-02T03:04:05.678901+00:00 host teller 77 - - %s", "<13>Jan  2 03:04:05 teller[77]: %s"]
)
def test_both_ways_to_write_to_the_socket(site, line):
    """FreeBSD's C library and, for one, nginx."""
    text = "marker" + secrets.token_hex(6)
    site.jail_run(
        "/usr/local/bin/python3.11 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); "
        "s.connect(\"/var/run/log\"); s.send(sys.argv[1].encode())' '%s'" % (line % text)
    )
    assert wait_for(lambda: arrived(site, " teller[77]: " + text), 20, "the message arrives with its own program") == 1


@pytest.fixture(scope="module", params=some(["tcp", "tls"], "tls"))
def protocol(site, request):
    """The deployment's own is tls, which comes last."""
    site.roles("remote_log", matrix_remote_log_protocol=request.param)
    return request.param


@pytest.mark.usefixtures("protocol")
@pytest.mark.parametrize("restart", [False, True])
def test_nothing_is_lost_while_the_receiver_is_away(site, restart):
    text = "marker" + secrets.token_hex(6)
    log(site, text, 10)
    wait_for(lambda: arrived(site, text) == 10, 20, "ten messages before")
    site.tell("syslog-receiver", "pause")
    try:
        log(site, text, MANY)
        if restart:
            site.service("syslog-ng", "restart")
            log(site, text, MANY)
    finally:
        site.tell("syslog-receiver", "resume")
    expected = 10 + MANY * (2 if restart else 1)
    wait_for(lambda: arrived(site, text) >= expected, 60, "all messages arrive")
    assert arrived(site, text) == expected
    for number in (1, 11, MANY // 2, MANY):
        assert arrived(site, "%s number %d end" % (text, number)) >= 1


def test_logs_are_rotated_and_written_on(site):
    """newsyslog, told to rotate everything now, and the services that have to open their logs anew."""
    for path in ("/var/log/messages", "/var/log/nginx/access.log"):
        site.client().versions()
        before = site.jail_run(f"ls -i {path}").split()[0]
        site.jail_run(f"newsyslog -F {path}")
        assert site.jail_run(f"ls {path}.0*").strip()
        text = "marker" + secrets.token_hex(6)
        log(site, text, 1)
        site.client().versions()
        assert site.jail_run(f"ls -i {path}").split()[0] != before
        wanted = text if path == "/var/log/messages" else "/_matrix/client/versions"
        assert wait_for(partial(holds, site, path, wanted), 20, "lines in the new " + path)
        assert wait_for(partial(arrived_once, site, text), 20, "the line at the log server")


def test_the_buffer_is_on_the_dataset(site):
    assert "/mnt/matrixdata/syslog-ng" in site.jail_run("cat /usr/local/etc/syslog-ng.conf")
    assert site.jail_run("ls /mnt/matrixdata/syslog-ng").split()


@pytest.mark.thorough
def test_switched_off_syslogd_is_back(site):
    try:
        site.roles("remote_log", matrix_remote_log="")
        assert "running" in site.service("syslogd", "onestatus")
        assert site.roles("remote_log", matrix_remote_log="").changes == []
    finally:
        site.roles("remote_log")
    text = "marker" + secrets.token_hex(6)
    log(site, text, 1)
    assert wait_for(lambda: arrived(site, text), 20, "messages arrive again") == 1
    assert site.roles("remote_log").changes == []
