# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every server has, whatever runs on it."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import mail, network, pots, storage
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import vocabulary
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.claim import Claim
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server

VARIABLES = {
    "matrix_domain": Variable(network.domain, "example.com", empty=False),
    "matrix_host": Variable(network.domain, "matrix.example.com", empty=False),
    "matrix_alert_email": Variable(mail.shown_address, "admin@example.com", empty=False),
    "matrix_python_version": Variable(pots.python_version, '"3.11"', empty=False),
    "matrix_python": Variable(storage.plain_path, "/usr/local/bin/python3.11", empty=False),
}
OPTIONS: dict[str, Variable] = {}


def public_name(server: Server) -> str | None:
    """The name under which the server is reached; None when it is not known."""
    return server["matrix_host"] or (server["matrix_domain"] if server.known("matrix_host") else None)


def claims(server: Server) -> t.Iterator[Claim]:
    """Names of the homeserver."""
    domain, name = server["matrix_domain"], server["matrix_host"]
    if domain:
        yield Claim("matrix_domain", "", "domain", domain, f'"{domain}" is the domain of ', " already", "example.org")
    if name:
        # No server is reached at another one's domain either: that is where users and servers look for the other.
        yield Claim("matrix_host", "", "domain", name, f'"{name}" is a name of ', " already", "matrix.example.org")


def check(server: Server, controller: Controller) -> None:
    """Report what is missing."""
    for name in vocabulary.required():
        if server.missing(name):
            server.report(name, "is not set, and every server needs it")
