# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of the pot."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import accounts, network, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable, path, port

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server


def _user(value) -> str:
    """The account that node_exporter runs as: its own, or one that nobody else has."""
    return value if value == "nodeexport" else accounts.free_account(value)


VARIABLES = {
    "matrix_node_exporter_disabled_collectors": Variable(
        values.list_of(values.word("[a-z0-9_]+", "is not the name of a collector")), "[zfs]", empty=False
    ),
    "matrix_node_exporter_basic_auth_users": Variable(
        accounts.web_users, "{prometheus: a password in quotes}", empty=False
    ),
    "matrix_node_exporter_port": port("9100"),
    "matrix_node_exporter_tls_certificate": path("/mnt/matrixdata/node_exporter/cert.pem"),
    "matrix_node_exporter_tls_key": path("/mnt/matrixdata/node_exporter/key.pem"),
    "matrix_metrics_directory": path("/var/db/node_exporter"),
}
OPTIONS = {
    "node_exporter_listen_address": Variable(network.one_or_more(network.listen_address), "10.0.0.5", empty=False),
    "node_exporter_user": Variable(_user, "nodeexport", empty=False),
    "node_exporter_uid": Variable(values.whole_number(1000, 2**31 - 1), "2002", empty=False),
    "node_exporter_extra_arguments": Variable(
        values.list_of(
            values.word(r"--?[A-Za-z0-9][A-Za-z0-9._=/:,@%+^-]*", "is not an argument that rc.conf can hold")
        ),
        "[--collector.ntp]",
        empty=False,
    ),
    "node_exporter_log_level": Variable(values.choice("debug", "info", "warn", "error"), "warn", empty=False),
}


def needed(server: Server) -> tuple[str, ...]:
    """Options without which the role does nothing."""
    return ("node_exporter_listen_address",)


def check(server: Server, controller: Controller) -> None:
    """Report what does not go together."""
    if server["matrix_node_exporter_basic_auth_users"]:
        try:
            controller.hash_password()
        except Exception as error:  # passlib and bcrypt raise what they like where they do not fit together
            problem = "needs bcrypt hashes, which this controller cannot make ({})".format(
                " ".join(str(error).split()).rstrip(".")[:150]
            )
            server.report("matrix_node_exporter_basic_auth_users", problem, "pip install passlib 'bcrypt<5'")
    server.both_or_neither("matrix_node_exporter_tls_certificate", "matrix_node_exporter_tls_key")
