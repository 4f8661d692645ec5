# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins by an LDAP directory."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import ldap, network, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import files
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.claim import Claim
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.rules import pot_jail
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import (
    Variable,
    boolean,
    file,
    path,
    port,
)

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server

VARIABLES = {
    "matrix_ldap_validate_certs": boolean("true"),
    "matrix_ldap_base": Variable(ldap.distinguished_name, "ou=People,dc=example,dc=com"),
    "matrix_ldap_attribute_uid": Variable(ldap.attribute, "uid", empty=False),
    "matrix_ldap_attribute_mail": Variable(ldap.attribute, "mail", empty=False),
    "matrix_ldap_attribute_name": Variable(ldap.attribute, "givenName", empty=False),
    "matrix_ldap_server": Variable(network.ldap_servers, "ldap.example.com"),
    "matrix_ldap_port": port("389"),
    "matrix_ldap_tls": Variable(values.choice("starttls", "ldaps", "none"), "starttls", empty=False),
    "matrix_ldap_password": Variable(values.secret, "a text in quotes"),
    "matrix_ldap_domain": Variable(ldap.ldap_domain, "corp.example.com"),
    "matrix_ldap_ca_file": file("ldap-ca.pem"),
    "matrix_ldap_proxy_port": port("3890"),
    "matrix_ldap_filter": Variable(ldap.search_filter, '"(objectClass=posixAccount)"', empty=False),
    "matrix_ldap_active_directory": boolean("false"),
    "matrix_ldap_default_domain": Variable(ldap.ldap_domain, "corp.example.com"),
}
OPTIONS = {
    "ldap_auth_proxy_address": Variable(network.listen_address, "127.0.0.1", empty=False),
    "ldap_auth_proxy_clients": Variable(
        values.list_of(network.listen_address, unique=False), '["127.0.0.1"]', empty=False
    ),
    "ldap_auth_connect_timeout": Variable(values.whole_number(1, 3600), "1", empty=False),
    "ldap_auth_answer_timeout": Variable(values.whole_number(1, 3600), "5", empty=False),
    "ldap_auth_config_directory": path("/usr/local/etc/matrix-synapse/homeserver.d"),
}


def claims(server: Server) -> t.Iterator[Claim]:
    """Where the proxy before the directory listens: pots that inherit the host's addresses share 127.0.0.1 too."""
    if (
        pot_jail.network_type(server) == "inherit"
        and server["matrix_ldap_server"]
        and server.known("matrix_ldap_proxy_port")
    ):
        port = server.effective("matrix_ldap_proxy_port")
        words = f"port {port} of 127.0.0.1 is what "
        after = " uses on the same host already"
        yield Claim("matrix_ldap_proxy_port", server.machine, "proxy", port, words, after, "3891")


def check(server: Server, controller: Controller) -> None:
    """Report what does not go together."""
    files.authorities(server, "matrix_ldap_ca_file", controller)
    if not server.wanted("matrix_ldap_server"):
        return
    search = server.given.get("matrix_ldap_mode", "search") != "simple"
    # Without a domain to make it of, a base alone leaves nobody to log in as.
    default = server.defaults.get("matrix_ldap_bind_dn") if "matrix_ldap_base" in server.given else None
    anonymous = server.given.get("matrix_ldap_bind_dn", default) == ""
    derived = ["matrix_ldap_base"] + (["matrix_ldap_bind_dn"] if search else [])
    if server.missing("matrix_ldap_domain") and any(name not in server.given for name in derived):
        server.report("matrix_ldap_domain", "is not set, but matrix_ldap_server is")
    if server.missing("matrix_ldap_password") and search and not anonymous:
        server.report(
            "matrix_ldap_password",
            "is not set, but matrix_ldap_server is, and the search is not anonymous (matrix_ldap_bind_dn: '')",
        )
    if server["matrix_ldap_active_directory"] and server.missing("matrix_ldap_default_domain"):
        server.report("matrix_ldap_default_domain", "is not set, but matrix_ldap_active_directory is true")
    if server["matrix_ldap_tls"] == "ldaps" and server["matrix_ldap_port"] == 389:
        server.report(
            "matrix_ldap_port", "389 is the port without TLS, but matrix_ldap_tls is ldaps", "matrix_ldap_port: 636"
        )
    if server["matrix_ldap_tls"] != "ldaps" and server["matrix_ldap_port"] == 636 and server.known("matrix_ldap_tls"):
        problem = "636 is the port of ldaps, but matrix_ldap_tls is %s" % (server["matrix_ldap_tls"] or "starttls")
        server.report("matrix_ldap_port", problem, "matrix_ldap_tls: ldaps")
