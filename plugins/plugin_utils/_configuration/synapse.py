# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""homeserver.yaml and email.yaml from the options of role synapse."""

from __future__ import annotations

import email.utils as email_utils
import urllib.parse

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import mail, network, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.options import Options, merged


def homeserver(options: Options, pid_file: str, log_config: str, secrets: str, sqlite: str, passfile: str) -> dict:
    """What Synapse reads; pid_file and so on are the paths at which the role keeps these things in the pot."""
    metrics = _metrics_port(options)
    base = {
        "server_name": options["server_name"],
        "public_baseurl": options["public_baseurl"],
        "pid_file": pid_file,
        "log_config": log_config,
        "listeners": _listeners(options, metrics),
        "enable_metrics": metrics > 0,
        "database": _database(options, sqlite, passfile),
        "media_store_path": options["media_directory"],
        "max_upload_size": values.in_megabytes(options["max_upload_size"]),
        "signing_key_path": f"{options['data_directory']}/signing.key",
        "macaroon_secret_key_path": f"{secrets}/macaroon_secret_key",
        "form_secret_path": f"{secrets}/form_secret",
        "registration_shared_secret_path": f"{secrets}/registration_shared_secret",
        "report_stats": options.true("report_stats"),
        "suppress_key_server_warning": True,
        "trusted_key_servers": [{"server_name": name} for name in options["trusted_key_servers"]],
    }
    found = {**base, **_optional(options), **_registration(options), **options["rate_limits"]}
    found = merged(found, options["settings"])
    named = found.get("app_service_config_files", [])
    if options["registrations"] and isinstance(named, list):
        found["app_service_config_files"] = [*dict.fromkeys([*options["registrations"], *named])]
    return found


def _metrics_port(options: Options) -> int:
    return options.judged(
        "metrics_port", lambda port: network.port_or_off(port or 0), "write a port, for example 9109, or 0 for none"
    )


def _listeners(options: Options, metrics: int) -> list:
    resources = [{"names": ["client", "federation"]}]
    found = [{"path": options["socket"], "type": "http", "x_forwarded": True, "resources": resources}]
    if metrics:
        found.append(
            {"type": "metrics", "port": metrics, "bind_addresses": network.addresses(options["metrics_address"])}
        )
    return found


def _database(options: Options, sqlite: str, passfile: str) -> dict:
    if not options["database"]:
        return {"name": "sqlite3", "args": {"database": sqlite}}
    return merged(options["database"], {"args": {"passfile": passfile}} if options["database_password"] else {})


def _optional(options: Options) -> dict:
    """Settings that are not there when their option is empty."""
    found = {name: options[name] for name in ("ip_range_blacklist", "ip_range_whitelist") if options[name]}
    if options["admin_contact"]:
        # RFC 6068 has other characters than ASCII as percent signs and digits.
        contact = "".join(each if each.isascii() else urllib.parse.quote(each) for each in options["admin_contact"])
        found["admin_contact"] = f"mailto:{contact}"
    return found


def _registration(options: Options) -> dict:
    """Who may register. The role refuses open registration without a verification."""
    verification = options["registration_verification"]
    if not options.true("registration_enable"):
        return {"enable_registration": False}
    found: dict[str, dict] = {
        "": {},
        "email": {"registrations_require_3pid": ["email"]},
        "token": {"registration_requires_token": True},
        "captcha": {
            "enable_registration_captcha": True,
            "recaptcha_public_key": options["recaptcha_public_key"],
        },
        "without_verification": {"enable_registration_without_verification": True},
    }
    if verification not in found:
        raise ValueError(
            "synapse_registration_verification is none of email, token, captcha and without_verification; write one."
        )
    return {"enable_registration": True, **found[verification]}


def email(options: Options) -> dict:
    """How Synapse sends mail, its password included; nothing without a mail server."""
    if not options["smtp_host"]:
        return {"email": {}}
    mode = options["smtp_tls"]
    if mode not in mail.TLS_MODES:
        raise ValueError(f"synapse_smtp_tls is none of {', '.join(mail.TLS_MODES)}; write one.")
    found = {
        "smtp_host": options["smtp_host"],
        "smtp_port": int(options["smtp_port"]),
        "force_tls": mode == "implicit",
        "require_transport_security": mode == "starttls_required",
        "notif_from": _sender(options),
        "enable_notifs": options.true("smtp_notifications"),
    }
    if mode == "none":
        found["enable_tls"] = False
    if options["smtp_user"]:
        found.update(smtp_user=options["smtp_user"], smtp_pass=options["smtp_password"])
    more = {
        "tlsname": options["smtp_tls_name"],
        "app_name": options["mail_app_name"],
        # Synapse puts "/#/room" after it.
        "client_base_url": options["mail_client_url"].rstrip("/"),
        "subjects": options["mail_subjects"],
    }
    return {"email": {**found, **{name: value for name, value in more.items() if value}}}


def _sender(options: Options) -> str:
    """The sender as it stands in a mail's head, its name with quotes or encoded where that needs it."""
    example = 'write it like "matrix@example.com" or "Matrix <matrix@example.com>"'
    found = options.judged("smtp_from", mail.sender, example)
    # Synapse fills in %(app)s here, so a percent sign has to be doubled.
    return email_utils.formataddr(found).replace("%", "%%")
