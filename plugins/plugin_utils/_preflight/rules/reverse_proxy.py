# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Web server."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import network, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server

VARIABLES = {
    "matrix_trusted_proxies": Variable(network.networks, '["10.0.0.10", "10.1.0.0/24"]', empty=False),
}
OPTIONS = {
    "reverse_proxy_listen_addresses": Variable(
        values.list_of(network.any_address, least=1), '["10.0.0.5"]', empty=False
    ),
    "reverse_proxy_well_known_server": Variable(network.server_and_port, "example.com:443", empty=False),
    "reverse_proxy_client_base_url": Variable(network.url("http", "https"), "https://example.com", empty=False),
    "reverse_proxy_hsts_max_age": Variable(values.whole_number(0, 2**31 - 1), "0", empty=False),
    "reverse_proxy_log_backups": Variable(values.whole_number(0, 1000), "14", empty=False),
}


def check(server: Server, controller: Controller) -> None:
    """Report what does not go together."""
    mode = server.tls_mode
    if server["matrix_trusted_proxies"] and mode not in (None, "none"):
        problem = f"headers of a proxy are only trusted without TLS of our own, but matrix_tls_mode is {mode}"
        server.report("matrix_trusted_proxies", problem, "matrix_trusted_proxies: [], or matrix_nossl: true")
