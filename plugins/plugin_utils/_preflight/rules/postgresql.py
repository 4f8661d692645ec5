# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The homeserver's database."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import database, external_database, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import files
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.claim import Claim
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.rules import zfs_dataset
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable, boolean, path

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server

VARIABLES = {
    "matrix_database": Variable(database.kind, external_database.EXAMPLE, empty=False),
    "matrix_sqlite_keep": boolean("false"),
    "matrix_postgresql_keep": boolean("false"),
    "matrix_postgresql_version": Variable(database.version, '"15"'),
    "matrix_postgresql_settings": Variable(database.settings, "{max_connections: 80}", empty=False),
    "matrix_postgresql_socket_directory": Variable(database.socket_directory, "/var/run/postgresql"),
}
OPTIONS = {
    "postgresql_home": path("/var/db/postgres"),
    "postgresql_log_backups": Variable(values.whole_number(0, 1000), "14", empty=False),
    "postgresql_start_timeout": Variable(values.whole_number(1, 86400), "600", empty=False),
}


def claims(server: Server) -> t.Iterator[Claim]:
    """A database elsewhere."""
    elsewhere = server["matrix_database"]
    if isinstance(elsewhere, dict):
        yield Claim(
            "matrix_database",
            "",
            "database",
            (elsewhere["host"].lower(), elsewhere["port"], elsewhere["name"]),
            f'the database "{elsewhere["name"]}" at {elsewhere["host"]} is the one of ',
            " already",
            external_database.EXAMPLE.replace("password:", "name: synapse2, password:"),
        )


def check(server: Server, controller: Controller) -> None:
    """Report what does not go together."""
    chosen = server["matrix_database"]
    if isinstance(chosen, dict):
        files.authorities(server, "matrix_database", controller, key="sslrootcert")
    if chosen not in (None, "sqlite"):
        for option in ("synapse_database", "synapse_database_password"):
            if server.given.get(option):
                server.report(
                    option,
                    "says in Synapse's words where a database is, and matrix_database says it already",
                    f"matrix_database: {external_database.EXAMPLE}, or sqlite",
                )
    if chosen == "postgresql" and zfs_dataset.mountpoint(server) == "":
        server.report("matrix_dataset_mountpoint", "is empty, and the database lies on a dataset below matrix_dataset")
