# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of Synapse's settings a diff may show.

Synapse and its modules have more names for secrets than anybody lists. So the other way round: shown is what is known
to hold none, by the name of the setting, and what cannot hold one, such as a number.
"""

from __future__ import annotations

import re
import typing as t

# Settings of Synapse's configuration manual whose texts are names, addresses, paths, durations and sizes.
_SHOWN = frozenset(
    [
        "server_name",
        "public_baseurl",
        "serve_server_wellknown",
        "pid_file",
        "log_config",
        "web_client_location",
        "soft_file_limit",
        "presence",
        "default_room_version",
        "allow_public_rooms_without_auth",
        "allow_public_rooms_over_federation",
        "gc_min_interval",
        "listeners",
        "filter_timeline_limit",
        "block_non_admin_invites",
        "enable_search",
        "ip_range_blacklist",
        "ip_range_whitelist",
        "admin_contact",
        "limit_remote_rooms",
        "require_membership_for_aliases",
        "allow_per_room_profiles",
        "max_avatar_size",
        "allowed_avatar_mimetypes",
        "redaction_retention_period",
        "forgotten_room_retention_period",
        "user_ips_max_age",
        "retention",
        "templates",
        "federation_domain_whitelist",
        "federation_whitelist_endpoint_enabled",
        "federation_metrics_domains",
        "event_cache_size",
        "caches",
        "media_store_path",
        "max_upload_size",
        "max_image_pixels",
        "dynamic_thumbnails",
        "thumbnail_sizes",
        "media_retention",
        "prevent_media_downloads_from",
        "url_preview_ip_range_blacklist",
        "url_preview_ip_range_whitelist",
        "url_preview_url_blacklist",
        "max_spider_size",
        "url_preview_accept_language",
        "turn_uris",
        "turn_user_lifetime",
        "enable_registration",
        "registrations_require_3pid",
        "allowed_local_3pids",
        "registration_requires_token",
        "default_identity_server",
        "account_threepid_delegates",
        "auto_join_rooms",
        "auto_join_mxid_localpart",
        "auto_join_room_preset",
        "session_lifetime",
        "refreshable_access_token_lifetime",
        "refresh_token_lifetime",
        "nonrefreshable_access_token_lifetime",
        "recaptcha_public_key",
        "recaptcha_siteverify_api",
        "room_prejoin_state",
        "track_puppeted_user_ips",
        "app_service_config_files",
        "report_stats",
        "report_stats_endpoint",
        "signing_key_path",
        "key_refresh_interval",
        "trusted_key_servers",
        "macaroon_secret_key_path",
        "form_secret_path",
        "registration_shared_secret_path",
        "encryption_enabled_by_default_for_room_type",
        "user_directory",
        "alias_creation_rules",
        "room_list_publication_rules",
        "default_power_level_content_override",
        "stream_writers",
        "instance_map",
        "run_background_tasks_on",
        "start_pushers",
        "pusher_instances",
        "send_federation",
        "federation_sender_instances",
        "media_instance_running_background_jobs",
        "user_consent",
        "server_notices",
    ]
)
# What says where a database is. Its password has an option of its own.
_DATABASE = frozenset(
    (
        *("name", "args", "database", "dbname", "user", "host", "port"),
        *("sslmode", "sslrootcert", "passfile", "application_name"),
    )
)
_ACCOUNT_IN_URL = re.compile(r"://[^/\s]*@")


def divided(config: dict) -> tuple[dict, dict]:
    """(what a diff may show, the rest) of Synapse's configuration, setting by setting."""
    shown = {name: value for name, value in config.items() if _harmless(name, value)}
    return shown, {name: value for name, value in config.items() if name not in shown}


def _harmless(name: str, value) -> bool:
    if name == "database":
        return all(key in _DATABASE or not texts for key, texts in _texts_by_key(value))
    texts = list(_texts(value))
    return not texts or name in _SHOWN and not any(_ACCOUNT_IN_URL.search(text) for text in texts)


def _texts(value) -> t.Iterator[str]:
    """All texts in a structure that say something."""
    if isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str) and value:
        yield value


def _texts_by_key(value, key: str = "") -> t.Iterator[tuple[str, str]]:
    """(the key it stands under, text) of all texts in a structure."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _texts_by_key(part, name)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _texts_by_key(part, key)
    elif isinstance(value, str):
        yield key, value
