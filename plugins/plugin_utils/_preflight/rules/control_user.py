# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The account for people, and its sshd."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import accounts, network, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.rules import pot_jail
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable, boolean, path, port

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server

_KEY_EXAMPLE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI… you@example.com"
VARIABLES = {
    "matrix_control_user_name": Variable(accounts.free_account, "control", empty=False),
    "matrix_control_user": boolean("false"),
    "matrix_control_user_key": Variable(accounts.ssh_keys, _KEY_EXAMPLE),
    "matrix_control_user_port": port("22"),
}
OPTIONS = {
    "control_user_uid": Variable(values.whole_number(1000, 2**31 - 1), "2001", empty=False),
    "control_user_home": path("/mnt/matrixdata/control"),
    "control_user_shell": path("/bin/sh"),
    "control_user_listen_address": Variable(network.one_or_more(network.listen_address), "10.0.0.5"),
    "control_user_host_key_directory": path("/mnt/matrixdata/ssh"),
}


def check(server: Server, controller: Controller) -> None:
    """Report what does not go together."""
    if server["matrix_control_user"] and server.missing("matrix_control_user_key"):
        server.report(
            "matrix_control_user_key",
            "is not set, but matrix_control_user is true; the account accepts logins by key only",
        )
    port = server["matrix_control_user_port"] or 22
    if (
        server["matrix_control_user"]
        and pot_jail.network_type(server) == "inherit"
        and str(port) == str(server.given.get("ansible_port", 22))
    ):
        # The more exact of two addresses gets the connections: the pot's sshd would shut everybody out of the host.
        problem = (
            f"{port} is the port of the host's own sshd, whose address the pot uses as well "
            "(matrix_pot_network_type: inherit)"
        )
        server.report("matrix_control_user_port", problem, "matrix_control_user_port: 2222")
