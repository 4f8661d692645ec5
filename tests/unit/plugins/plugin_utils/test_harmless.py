# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a diff of Synapse's configuration may show, and that nothing is lost between the two parts."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.harmless import divided
from hypothesis import given
from hypothesis import strategies as st

SECRET = "hush-hush-4711"
# Secrets under names that no list has.
HIDDEN = [
    {"media_storage_providers": [{"module": "s3_storage_provider.S3", "config": {"secret_access_key": SECRET}}]},
    {"oidc_providers": [{"idp_id": "x", "client_auth_method": "private_key_jwt", "key": SECRET}]},
    {"sentry": {"dsn": f"https://{SECRET}@sentry.example.com/1"}},
    {"turn_shared_secret": SECRET},
    {"redis": {"enabled": True, "password": SECRET}},
    {"modules": [{"module": "spam.Checker", "config": {"pin": SECRET}}]},
    {"worker_replication": SECRET},
    {"database": {"name": "psycopg2", "args": {"password": SECRET}}},
    {"database": {"name": "psycopg2", "args": {"dsn": f"postgres://a:{SECRET}@db/x"}}},
    {"templates": {"custom_template_directory": f"https://a:{SECRET}@example.com/"}},
    {"experimental_features": {"msc3861": {"enabled": True, "admin_token": SECRET}}},
]
SHOWN = [
    {"presence": {"enabled": False}},
    {"rc_message": {"per_second": 0.5, "burst_count": 10}},
    {"anything_new": {"enabled": True, "limit": 5, "nothing": None, "empty": ""}},
    {"database": {"name": "psycopg2", "args": {"user": "synapse", "host": "10.0.0.9", "cp_min": 5}}},
    {"federation_domain_whitelist": ["example.com"]},
    {"retention": {"enabled": True, "default_policy": {"max_lifetime": "1y"}}},
    {"app_service_config_files": ["/mnt/matrixdata/appservices/irc.yaml"]},
]


@pytest.mark.parametrize("settings", HIDDEN, ids=str)
def test_what_is_not_known_to_be_harmless_is_not_shown(settings):
    assert divided(settings) == ({}, settings)


@pytest.mark.parametrize("settings", SHOWN, ids=str)
def test_a_harmless_change_is_shown(settings):
    assert divided(settings) == (settings, {})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(st.dictionaries(st.text(min_size=1, max_size=8), VALUES, max_size=5))
def test_nothing_is_lost_and_no_text_under_an_unknown_name_is_shown(settings):
    shown, hidden = divided(settings)
    assert {**shown, **hidden} == settings and not set(shown) & set(hidden)
    assert not any(isinstance(value, str) and value for name, value in shown.items() if len(name) <= 8)


@given(VALUES)
def test_a_password_in_a_database_is_never_shown(value):
    secret = {"name": "psycopg2", "args": {"extra": value, "password": SECRET}}
    assert divided({"database": secret}) == ({}, {"database": secret})
