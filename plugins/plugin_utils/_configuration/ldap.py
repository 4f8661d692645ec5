# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of Synapse's LDAP module from the options of role ldap_auth."""

from __future__ import annotations

import ssl

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import ldap
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.network import url_host
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.options import Options


def module_config(options: Options, authority: str, password_file: str) -> dict:
    """What the module reads; authority and password_file are the paths of the CA and the password in the pot."""
    searches, tls = options["mode"] == "search", options["tls"]
    scheme = "ldaps" if tls == "ldaps" else "ldap"
    found = {
        "enabled": True,
        "mode": options["mode"],
        "uri": f"{scheme}://{url_host(options['proxy_address'])}:{options['proxy_port']}",
        "start_tls": tls == "starttls",
        "base": options["base"],
        "attributes": {name: options[f"attribute_{name}"] for name in ("uid", "mail", "name")},
    }
    if searches:
        found["filter"] = options.judged("filter", ldap.search_filter, "write it like (objectClass=posixAccount)")
    if searches and options["bind_dn"]:
        found.update(bind_dn=options["bind_dn"], bind_password_file=password_file)
    if tls != "none":
        found["tls_options"] = _tls_options(options, authority)
    if options.true("active_directory"):
        found.update(active_directory=True, default_domain=options["default_domain"])
    return found


def _tls_options(options: Options, authority: str) -> dict:
    """The proxy's address is not in the certificate, the directory's names are."""
    required = ssl.CERT_REQUIRED if options.true("validate_certs") else ssl.CERT_NONE
    found = {"validate": int(required), "valid_names": options["servers"]}
    return {**found, "ca_certs_file": authority} if options["ca_file"] else found
