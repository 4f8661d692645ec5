# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs for another host."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import network, storage, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import files
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable, file, path, port

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server


def _files(value) -> list:
    """Log files to send: dictionaries with a path and the name of the program that writes it."""
    found = []
    for number, item in enumerate(values.items(value), 1):
        shown = f"has as item {number} "
        if not isinstance(item, dict) or set(item) != {"path", "program"}:
            raise ValueError(shown + "something other than a dictionary with path and program")
        try:
            storage.plain_path(item["path"])
            values.word(r"[A-Za-z0-9._/-]+", "is not the name of a program", 48)(item["program"])
        except ValueError as error:
            raise ValueError(shown + f"a file with a value that {error}") from None
        found.append(dict(item))
    return found


VARIABLES = {
    "matrix_remote_log": Variable(network.host, "10.0.0.20"),
    "matrix_remote_log_port": port("514"),
    "matrix_remote_log_protocol": Variable(values.choice("tcp", "tls"), "tls", empty=False),
    "matrix_remote_log_ca_file": file("log-ca.pem"),
}
OPTIONS = {
    "remote_log_files": Variable(_files, "[{path: /var/log/messages, program: messages}]", empty=False),
    "remote_log_buffer_directory": path("/mnt/matrixdata/syslog-ng"),
    "remote_log_buffer_size": Variable(values.whole_number(0, 2**53), "268435456", empty=False),
    "remote_log_reconnect_seconds": Variable(values.whole_number(1, 86400), "5", empty=False),
}


def check(server: Server, controller: Controller) -> None:
    """Report what does not go together."""
    files.authorities(server, "matrix_remote_log_ca_file", controller)
    if (
        server.wanted("matrix_remote_log")
        and server["matrix_remote_log_protocol"] == "tls"
        and server.missing("matrix_remote_log_ca_file")
    ):
        server.report("matrix_remote_log_ca_file", "is not set, but matrix_remote_log_protocol is tls")
