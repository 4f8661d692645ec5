# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role used by itself asks the same judge as site: same rules, same grammars, in the words that were used."""

from __future__ import annotations

import datetime
import os

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template
from ansible_collections.potluck.matrix.plugins.action import role_preflight
from ansible_collections.potluck.matrix.plugins.plugin_utils import _preflight
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller

BASE = {
    "inventory_hostname": "matrix1",
    "matrix_domain": "example.com",
    "matrix_ip": "10.0.0.5",
    "matrix_ssl_email": "a@example.com",
}


@pytest.fixture(scope="module")
def judge():
    """The problems of a role with some variables, as lines."""
    action = object.__new__(role_preflight.ActionModule)
    action._loader = DataLoader()
    documents = None

    def run(name, **given):
        nonlocal documents
        trusted = {
            key: trust_as_template(value) if isinstance(value, str) else value
            for key, value in {**BASE, **given}.items()
        }
        action._templar = Templar(loader=action._loader)
        documents = documents or action._roles()
        document = documents[name]
        task_vars = {**action._defaults, **document["defaults"], **trusted, **document["variables"]}
        action._templar = Templar(loader=action._loader, variables=task_vars)
        role = _preflight.Role(name, document["options"], document["sources"], {}, document["follows"])
        found = _preflight.role_problems(
            "matrix1",
            role,
            {option: action._value(option, task_vars) for option in role.options if option in task_vars},
            variables={key: action._value(key, task_vars) for key in action._defaults},
            defaults=action._default_values(task_vars),
            controller=Controller(os.path.abspath, datetime.datetime.now(datetime.timezone.utc)),
        )
        return [str(problem) for problem in found]

    return run


ROLES = [
    "zfs_dataset",
    "pot_jail",
    "remote_log",
    "node_exporter",
    "consul_agent",
    "postgresql",
    "synapse",
    "ldap_auth",
    "tls",
    "reverse_proxy",
    "coturn",
    "control_user",
]
CONSUL = {
    "consul_agent_servers": "10.0.0.2",
    "consul_agent_datacenter": "dc1",
    "consul_agent_gossip_key": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIBmMpcI3zPLLTlWtNmk7TMDKr3hUSxYXAvtuyJRSLMT you@example.com"
LDAP = {
    "ldap_auth_servers": "ldap.example.com",
    "ldap_auth_base": "dc=example,dc=com",
    "ldap_auth_bind_dn": "cn=a,dc=example",
    "ldap_auth_bind_password": "x",
}


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_wrong_with_the_smallest_inventory(judge, role):
    assert judge(role) == []


@pytest.mark.parametrize(
    "role, given",
    [
        ("consul_agent", CONSUL),
        ("ldap_auth", {**LDAP, "matrix_ldap_domain": "example.com"}),
        ("tls", {"tls_mode": "selfsigned"}),
        ("pot_jail", {"pot_jail_name": "other", "pot_jail_ip": "10.0.0.9"}),
        ("synapse", {"synapse_smtp_host": "mail.example.com", "synapse_smtp_from": "a@example.com"}),
        ("control_user", {"control_user_name": "admin1"}),
        ("coturn", {"coturn_server": True, "coturn_relay_ports": "50000-50099"}),
        ("postgresql", {"postgresql_database": "postgresql", "postgresql_settings": {"work_mem": "6MB"}}),
    ],
)
def test_options_of_the_role_will_do(judge, role, given):
    assert judge(role, **given) == []


@pytest.mark.parametrize(
    "role, given",
    [
        ("zfs_dataset", {}),
        ("pot_jail", {"pot_jail_ip": "10.0.0.9"}),
        ("remote_log", {"remote_log_host": "10.0.0.2"}),
        ("node_exporter", {"node_exporter_listen_address": "10.0.0.9"}),
        ("consul_agent", {}),
        (
            "consul_agent",
            {**CONSUL, "consul_agent_bind_address": "10.0.0.9", "consul_agent_advertise_address": "10.0.0.9"},
        ),
        ("postgresql", {"postgresql_database": "postgresql"}),
        ("synapse", {"synapse_server_name": "example.com", "synapse_public_baseurl": "https://example.com/"}),
        ("ldap_auth", LDAP),
        ("tls", {"tls_server_name": "example.com", "tls_mode": "selfsigned"}),
        ("coturn", {}),
        (
            "coturn",
            {
                "coturn_server": True,
                "coturn_host": "example.com",
                "coturn_realm": "example.com",
                "coturn_listen_address": "10.0.0.9",
            },
        ),
        ("reverse_proxy", {"matrix_host": "example.com"}),
        ("control_user", {"control_user_enabled": True, "control_user_key": KEY}),
    ],
)
def test_a_role_alone_needs_no_variable_but_its_options(judge, role, given):
    assert judge(role, **{**dict.fromkeys(BASE, ""), "inventory_hostname": "matrix1", **given}) == []


@pytest.mark.parametrize(
    "role, given, words",
    [
        ("postgresql", {"postgresql_version": "9"}, "matrix1: postgresql_version: "),
        ("postgresql", {"postgresql_settings": {"port": 5433}}, "sets port, which cannot be set here"),
        ("tls", {"tls_mode": "maybe"}, 'matrix1: tls_mode: "maybe" is none of acme, provided'),
        ("tls", {"matrix_tls_mode": "maybe"}, 'matrix1: matrix_tls_mode: "maybe" is none of acme'),
        ("reverse_proxy", {"reverse_proxy_max_upload_size": "0M"}, "matrix1: reverse_proxy_max_upload_size: "),
        ("synapse", {"synapse_max_upload_size": "050M"}, "matrix1: synapse_max_upload_size: "),
        (
            "synapse",
            {"matrix_domain": ""},
            "matrix_domain is not set, and the role synapse needs it (or synapse_server_name)",
        ),
        (
            "coturn",
            {"coturn_server": True, "matrix_domain": ""},
            "matrix_domain is not set, and the role coturn needs it (or coturn_realm)",
        ),
        (
            "coturn",
            {"coturn_server": True, "matrix_ip": ""},
            "matrix_ip is not set, and the role coturn needs it (or coturn_listen_address)",
        ),
        (
            "node_exporter",
            {"matrix_ip": ""},
            "matrix_ip is not set, and the role node_exporter needs it (or node_exporter_listen_address)",
        ),
        (
            "reverse_proxy",
            {"matrix_domain": ""},
            "matrix_host is not set, and the role reverse_proxy needs it; for example matrix_host: matrix.example.com",
        ),
        (
            "consul_agent",
            {**CONSUL, "matrix_ip": ""},
            "consul_agent_bind_address is not set, and the role consul_agent needs it; for example "
            "consul_agent_bind_address: 10.0.0.5",
        ),
        ("coturn", {"coturn_realm": "10.0.0.5"}, "matrix1: coturn_realm: "),
        (
            "coturn",
            {"coturn_server": {"uris": ["turn:a.example.com"]}},
            "matrix1: coturn_server: the value has no secret",
        ),
        (
            "node_exporter",
            {"node_exporter_disabled_collectors": "zfs"},
            'node_exporter_disabled_collectors: "zfs" is a text where a list',
        ),
        ("node_exporter", {"node_exporter_extra_arguments": ["--a b"]}, "is not an argument that rc.conf can hold"),
        ("node_exporter", {"node_exporter_tls_key": "/x"}, "node_exporter_tls_key"),
        (
            "ldap_auth",
            {**LDAP, "ldap_auth_validate_certs": "y"},
            'ldap_auth_validate_certs: "y" is neither true nor false',
        ),
        ("ldap_auth", {**LDAP, "ldap_auth_filter": "()"}, "matrix1: ldap_auth_filter: "),
        ("pot_jail", {"pot_jail_name": "x" * 60}, "matrix1: pot_jail_name: "),
        ("pot_jail", {"pot_jail_image": {"name": "x"}}, "pot_jail_image: the value names no image"),
        ("zfs_dataset", {"zfs_dataset_name": "zroot/.."}, "matrix1: zfs_dataset_name: "),
        (
            "control_user",
            {"control_user_enabled": True, "control_user_key": "ssh-foo bar"},
            "matrix1: control_user_key: ",
        ),
        ("control_user", {"control_user_name": "synapse"}, "matrix1: control_user_name: "),
        ("consul_agent", {**CONSUL, "consul_agent_gossip_key": "short"}, "matrix1: consul_agent_gossip_key: "),
        ("consul_agent", {"consul_agent_servers": "10.0.0.2"}, "matrix_datacenter is not set, but"),
        (
            "remote_log",
            {"remote_log_host": "10.0.0.2", "remote_log_protocol": "tls"},
            "remote_log_ca_file is not set, but",
        ),
    ],
)
def test_what_site_refuses_is_refused_here_in_the_words_that_were_used(judge, role, given, words):
    found = judge(role, **given)
    assert any(words in line for line in found), found
    assert not any("ansible_collections" in line or "Traceback" in line for line in found)
