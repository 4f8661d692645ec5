# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificate."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import acme, mail, network, storage, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import files
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.claim import Claim
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.rules import homeserver
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable, boolean, file, path

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server


def _eab_key(value) -> str:
    """The key of an external account binding (RFC 8555): Base64, mostly of the URL alphabet."""
    if not re.fullmatch(r"[A-Za-z0-9+/_-]+=*", values.secret(value)):
        raise ValueError("holds something other than the characters of Base64")
    return str(value)


VARIABLES = {
    "matrix_tls_mode": Variable(values.choice("acme", "provided", "selfsigned", "none"), "acme", empty=False),
    "matrix_nossl": boolean("false"),
    "matrix_ssl_email": Variable(mail.mail_or_none, "admin@example.com"),
    "matrix_acme_directory": Variable(acme.directory, "letsencrypt"),
    "matrix_acme_ca_file": file("acme-ca.pem"),
    "matrix_acme_eab_kid": Variable(values.plain_line, "the key identifier that the CA gave you"),
    "matrix_acme_eab_hmac_key": Variable(_eab_key, "the-key-that-the-CA-gave-you"),
    "matrix_acme_dns": Variable(acme.dns, acme.EXAMPLE, empty=False),
    "matrix_extra_domains": Variable(network.domains, "[matrix.example.com]", empty=False),
    "matrix_tls_certificate": file("example.com.pem"),
    "matrix_tls_key": file("example.com.key"),
    "matrix_tls_directory": path("/mnt/matrixdata/tls"),
    "matrix_tls_program": path("/usr/local/libexec/matrix-tls"),
    "matrix_acme_webroot": path("/usr/local/www/acme"),
    "matrix_alertmanager_url": Variable(network.url("http", "https"), "http://10.0.0.20:9093"),
    "matrix_certificate_watch_days": Variable(values.days, "14", empty=False),
}
OPTIONS = {
    "tls_selfsigned_addresses": Variable(values.list_of(network.listen_address), '["10.0.0.5"]', empty=False),
    "tls_acme_home": path("/mnt/acme"),
    "tls_metric_certificates": Variable(
        values.list_of(storage.plain_path), "[/mnt/matrixdata/tls/fullchain.pem]", empty=False
    ),
}


def mode(server: Server) -> str | None:
    """acme, provided, selfsigned or none; None when a bad value leaves it open."""
    return server.effective("matrix_tls_mode") if server.known("matrix_nossl") else None


def names(server: Server) -> list[str] | None:
    """What the certificate is for; None when it is not known."""
    first, others = homeserver.public_name(server), server["matrix_extra_domains"] or []
    return [first, *others] if first and server.known("matrix_extra_domains") else None


def needed(server: Server) -> tuple[str, ...]:
    """Options without which the role does nothing."""
    return ("tls_server_name",)


def claims(server: Server) -> t.Iterator[Claim]:
    """Further names."""
    for name in server["matrix_extra_domains"] or []:
        words = f'"{name}" is a name of '
        yield Claim("matrix_extra_domains", "", "domain", name, words, " already", "[matrix.example.org]")


def check(server: Server, controller: Controller) -> None:
    """Report what does not go together."""
    files.authorities(server, "matrix_acme_ca_file", controller)
    wanted, public_name = mode(server), homeserver.public_name(server)
    if public_name and public_name in (server["matrix_extra_domains"] or []):
        server.report(
            "matrix_extra_domains",
            f'the value has "{public_name}", which is the name of the server already '
            f"({'matrix_host' if server['matrix_host'] else 'matrix_domain'})",
            "matrix_extra_domains: []",
        )
    if server["matrix_nossl"] and server["matrix_tls_mode"] not in (None, "none"):
        problem = '"{}" asks for a certificate, but matrix_nossl is true'.format(server["matrix_tls_mode"])
        server.report("matrix_tls_mode", problem, "matrix_tls_mode: none, or matrix_nossl: false")
    if server["matrix_nossl"] is False and wanted == "none":
        server.report(
            "matrix_tls_mode",
            '"none" serves without TLS, but matrix_nossl is false',
            "matrix_tls_mode: acme, or matrix_nossl: true",
        )
    if wanted == "acme" and not server["matrix_nossl"]:
        if server.given.get("matrix_ssl_email") == "none":
            server.report(
                "matrix_ssl_email", '"none" is for a server without TLS, but this one asks an ACME CA for a certificate'
            )
        # Other CAs than ZeroSSL give certificates to accounts without a mail address, and so does ZeroSSL to accounts
        # bound by a key.
        elif server.missing("matrix_ssl_email") and _zerossl(server) and not server.wanted("matrix_acme_eab_kid"):
            server.report(
                "matrix_ssl_email",
                "is not set, but the certificate is asked of ZeroSSL "
                "(matrix_tls_mode is acme, no matrix_acme_directory)",
            )
        server.both_or_neither("matrix_acme_eab_kid", "matrix_acme_eab_hmac_key")
        wildcards = [name for name in server["matrix_extra_domains"] or [] if name.startswith("*.")]
        if wildcards and server.known("matrix_acme_dns") and not server["matrix_acme_dns"]:
            server.report(
                "matrix_extra_domains",
                f'has "{wildcards[0]}", which a CA certifies by the DNS alone, and matrix_acme_dns is not set',
                f"matrix_acme_dns: {acme.EXAMPLE}",
            )
    if wanted == "provided":
        _provided(server, controller)


def _zerossl(server: Server) -> bool:
    return server.known("matrix_acme_directory") and "zerossl" in (server["matrix_acme_directory"] or "zerossl")


def _provided(server: Server, controller: Controller) -> None:
    for name in ("matrix_tls_certificate", "matrix_tls_key"):
        if server.missing(name):
            server.report(name, "is not set, but matrix_tls_mode is provided")
    files.pair(server, "matrix_tls_certificate", "matrix_tls_key", names(server) or [], controller)
    if server["matrix_tls_certificate"] and server["matrix_tls_key"]:
        files.chain(server, "matrix_tls_certificate", "matrix_tls_key", "matrix_verify_ca_file", controller)
