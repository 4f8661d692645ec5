# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the collection's own roles: what they may hold, how they are spelt, and what two servers must not share
in any spelling.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible_collections.potluck.matrix.plugins.action import site_preflight
from ansible_collections.potluck.matrix.plugins.plugin_utils import _preflight
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.parts import OPTIONS
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.rules.synapse import FOLLOWED
from test_preflight_table import GOOD, SECRET

ROOT = Path(__file__).resolve().parents[2]
BAD_PATHS = ["relative", "/a b", "/a/../b", "/a'b", "/a$b", "/a`b", "/a\nb", '/a"b', "/a;b"]
# option → bad values
TABLE = {
    "zfs_dataset_mode": [416, "0999", "rwx", "75", 0o750, 7.5],
    "zfs_dataset_owner": ["a b", "0", "Root", "a:b", ""],
    "zfs_dataset_group": ["a b", "0", "Wheel", "a:b", ""],
    "zfs_dataset_minimum_free": ["much", "-1G", "", "1X", 1.5],
    "pot_jail_name": ["a.b", "12", "x" * 56, "-a", "a b"],
    "pot_jail_bridge_hosts": [0, -1, "six", "06", 65537],
    "pot_jail_stop_timeout": [0, "1m", -1, "", 86401],
    "pot_jail_resolv_conf": ["nameserver 10.0.0.1\x00", "a\x1bb", "a\x7f", ["nameserver 10.0.0.1"], True],
    "pot_jail_python_version": ["2.7", "3", "python3", "3.8", ""],
    "consul_agent_bind_address": ["0.0.0.0", "host.example.com", "10.0.0.5/24", "fe80::1", "224.0.0.1", "10.0.0.05"],
    "consul_agent_advertise_address": ["0.0.0.0", "host.example.com", "10.0.0.5/24", "::", "10.0.0.256"],
    "consul_agent_data_directory": BAD_PATHS,
    "postgresql_home": BAD_PATHS,
    "postgresql_log_backups": [-1, "many", 1001, "", 1.5],
    "postgresql_start_timeout": [0, "1m", -1, "", 86401],
    "synapse_metrics_address": ["0.0.0.0", "localhost", "10.0.0.5:9109", "*", "10.0.0"],
    "synapse_python_version": ["2.7", "3", "3.8", "3.11 ", ""],
    "ldap_auth_python_version": ["2.7", "3", "3.8", "3.11 ", ""],
    "tls_python_version": ["2.7", "3", "3.8", "3.11 ", ""],
    "synapse_public_baseurl": [
        "example.com",
        "ftp://example.com",
        "https://",
        "https://a b/",
        "https://example.com/'",
        "",
    ],
    "synapse_data_mountpoint": BAD_PATHS,
    "synapse_data_directory": BAD_PATHS,
    "synapse_media_directory": BAD_PATHS,
    "synapse_socket": BAD_PATHS,
    "synapse_extra_packages": ["py311-psycopg2", ["a b"], ["-y"], [""], [5], ["a", "a"], ["$(reboot)"]],
    "synapse_trusted_key_servers": [
        "matrix.org",
        ["https://matrix.org"],
        ["a b"],
        [5],
        ["matrix.org", "matrix.org"],
        ["matrix.org:0"],
    ],
    "synapse_ip_range_blacklist": ["10.0.0.0/8", ["10.0.0.1/8"], ["example.com"], [5], ["10.0.0.0/8", "10.0.0.0/8"]],
    "synapse_ip_range_whitelist": ["10.0.0.0/8", ["10.0.0.1/8"], ["example.com"], [5], ["1.2.3"]],
    "synapse_log_max_bytes": [-1, "10M", 1.5, "", "0100"],
    "synapse_log_backups": [-1, "ten", 1.5, "", 1001],
    "synapse_health_timeout": [0, -1, "1m", "", True],
    "reverse_proxy_listen_addresses": [
        "10.0.0.5",
        [],
        ["example.com"],
        ["0.0.0.0"],
        ["10.0.0.5", "10.0.0.5"],
        ["10.0.0.5; return 200"],
    ],
    "tls_selfsigned_addresses": ["10.0.0.5", ["example.com"], ["0.0.0.0"], [5], ["10.0.0.5", "10.0.0.5"]],
    "reverse_proxy_synapse_socket": BAD_PATHS,
    "matrix_tls_directory": BAD_PATHS,
    "matrix_revive_program": BAD_PATHS,
    "matrix_tls_program": BAD_PATHS,
    "matrix_acme_webroot": BAD_PATHS,
    "tls_acme_home": BAD_PATHS,
    "reverse_proxy_well_known_server": [
        "https://example.com",
        "example.com:0",
        "a b:443",
        "",
        "example.com:443;",
        'example.com:443"',
    ],
    "reverse_proxy_client_base_url": [
        "example.com",
        "https://a b",
        "",
        'https://example.com/"',
        "https://example.com/$x",
    ],
    "reverse_proxy_hsts_max_age": [-1, "1y", 1.5, "", 2**31],
    "reverse_proxy_log_backups": [-1, "x", 1.5, "", 1001],
    "ldap_auth_proxy_address": ["localhost", "0.0.0.0", "", "127.0.0.1:3890", "*"],
    "ldap_auth_proxy_clients": ["127.0.0.1", ["localhost"], ["10.0.0.0/8"], [5], ["all"]],
    "ldap_auth_connect_timeout": [0, -1, "1s", "", 1.5],
    "ldap_auth_answer_timeout": [0, -1, "1s", "", 1.5],
    "ldap_auth_config_directory": BAD_PATHS,
    "control_user_uid": [0, 999, -1, "02001", "x", 2**31],
    "control_user_home": BAD_PATHS,
    "control_user_shell": BAD_PATHS,
    "control_user_listen_address": ["0.0.0.0", "localhost", "10.0.0.5:22", "10.0.0.5\nPermitRootLogin yes", "*"],
    "control_user_host_key_directory": BAD_PATHS,
    "control_user_name": ["synapse", "root", "a b", "a'b", "a\nb", "%wheel"],
    "remote_log_files": [
        "/var/log/x",
        ["/var/log/x"],
        [{"path": "/x"}],
        [{"path": "/a b", "program": "x"}],
        [{"path": "/x", "program": 'x"; }'}],
    ],
    "remote_log_buffer_directory": BAD_PATHS,
    "remote_log_buffer_size": [-1, "1G", 1.5, "", True],
    "remote_log_reconnect_seconds": [0, -1, "5s", "", 1.5],
    "coturn_listen_address": ["0.0.0.0", "localhost", "", "10.0.0.5:3478", "*"],
    "coturn_user_quota": [0, -1, 65536, "x", "012"],
    "coturn_user": ["root", "synapse", "a b", "", "a;b"],
    "coturn_uid": [0, 999, -1, "x", "02003"],
    "coturn_directory": BAD_PATHS,
    "coturn_config_directory": BAD_PATHS,
    "coturn_log_backups": [-1, 1001, "x", "", "07"],
    "node_exporter_listen_address": ["0.0.0.0", "localhost", "", "10.0.0.5:9100", "*"],
    "node_exporter_user": ["root", "synapse", "a b", "", "a;b"],
    "node_exporter_uid": [0, 999, -1, "x", "02002"],
    "node_exporter_extra_arguments": [
        "--collector.ntp",
        ["a b"],
        ["--a b"],
        ["--a=$(x)"],
        ["--a='x'"],
        ["--a", "--a"],
        [5],
    ],
    "consul_agent_log_priority": ["WARNING", "a b", "a'b", "", 5],
    "node_exporter_log_level": ["loud", "WARN", "", 5, ["warn"]],
    "pot_jail_image": [{"name": "x"}, {"tag": "1"}, "x", ["x"], {"name": "", "tag": ""}],
    "tls_metric_certificates": ["/mnt/x.pem", ["relative"], ["/a b"], ["/a$b"], [5], ["/a", "/a"]],
    "verify_attempts": [0, -1, "x", "", 1001],
}


def test_the_table_is_complete():
    assert set(OPTIONS) <= set(TABLE)
    documented = [
        yaml.safe_load(path.read_text(encoding="utf-8")) for path in ROOT.glob("roles/*/meta/argument_specs.yml")
    ]
    assert set(TABLE) <= {
        name for document in documented for name in next(iter(document["argument_specs"].values())).get("options", {})
    }
    assert all(len(rows) >= 5 for rows in TABLE.values())


@pytest.mark.parametrize(
    "option, bad", [(option, bad) for option, rows in TABLE.items() for bad in [*rows, None]], ids=repr
)
def test_a_bad_option_is_the_one_problem(check_all, option, bad):
    found = check_all({"matrix1": {**GOOD, option: bad}})
    assert [problem.variable for problem in found] == [option], found
    assert "; for example " in str(found[0]) and len(_preflight.report(found).splitlines()) == 2


@pytest.mark.parametrize("option, example", [(option, known.example) for option, known in OPTIONS.items()])
def test_the_examples_of_options_are_good(check_all, option, example):
    assert check_all({"matrix1": {**GOOD, option: yaml.safe_load(example)}}) == []


@pytest.mark.parametrize(
    "name, near",
    [
        ("synapse_foo", "synapse_"),
        ("tls_foo", "tls_"),
        ("pot_jail_xxx", "pot_jail_"),
        ("synapse_log_levle", "synapse_log_level"),
        ("tls_modes", "tls_mode"),
        ("pot_jail_nmae", "pot_jail_name"),
        ("zfs_dataset_mountpiont", "zfs_dataset_mountpoint"),
        ("verify_outsid", "verify_outside"),
        ("node_exporter_prt", "node_exporter_port"),
        ("ldap_auth_validate_cert", "ldap_auth_validate_certs"),
        ("control_user_keys", "control_user_key"),
        ("remote_log_servers", "remote_log_"),
        ("consul_agent_server", "consul_agent_servers"),
    ],
)
def test_a_name_that_begins_like_a_role_is_an_option_or_told(check_all, name, near):
    found = check_all({"matrix1": {**GOOD, name: "x"}})
    assert [problem.variable for problem in found] == [name]
    assert f"did you mean {near}" in str(found[0]) and "preflight_own_variables" in str(found[0])
    assert check_all({"matrix1": {**GOOD, name: "x"}}, own=[name]) == []


@pytest.mark.parametrize(
    "name", ["other_role_option", "tlsfoo", "my_synapse_port", "ansible_user", "pot_jails", "_tls_x"]
)
def test_names_of_others_are_left_alone(check_all, name):
    assert check_all({"matrix1": {**GOOD, name: "x"}}) == []


def followers():
    """(option, variable) of every option that stands for a variable of the vocabulary."""
    action = object.__new__(site_preflight.ActionModule)
    action._loader = DataLoader()
    return [pair for role in action._roles().values() for pair in role["follows"].items()]


@pytest.mark.parametrize("option, variable", [pair for pair in followers() if pair[0] not in OPTIONS])
def test_a_second_spelling_is_refused_with_the_name_of_the_first(check_all, option, variable):
    for value in ("x", 5, [], {}, None, GOOD.get(variable)):
        (found,) = check_all({"matrix1": {**GOOD, option: value}})
        assert found.variable == option and f"in an inventory set {variable}" in str(found)
        assert f"for example {variable}" in str(found)


@pytest.mark.parametrize("option, variable", [pair for pair in followers() if pair[0] in OPTIONS])
def test_an_option_that_may_say_something_else_is_judged_like_its_variable(check_all, option, variable):
    assert check_all({"matrix1": {**GOOD, option: "10.0.0.9"}}) == []
    (found,) = check_all({"matrix1": {**GOOD, option: "10.0.0.256"}})
    assert found.variable == option


@pytest.mark.parametrize("option", ["upgrade_force_newer", "upgrade_restore_database"])
def test_what_the_playbook_rollback_is_told_is_known(check_all, option):
    """The guides and the messages of upgrade and rollback say it."""
    assert check_all({"matrix1": {**GOOD, option: True}}) == []
    (found,) = check_all({"matrix1": {**GOOD, option: "perhaps"}})
    assert found.variable == option
    # What roles tell each other is nobody's to set.
    (found,) = check_all({"matrix1": {**GOOD, "upgrade_tag": "upgrade-20260101T000000Z"}})
    assert "is not known" in str(found)


def test_there_are_second_spellings():
    assert len(followers()) > 90 and ("pot_jail_ip", "matrix_ip") in followers()


@pytest.mark.parametrize("name", FOLLOWED)
def test_settings_in_synapses_words_that_others_follow(check_all, name):
    found = check_all({"matrix1": {**GOOD, "synapse_settings": {name: SECRET, "presence": {"enabled": False}}}})
    assert [problem.variable for problem in found] == ["synapse_settings"]
    assert f"{name} is needed outside Synapse too; set {FOLLOWED[name]}" in str(found[0]) and SECRET not in str(
        found[0]
    )
    assert check_all({"matrix1": {**GOOD, "synapse_secret_settings": {name: SECRET}}})


@pytest.mark.parametrize(
    "settings",
    [
        {"presence": {"enabled": False}, "retention": {"enabled": True}},
        {"database": {"args": {"cp_max": 5}}},
        {"report_stats": True},
        {"trusted_key_servers": []},
        {"modules": [{"module": "mjolnir.Module", "config": {}}]},
        {"turn_uris": ["turn:turn.example.com"]},
        {"rc_login": {}},
        {"app_service_config_files": ["/mnt/matrixdata/appservices/a.yaml"]},
        {},
    ],
)
def test_settings_in_synapses_words_that_nobody_follows(check_all, settings):
    assert check_all({"matrix1": {**GOOD, "synapse_settings": settings}}) == []


@pytest.mark.parametrize(
    "settings",
    [
        {"pid_file": "/x"},
        {"database": {"name": "psycopg2"}},
        {"database": {"args": {"database": "/x.db"}}},
        {"modules": [{"module": "ldap_auth_provider.LdapAuthProviderModule", "config": {}}]},
    ],
)
def test_other_settings_that_have_a_variable(check_all, settings):
    assert [problem.variable for problem in check_all({"matrix1": {**GOOD, "synapse_settings": settings}})] == [
        "synapse_settings"
    ]


@pytest.mark.parametrize(
    "given, name",
    [
        (
            {"pot_jail_settings": {"POT_FS_ROOT": "/data/pot"}, "matrix_dataset_mountpoint": "/data/pot/x"},
            "matrix_dataset_mountpoint",
        ),
        (
            {"pot_jail_settings": {"POT_FS_ROOT": "/data/pot"}, "matrix_dataset_mountpoint": "/data"},
            "matrix_dataset_mountpoint",
        ),
        ({"pot_jail_settings": {"POT_ZFS_ROOT": "tank/jails"}, "matrix_dataset": "tank/jails/x"}, "matrix_dataset"),
    ],
)
def test_data_among_pots_own_files(check_all, given, name):
    assert [problem.variable for problem in check_all({"matrix1": {**GOOD, **given}})] == [name]


def test_passwords_that_cannot_be_hashed_here(check_all):
    def broken():
        raise ValueError("password cannot be longer than 72 bytes")

    users = {"matrix_node_exporter_basic_auth_users": {"prometheus": SECRET}}
    found = check_all({"matrix1": {**GOOD, **users}}, hash_password=broken)
    assert [problem.variable for problem in found] == ["matrix_node_exporter_basic_auth_users"]
    assert "needs bcrypt hashes, which this controller cannot make (password cannot be longer" in str(
        found[0]
    ) and "'bcrypt<5'" in str(found[0])
    assert SECRET not in str(found[0])
    assert check_all({"matrix1": GOOD}, hash_password=broken) == check_all({"matrix1": {**GOOD, **users}}) == []
