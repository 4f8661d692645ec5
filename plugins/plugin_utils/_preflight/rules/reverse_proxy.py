# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Web server."""

from __future__ import annotations

import typing as t
import urllib.parse

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import locations, network, values, well_known
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.rules import pot_jail, tls
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server

VARIABLES = {
    "matrix_trusted_proxies": Variable(network.networks, '["10.0.0.10", "10.1.0.0/24"]', empty=False),
    "matrix_well_known_client": Variable(
        well_known.client_document,
        "{org.matrix.msc4143.rtc_foci: [{type: livekit, livekit_service_url: https://rtc.example.com}]}",
        empty=False,
    ),
    "matrix_locations": Variable(
        locations.locations,
        '[{path: /admin/, to: "http://10.0.0.9:8080/", allow: ["10.0.0.0/24"]}]',
        empty=False,
    ),
    "matrix_admin_api_from": Variable(network.networks, '["10.0.0.0/24"]', empty=False),
    "matrix_support": Variable(
        well_known.support,
        '{contacts: [{role: m.role.security, email_address: security@example.com, matrix_id: "@admin:example.com"}]}',
        empty=False,
    ),
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


# Where nginx listens, in one mode or another.
PORTS = (80, 443, 8447, 8448)


def needed(server: Server) -> tuple[str, ...]:
    """What has no option of the role, and without which it does nothing."""
    return ("matrix_host",)


def check(server: Server, controller: Controller) -> None:
    """Report what does not go together."""
    mode = tls.mode(server)
    if server["matrix_trusted_proxies"] and mode not in (None, "none"):
        problem = f"headers of a proxy are only trusted without TLS of our own, but matrix_tls_mode is {mode}"
        server.report("matrix_trusted_proxies", problem, "matrix_trusted_proxies: [], or matrix_nossl: true")
    own = {"127.0.0.1", "::1", *pot_jail.addresses(server)}
    for location in server["matrix_locations"] or []:
        target = location.get("to", "")
        if target == "unix:{}".format(server.effective("matrix_synapse_socket")):
            problem = (
                "Synapse's own socket, behind which its admin interface is open; matrix_admin_api_from is for that"
            )
        elif urllib.parse.urlsplit(target).hostname in own and urllib.parse.urlsplit(target).port in PORTS:
            problem = "the reverse proxy itself, which would ask itself for ever"
        else:
            continue
        server.report("matrix_locations", f'the value leads from "{location["path"]}" to "{target}", {problem}')
