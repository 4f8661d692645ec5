# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Synapse: registration, mail, accounts."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import (
    accounts,
    controller_files,
    mail,
    network,
    values,
)
from ansible_collections.potluck.matrix.plugins.plugin_utils import _registration
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight import files
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
    "matrix_registration_enable": boolean("false"),
    "matrix_registration_verification": Variable(
        values.choice("email", "token", "captcha", "without_verification"), "token"
    ),
    "matrix_synapse_data_directory": path("/mnt/matrixdata/matrix-synapse"),
    "matrix_synapse_socket": path("/var/run/matrix-synapse/synapse.sock"),
    "matrix_revive_program": path("/usr/local/bin/matrix-revive"),
    "matrix_shared_secret": Variable(values.secret, "a long random text in quotes, or leave it out"),
    "matrix_smtp_host": Variable(network.synapse_host, "smtp.example.com"),
    "matrix_smtp_port": port("587"),
    "matrix_smtp_tls": Variable(values.choice(*mail.TLS_MODES), "starttls_required"),
    "matrix_smtp_tls_name": Variable(network.synapse_host, "smtp.example.com"),
    "matrix_smtp_user": Variable(values.secret, "matrix@example.com"),
    "matrix_smtp_password": Variable(values.secret, "a text in quotes"),
    "matrix_smtp_from": Variable(mail.sender, "Our Matrix <matrix@example.com>"),
    "matrix_mail_app_name": Variable(values.line, "Our Matrix"),
    "matrix_mail_client_url": Variable(network.url("http", "https"), "https://chat.example.com"),
    "matrix_mail_subjects": Variable(
        mail.subjects, '{password_reset: "A new password for %(server_name)s"}', empty=False
    ),
    "matrix_max_upload_size": Variable(values.size, "50M", empty=False),
    "matrix_accounts": Variable(accounts.accounts, "[{name: admin, admin: true}]", empty=False),
    "matrix_smtp_ca_file": file("mail-ca.pem"),
    "matrix_files": Variable(controller_files.files, controller_files.EXAMPLE, empty=False),
    "matrix_metrics_port": Variable(network.port_or_off, "9109"),
}
OPTIONS = {
    "synapse_metrics_address": Variable(network.one_or_more(network.listen_address), "10.0.0.5"),
    "synapse_public_baseurl": Variable(network.url("http", "https"), "https://example.com/", empty=False),
    "synapse_data_mountpoint": path("/mnt"),
    "synapse_media_directory": path("/mnt/matrixdata/media_store"),
    "synapse_extra_packages": Variable(
        values.list_of(values.word(r"[A-Za-z0-9][A-Za-z0-9._+-]*", "is not the name of a package")), "[py311-psycopg2]"
    ),
    "synapse_trusted_key_servers": Variable(values.list_of(network.key_server), "[matrix.org]", empty=False),
    "synapse_ip_range_blacklist": Variable(values.list_of(network.address_range), '["10.0.0.0/8"]', empty=False),
    "synapse_ip_range_whitelist": Variable(values.list_of(network.address_range), '["10.0.0.20"]', empty=False),
    "synapse_log_max_bytes": Variable(values.whole_number(0, 2**53), "104857600", empty=False),
    "synapse_log_backups": Variable(values.whole_number(0, 1000), "10", empty=False),
    "synapse_health_timeout": Variable(values.whole_number(1, 86400), "120", empty=False),
}

# Settings of Synapse that others than Synapse go by, too: what is said in Synapse's own words reaches nobody else.
FOLLOWED = {
    "server_name": "matrix_domain",
    "public_baseurl": "synapse_public_baseurl, and reverse_proxy_client_base_url for the web server",
    "max_upload_size": "matrix_max_upload_size",
    "listeners": "synapse_socket and matrix_metrics_port",
    "enable_metrics": "matrix_metrics_port",
    "metrics_port": "matrix_metrics_port",
    "extra_well_known_client_content": "matrix_well_known_client",
    "serve_server_wellknown": "reverse_proxy_well_known_server",
    "email": "matrix_smtp_host and the other matrix_smtp_ and matrix_mail_ variables",
    "enable_registration": "matrix_registration_enable",
    "registrations_require_3pid": "matrix_registration_verification",
    "registration_requires_token": "matrix_registration_verification",
    "enable_registration_captcha": "matrix_registration_verification",
    "enable_registration_without_verification": "matrix_registration_verification",
    "registration_shared_secret": "matrix_shared_secret",
    "registration_shared_secret_path": "matrix_shared_secret",
    "media_store_path": "synapse_media_directory",
    "signing_key": "matrix_synapse_data_directory, in which the key lies",
    "signing_key_path": "matrix_synapse_data_directory, in which the key lies",
    "macaroon_secret_key_path": "synapse_macaroon_secret_key",
    "form_secret_path": "synapse_form_secret",
    "log_config": "synapse_log_level",
    "databases": "matrix_database",
}


def needed(server: Server) -> tuple[str, ...]:
    """Options without which the role does nothing."""
    return ("synapse_server_name",)


def check(server: Server, controller: Controller) -> None:
    """Report what does not go together."""
    # Synapse's TLS library takes one certificate from the file for mail.
    files.authorities(server, "matrix_smtp_ca_file", controller, only_one=True)
    _open_registration(server)
    _mail(server)
    _settings(server)
    _accounts(server)
    _files(server, controller)


def _settings(server: Server) -> None:
    for option in ("synapse_settings", "synapse_secret_settings", "synapse_rate_limits"):
        settings = server.given.get(option)
        if not isinstance(settings, dict):
            continue
        for name in settings:
            if name in FOLLOWED:
                server.report(
                    option,
                    f"{name} is needed outside Synapse too; set {FOLLOWED[name]}",
                    f"{option}: {{}}",
                )
        if "pid_file" in settings:
            server.report(
                option, "pid_file is where the rc script looks for the process, so leave it out", f"{option}: {{}}"
            )
        database = settings.get("database")
        if isinstance(database, dict) and ("name" in database or "database" in (database.get("args") or {})):
            server.report(option, "database is needed outside Synapse too; set matrix_database", f"{option}: {{}}")
        for module in settings.get("modules") or [] if isinstance(settings.get("modules"), list) else []:
            if isinstance(module, dict) and str(module.get("module", "")).startswith("ldap_auth_provider."):
                server.report(
                    option, "modules holds the one for LDAP logins; set matrix_ldap_server", f"{option}: {{}}"
                )


def _accounts(server: Server) -> None:
    for account in server["matrix_accounts"] or []:
        user = "@{}:{}".format(account["name"], server["matrix_domain"])
        # The specification of Matrix, and Synapse's MAX_USERID_LENGTH.
        if server["matrix_domain"] and len(user) > 255:
            server.report(
                "matrix_accounts",
                "the value has an account whose whole name, with @ and the domain, is longer than 255 characters",
            )


def _files(server: Server, controller: Controller) -> None:
    """Whether files of the controller can be read, and those that are registrations could be Synapse's."""
    known: dict[tuple[str, str], str] = {}
    for entry in server["matrix_files"] or []:
        try:
            text = _registration.text_of(controller.resolve(entry["source"]))
            found = _registration.registration(text) if entry["registration"] else {}
        except ValueError as error:
            server.report("matrix_files", f'the value has as source "{entry["source"]}", which {error}')
            continue
        same = next((each for each in found.items() if each in known), None)
        if same:
            both = f"{known[same]} and {entry['path']}"
            server.report("matrix_files", f"the value has two registrations, {both}, with one {same[0]}")
        known.update(dict.fromkeys(found.items(), entry["path"]))
    hidden = server.given.get("synapse_secret_settings")
    if known and isinstance(hidden, dict) and "app_service_config_files" in hidden:
        server.report(
            "synapse_secret_settings",
            "app_service_config_files would replace the registrations of matrix_files; put it into synapse_settings",
            "synapse_secret_settings: {}",
        )


def _open_registration(server: Server) -> None:
    if not server["matrix_registration_enable"] or not server.known("matrix_registration_verification"):
        return
    way = server["matrix_registration_verification"] or server.given.get("synapse_registration_verification") or ""
    if not way:
        server.report(
            "matrix_registration_enable",
            "is true without a verification, so that everybody could register, which Synapse refuses",
            "matrix_registration_verification: token "
            "(or email, captcha; or without_verification if it is really meant)",
        )
    if way == "email" and not server.wanted("matrix_smtp_host"):
        server.report("matrix_smtp_host", "is not set, but matrix_registration_verification is email")
    if way == "captcha":
        for name in ("synapse_recaptcha_public_key", "synapse_recaptcha_private_key"):
            if not server.wanted(name):
                server.report(
                    name,
                    "is not set, but matrix_registration_verification is captcha",
                    f"{name}: the key that reCAPTCHA gave you",
                )


def _mail(server: Server) -> None:
    server.both_or_neither("matrix_smtp_user", "matrix_smtp_password")
    if server.wanted("matrix_smtp_host") and server.missing("matrix_smtp_from"):
        server.report("matrix_smtp_from", "is not set, but matrix_smtp_host is")
    number = server.effective("matrix_smtp_port")
    if server.wanted("matrix_smtp_host") and server.missing("matrix_smtp_tls") and number and not mail.tls_mode(number):
        server.report(
            "matrix_smtp_tls", f"is not set, and matrix_smtp_port {number} is none of the usual 25, 465 and 587"
        )
