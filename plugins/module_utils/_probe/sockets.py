# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks of what listens at a port: whether it does, what it says at once, and its certificate."""

from __future__ import annotations

import re
import socket
import ssl
import time
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import tls_client
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence


def host_port(target: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[v6]:port`` into ``(host, port)``."""
    host, dummy, port = target.rpartition(":")
    return host.strip("[]"), int(port)


def tls_context(check: dict) -> ssl.SSLContext:
    """What C(ca_file) and C(verify) of a check ask for."""
    context = tls_client.context(check.get("ca_file") or None)
    if not check["verify"]:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def check_tcp(check: dict, timeout: float, _runner: t.Any) -> str:
    """One ``host:port`` or ``unix:/path`` of those in ``target``, with blanks between them, has to accept a connection;
    with ``every``, each of them. They are tried in order.

    With ``body``, a pattern, its greeting (what arrives at once, 512 bytes at most) has to match as well.
    """
    targets = check["target"].split()
    problems = []
    for target in targets:
        try:
            with _connected(target, timeout) as connection:
                greeting = connection.recv(512).decode("utf-8", "replace") if check.get("body") else ""
            if not check.get("body") or re.search(check["body"], greeting):
                if check.get("every"):
                    continue
                return f"{target} accepts connections"
            problems.append(f"{target} greets with {greeting!r}")
        except OSError as error:
            problems.append(f"{target}: {error}")
    if problems or not targets:
        raise Sentence(", ".join(problems) or "there is nothing to connect to")
    return f"{', '.join(targets)} accept connections"


def _connected(target: str, timeout: float) -> socket.socket:
    """A connection to ``host:port`` or ``unix:/path``."""
    if not target.startswith("unix:"):
        return socket.create_connection(host_port(target), timeout)
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.settimeout(timeout)
        connection.connect(target.removeprefix("unix:"))
    except OSError:
        connection.close()
        raise
    return connection


def check_closed(check: dict, timeout: float, _runner: t.Any) -> str:
    """``target`` must not accept a connection. Closed is what refuses one or does not answer in time (3 seconds at
    most), not an unknown name.
    """
    try:
        socket.create_connection(host_port(check["target"]), min(timeout, 3)).close()
    except socket.gaierror:
        raise
    except OSError:
        return "{} is closed".format(check["target"])
    raise Sentence("{} accepts connections".format(check["target"]))


def check_certificate(check: dict, timeout: float, _runner: t.Any) -> str:
    """The certificate of ``target`` has to be trusted, carry ``server_name`` or else the host, and be valid for
    ``days`` more days.

    Without ``verify`` it is enough that TLS is spoken. What TLS refuses is raised as it comes, see run().
    """
    host, port = host_port(check["target"])
    name = check.get("server_name") or host
    with (
        socket.create_connection((check.get("address") or host, port), timeout) as plain,
        tls_context(check).wrap_socket(plain, server_hostname=name) as connection,
    ):
        certificate = connection.getpeercert()
    if not certificate:
        return "{} speaks TLS, its certificate is not verified".format(check["target"])
    end = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    left = (end - time.time()) / 86400
    if left < check["days"]:
        raise Sentence("the certificate of %s expires in %d days" % (check["target"], left))
    until = time.strftime("%Y-%m-%d", time.gmtime(end))
    return "the certificate of %s is valid for %d more days, until %s" % (check["target"], left, until)
