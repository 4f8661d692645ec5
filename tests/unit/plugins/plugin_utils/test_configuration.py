# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Configurations from options: the same as those that deployed servers have, and nothing but the options in them."""

from __future__ import annotations

import copy
import json
import pathlib

import pytest
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration import consul, ldap, synapse
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.options import Options, configured, merged
from hypothesis import given
from hypothesis import strategies as st

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures/configuration"
SYNAPSE = {
    "pid_file": "/var/run/matrix-synapse/homeserver.pid",
    "log_config": "/usr/local/etc/matrix-synapse/log.yaml",
    "secrets": "/mnt/matrixdata/matrix-synapse/secrets",
    "sqlite": "/mnt/matrixdata/matrix-synapse/matrix_homeserver.db",
    "passfile": "/usr/local/etc/matrix-synapse/database.pass",
}
CONSUL = {"directory": "/usr/local/etc/consul.d", "socket": "/var/run/consul/http.sock", "dns_port": 8600}
LDAP = {
    "authority": "/usr/local/etc/matrix-synapse/ldap-ca.pem",
    "password_file": "/usr/local/etc/matrix-synapse/ldap_bind_password",
}
# What each fixture was made from: the function, its options' prefix, and what else it is told.
FUNCTIONS = {
    "homeserver": (synapse.homeserver, "synapse_", SYNAPSE),
    "email": (synapse.email, "synapse_", {}),
    "ldap_module": (ldap.module_config, "ldap_auth_", LDAP),
    "consul": (consul.agent, "consul_agent_", CONSUL),
}


def cases(name):
    """Options of deployed servers, and the configuration that was computed of them and written."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def computed(name, options, **more):
    function, prefix, common = FUNCTIONS[name]
    return function(Options(prefix, options), **common, **more)


ALL = [(name, case) for name in FUNCTIONS for case in cases(name)]


@pytest.mark.parametrize("name, case", ALL, ids=[f"{name} {case['case']}" for name, case in ALL])
def test_deployed_servers_stay_as_they_are(name, case):
    options = copy.deepcopy(case["options"])
    more = {"version": case["version"]} if "version" in case else {}
    assert computed(name, options, **more) == case["result"]
    assert options == case["options"]


def first(name):
    more = {"version": "1.20.2"} if name == "consul" else {}
    return copy.deepcopy(cases(name)[0]["options"]), more


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_option_is_needed(name):
    options, more = first(name)
    options.update(
        {"registration_enable": True, "registration_verification": "captcha"} if name == "homeserver" else {}
    )
    options.update({"active_directory": True, "ca_file": "x"} if name == "ldap_module" else {})
    options.update({"ca_file": "x"} if name == "consul" else {})
    options.update({"database": {"name": "psycopg2"}} if name == "homeserver" else {})
    options.update({"smtp_user": "x"} if name == "email" else {})
    for option in options:
        with pytest.raises(ValueError, match=f"^[a-z_]+{option} is missing in the options"):
            computed(name, {key: value for key, value in options.items() if key != option}, **more)


@pytest.mark.parametrize(
    "name, option, value, sentence",
    [
        (
            "homeserver",
            "report_stats",
            "hidden",
            "synapse_report_stats is neither true nor false; write true or false.",
        ),
        ("homeserver", "registration_enable", None, "synapse_registration_enable is nothing where true or false"),
        ("homeserver", "metrics_port", 70000, "synapse_metrics_port is not between 1 and 65535; write a port"),
        ("email", "smtp_tls", "hidden", "synapse_smtp_tls is none of none, starttls, starttls_required, implicit"),
        ("email", "smtp_from", "a <b", "synapse_smtp_from The mail address"),
        ("ldap_module", "validate_certs", "hidden", "ldap_auth_validate_certs is neither true nor false"),
        ("consul", "dns", "hidden", "consul_agent_dns is neither true nor false"),
    ],
)
def test_what_is_refused_is_named(name, option, value, sentence):
    options, more = first(name)
    with pytest.raises(ValueError) as refusal:
        computed(name, {**options, option: value}, **more)
    assert str(refusal.value).startswith(sentence) and "hidden" not in str(refusal.value)


def test_without_a_mail_server_nothing_is_said_of_mail():
    options, _more = first("email")
    assert computed("email", {**options, "smtp_host": "", "smtp_from": "", "smtp_tls": ""}) == {"email": {}}


def test_a_verification_or_a_version_that_nobody_knows():
    options, _more = first("homeserver")
    with pytest.raises(ValueError, match="^synapse_registration_verification is none of email, token"):
        computed("homeserver", {**options, "registration_enable": True, "registration_verification": "x"})
    options, _more = first("consul")
    with pytest.raises(ValueError, match='^"x" is no version of Consul'):
        computed("consul", {**options, "ca_file": "x"}, version="x")


VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, "", "a"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["x", "y"]), inner, max_size=2),
    max_leaves=6,
)
SETTINGS = st.dictionaries(st.sampled_from(["database", "args", "listeners", "telemetry", "new"]), VALUES, max_size=4)


def holds(whole, part):
    """Whether every leaf of a dictionary is in another one at the same place."""
    return all(
        holds(whole[key], value) if isinstance(value, dict) and isinstance(whole[key], dict) else whole[key] == value
        for key, value in part.items()
    )


@given(SETTINGS, SETTINGS)
def test_what_comes_later_counts_and_nothing_else_is_lost(one, other):
    before = copy.deepcopy((one, other))
    found = merged(one, other)
    assert holds(found, other) and (one, other) == before
    assert set(found) == {*one, *other} and merged(found, other) == found == merged({}, one, other)
    assert all(found[key] == one[key] for key in set(one) - set(other))


@given(SETTINGS, st.sampled_from(["homeserver", "consul"]))
def test_free_settings_win(settings, name):
    options, more = first(name)
    assert holds(computed(name, {**options, "settings": settings}, **more), settings)


def test_templates_come_out_as_plain_text():
    options, _more = first("homeserver")
    options.update(server_name=trust_as_template("{{ domain }}"), settings={"a": [trust_as_template("{{ word }}")]})
    variables = {"domain": "lazy.example.com", "word": "x", "options": options, "more": SYNAPSE}
    template = trust_as_template("{{ options | potluck.matrix.homeserver_config(**more) }}")
    found = Templar(DataLoader(), variables).template(template)
    assert (found["server_name"], found["a"]) == ("lazy.example.com", ["x"])


def test_a_filter_says_what_is_wrong_in_one_sentence():
    with pytest.raises(AnsibleFilterError, match="^The options of role ldap_auth have to be a dictionary.$"):
        configured(ldap.module_config, "ldap_auth_", "text", **LDAP)
    with pytest.raises(AnsibleFilterError, match="^synapse_smtp_host is missing in the options"):
        configured(synapse.email, "synapse_", {})


def deployed(name, **changes):
    """What the first of the deployed servers would have with other options."""
    return computed(name, {**copy.deepcopy(cases(name)[0]["options"]), **changes})


def test_what_synapse_reads_in_another_form():
    assert deployed("homeserver", max_upload_size="2G")["max_upload_size"] == "2048M"
    assert (
        deployed("homeserver", admin_contact="jürgen@example.com")["admin_contact"] == "mailto:j%C3%BCrgen@example.com"
    )


def test_a_folded_filter_is_the_same_configuration():
    folded = deployed("ldap_module", mode="search", filter="(&\n  (a=b)\n  (c=d e)\n)\n")
    assert folded == deployed("ldap_module", mode="search", filter="(&(a=b)(c=d e))")
