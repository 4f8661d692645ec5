# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of an inventory and output of commands by the thousand: the bad are refused in words, the good pass, and
nothing ends in a traceback.

All of it in about a minute; the numbers of examples are chosen for that.
"""

from __future__ import annotations

import base64
import pathlib
import re

import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.inventory import pots as inventory
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import releases, tables, zfs
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import (
    accounts,
    consul,
    controller_files,
    dataset_rules,
    ldap,
    locations,
    mail,
    names,
    network,
    potluck_env,
    pots,
    storage,
    values,
    well_known,
)
from ansible_collections.potluck.matrix.plugins.module_utils._pot import (
    conf,
    entering,
    host_network,
    mounts,
    output,
    pf,
)
from ansible_collections.potluck.matrix.plugins.module_utils._pot import network as pot_network
from ansible_collections.potluck.matrix.plugins.module_utils._pot import settings as pot_settings
from ansible_collections.potluck.matrix.plugins.plugin_utils import _preflight
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.parts import OPTIONS, VARIABLES
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from ldap3.operation import search as ldap3_search
from test_preflight_options import TABLE as BAD_OPTIONS
from test_preflight_table import BRIDGE, CASES, CONSUL, DNS, GOOD, LDAP, LOGIN, MAIL, NOSSL, SECRET, Unusable, ssh_key
from thorough import THOROUGH, examples

FIXTURES = pathlib.Path(__file__).parent / "fixtures/pot"
BOOLEANS = [True, False, "true", "false", "True", "FALSE", "yes", "no", "on", "off", "1", "0", 1, 0]
PORTS = [2, 1024, 5000, 49151, 65535, "1025", "65534"]
HOSTS = [
    "10.0.0.20",
    "host",
    "a.example.com",
    "2001:db8::20",
    "xn--bcher-kva.example",
    "127.0.0.1",
    "Host.Example.com",
    "1a.example.com",
    "a-b.example",
    "_a.b_c.example",
]
MAILS = [
    "a@example.com",
    "a.b+c@sub.example.com",
    "A@example.com",
    "1@example.org",
    "a_b-c@example.co.uk",
    "x%y@example.com",
    "a=b@xn--bcher-kva.example",
]
SECRETS = ["x", "a b", "p:w\\x", "$x'y\"z", "{{", "#1", "12345", "true", "ü", "a" * 500, "%s", "`id`"]
PATHS = ["/a", "/mnt/matrixdata/x", "/usr/local/etc/x.yml", "/a-b_c.d/e+f", "/a@b", "/x/1,2"]
DOMAINS = [
    "example.com",
    "a.b.c.example.org",
    "xn--bcher-kva.example",
    "a" * 63 + ".example",
    "1.example",
    "a-b.example.co.uk",
    "example.museum",
]
FILTERS = [
    "(objectClass=*)",
    "(&(a=b)(c=d))",
    "(|(a=b)(!(c=d)))",
    "(cn=Babs J*n)",
    "(a>=5)",
    "(a<=5)",
    "(a~=b)",
    "(memberOf=cn=x,ou=y,dc=z)",
    r"(cn=a\2ab)",
    "(1.3.6.1=x)",
    "(cn;lang-de=x)",
    "(userAccountControl:1.2.840.113556.1.4.803:=2)",
    "(cn:dn:=x)",
    "(:dn:2.4.6=x)".replace("=", ":="),
    "(a=)",
    "(a=ü)",
    "(&" + "(a=b)" * 500 + ")",
    "(|" + "(memberOf=cn=some group,ou=Groups,dc=example,dc=com)" * 1000 + ")",
    "(!" * 64 + "(a=b)" + ")" * 64,
    "(&\n  (a=b)\n  (| (c= d ) ( e=f )\n  )\n)\n",
    "(a=*b*c*)",
]
# variable → (what else is set, good values)
GOOD_VALUES = {
    "matrix_domain": ({}, DOMAINS),
    "matrix_host": ({}, DOMAINS),
    "matrix_ip": (
        {},
        [
            "10.0.0.5",
            "192.168.1.1",
            "203.0.113.7",
            "2001:db8::5",
            "fd00::1",
            "172.16.0.1",
            "100.64.0.1",
            "1.1.1.1",
            ["10.0.0.5", "2001:db8::5"],
            ["2001:db8::5", "10.0.0.5"],
            ["fd00::1"],
        ],
    ),
    "matrix_alert_email": (
        {},
        [*MAILS, "o'neill@example.com", "a&b@example.com", "jürgen.ß@example.com", "用户@example.com"],
    ),
    "matrix_pot_name": ({}, ["a", "matrix-example", "1a", "a_b", "a+b", "x" * 55, "A"]),
    "matrix_pot_network_type": ({}, ["alias", "inherit", "public-bridge"]),
    "matrix_pot_interface": ({}, ["em0", "vtnet0", "lagg0.100", "igb1", "bridge0", ""]),
    "matrix_pot_bridge": (BRIDGE, ["b1", "matrix-bridge", "a_b", "1b"]),
    "matrix_pot_release": ({}, ["13.2", "14.3", "15.0", 14.2, ""]),
    "matrix_pot_extif": ({}, ["em0", "vtnet0", "ix0"]),
    "matrix_pot_exported_ports": (BRIDGE, [["443"], ["tcp:443:443", "udp:443:443"], [443, 8448], ["8448:9448"], []]),
    "matrix_pot_mounts": (
        {},
        [
            [],
            [{"source": "/srv", "target": "/srv"}],
            [{"source": "zroot/x", "target": "/x", "kind": "dataset", "read_only": "yes"}],
        ],
    ),
    "matrix_pkg_repository_url": (
        {},
        [
            "https://pkg.example.com/${ABI}/latest",
            "https://pkg_1.example.com/${ABI}/latest",
            "file:///packages",
            "pkg+https://pkg.freebsd.org/${ABI}/quarterly",
            "",
        ],
    ),
    "matrix_python_version": ({}, ["3.9", "3.11", "3.12", 3.11]),
    "matrix_dataset": (
        {},
        [
            "zroot/matrixdata",
            "tank/a/b/c",
            "zroot/matrix.example",
            "zroot/usr/home/x",
            "zroot/potluck",
            "zroot/var/db",
            "zroot/data-1_2:3",
        ],
    ),
    "matrix_dataset_mountpoint": (
        {},
        [
            "/mnt/matrixdata",
            "/data",
            "/srv/matrix",
            "/usr/home/matrix",
            "/var/db/matrix",
            "/home/m",
            "/opt/matrix",
            "/usr/local/matrix",
        ],
    ),
    "matrix_dataset_properties": (
        {},
        [
            {},
            {"quota": "10G"},
            {"recordsize": "128K"},
            {"recordsize": "1M"},
            {"recordsize": 4096},
            {"atime": False},
            {"a:b": "c"},
        ],
    ),
    "matrix_datacenter": (CONSUL, ["dc1", "a-b_c", "1"]),
    "matrix_consul_servers": (
        CONSUL,
        [
            "10.0.0.2",
            "10.0.0.2,10.0.0.3",
            ["a.example.com", "10.0.0.2"],
            "consul_1,consul_2.example.com",
            "2001:db8::2",
            ["127.0.0.1"],
        ],
    ),
    "matrix_gossip_key": (CONSUL, [base64.b64encode(bytes(size)).decode() for size in (16, 24, 32)]),
    "matrix_consul_dns": (DNS, BOOLEANS),
    "matrix_dns_forwarders": (DNS, [["10.0.0.1"], ["10.0.0.1", "9.9.9.9"]]),
    "matrix_node_name": (CONSUL, ["a", "matrix1", "A-b", "1", "x" * 63]),
    "matrix_registration_enable": ({"matrix_registration_verification": "token"}, BOOLEANS),
    "matrix_registration_verification": (MAIL, ["email", "token", "captcha", "without_verification", ""]),
    "matrix_certificate_watch_days": ({}, [1, 14, "30", 9999]),
    "matrix_certificate_warning_days": ({}, [1, 14, "30", 9999]),
    "matrix_shared_secret": ({}, SECRETS),
    "matrix_smtp_host": (MAIL, [*(host for host in HOSTS if "_" not in host), ""]),
    "matrix_smtp_port": ({**MAIL, "matrix_smtp_tls": "starttls"}, [25, 465, 587, "25", 2525, "65535"]),
    "matrix_smtp_tls": (MAIL, ["none", "starttls", "starttls_required", "implicit", ""]),
    "matrix_smtp_tls_name": (MAIL, [*(host for host in HOSTS if "_" not in host), ""]),
    "matrix_files": (
        {},
        [
            [],
            [{"source": __file__, "path": "a/b.c/d-1+2=3@x", "mode": "0644"}],
            [{"source": __file__, "path": "a", "owner": "synapse", "mode": "400", "registration": "no"}],
        ],
    ),
    "matrix_mail_app_name": (MAIL, ["Our Matrix", "ü", "100 %", ""]),
    "matrix_mail_client_url": (MAIL, ["https://chat.example.com", "http://a:8080/x/", ""]),
    "matrix_mail_subjects": (
        MAIL,
        [{}, {"password_reset": "New %(app)s at %(server_name)s, 100 %%"}, {"messages_in_room": "ü %(room)s"}],
    ),
    "matrix_smtp_user": (LOGIN, SECRETS),
    "matrix_smtp_password": (LOGIN, SECRETS),
    "matrix_smtp_from": (
        MAIL,
        [*MAILS, "Our Matrix <a@example.com>", "O'Neill, Jürgen: 100 % <A@example.com>", '"A, B" <a@example.com>'],
    ),
    "matrix_max_upload_size": ({}, [1, "1", "50M", "512K", "1G", "10G", 104857600, "999999999999999"]),
    "matrix_accounts": (
        {},
        [
            [],
            [{"name": "admin", "admin": True}],
            [
                {"name": "a.b_c=d/e+f-g"},
                {"name": "0a", "password": "x y", "display_name": "Ä \U0001f469\u200d\U0001f52c"},
            ],
            [{"name": "1_a"}],
            [{"name": "a", "state": "active", "admin": "no", "password": "x", "update_password": "always"}],
            [{"name": "a", "state": "deactivated"}, {"name": "b", "sign_out": "all"}],
            [{"name": "a", "state": "present", "update_password": "on_create", "sign_out": ["JLAFKJWSCS", "x y"]}],
        ],
    ),
    "matrix_tls_mode": ({}, ["acme", "selfsigned", "none"]),
    "matrix_nossl": ({}, BOOLEANS),
    "matrix_trusted_proxies": (
        NOSSL,
        [
            [],
            ["10.0.0.1"],
            ["10.0.0.0/8"],
            ["fd00::/8"],
            ["fc00::/7"],
            ["2001:db8::/32", "192.0.2.0/24"],
            ["127.0.0.1", "::1"],
        ],
    ),
    "matrix_ssl_email": ({}, MAILS),
    "matrix_well_known_client": (
        {},
        [
            {},
            {"m.identity_server": {"base_url": "https://vector.im"}},
            {"org.matrix.msc4143.rtc_foci": [{"type": "livekit", "livekit_service_url": "https://rtc.example.com/x"}]},
            {"org.matrix.msc2965.authentication": {"issuer": "https://auth.example.com/", "account": "https://a.b/"}},
            {"org.example": {"a": [1, 1.5, True, None, "it's $1 \\ \u20ac\n", {"b": {}}]}},
            {"org.example": "x" * 3000},
        ],
    ),
    "matrix_admin_api_from": ({}, [[], ["10.0.0.1"], ["10.0.0.0/8", "2001:DB8::/32"], ["fc00::/7"]]),
    "matrix_locations": (
        {},
        [
            [],
            [{"path": "/admin/", "to": "http://10.0.0.9:8080/", "allow": ["10.0.0.0/8", "::1"]}],
            [{"path": "/", "to": "http://[2001:db8::9]:80"}, {"path": "/a", "to": "unix:/var/run/a_b-c.sock"}],
            [{"path": f"/_matrix/client/v3/{name}", "to": "http://10.0.0.9:1"} for name in ("login", "logout/all")],
            [{"path": "/", "text": "<p>it's $1</p>\n", "type": "text/html"}, {"path": "/healthy", "text": "\u20ac"}],
            [{"path": "/.well-known/openid-configuration", "redirect": "https://auth.example.com/x?y#z"}],
            [{"path": "/a.b/c~d", "redirect": "/"}, {"path": "/.well-known/", "to": "http://10.0.0.9:8080"}],
            [{"path": "/same", "to": "http://10.0.0.5:8080"}, {"path": "/same/", "to": "http://10.0.0.5:8080"}],
            [{"path": "/long", "text": "x" * 4000}],
        ],
    ),
    "matrix_support": (
        {},
        [
            {},
            {"contacts": []},
            {"support_page": "https://example.com/help?a=b"},
            {"contacts": [{"role": "m.role.admin", "email_address": "j\u00fcrgen@example.com"}]},
            {"contacts": [{"role": "com.example.abuse", "matrix_id": "@_a.b-c=/+1:xn--bcher-kva.example:8448"}]},
            {
                "contacts": [
                    {"role": "m.role.security", "email_address": "a@example.com", "matrix_id": "@a:b.example"},
                    {"role": "m.role.security", "matrix_id": "@1:[2001:db8::1]:8448"},
                ],
                "support_page": "http://help.example.com",
            },
        ],
    ),
    "matrix_acme_directory": (
        {},
        [
            "letsencrypt",
            "https://acme.example.com/directory",
            "https://10.0.0.1:14000/dir",
            "https://[2001:db8::1]/dir?x=1&y=2",
            "",
        ],
    ),
    "matrix_acme_eab_kid": (
        {"matrix_acme_eab_hmac_key": "k"},
        ["kid-1", "abc_DEF", "a.b:c/d=", "https://ca.example/acct/1"],
    ),
    "matrix_acme_eab_hmac_key": (
        {"matrix_acme_eab_kid": "k"},
        ["zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W", "a-b_c", "a+b/c==", "12345"],
    ),
    "matrix_acme_dns": (
        {},
        [{}, {"plugin": "dns_cf"}, {"plugin": "dns_acmedns", "wait": 0, "settings": {"ACMEDNS_SUBDOMAIN": "a$b \\"}}],
    ),
    "matrix_extra_domains": ({}, [[], ["a.example.com"], DOMAINS[1:]]),
    "matrix_ldap_server": (LDAP, [*HOSTS, HOSTS[:2], ""]),
    "matrix_ldap_port": (LDAP, PORTS),
    "matrix_ldap_tls": (LDAP, ["starttls", "ldaps", "none"]),
    "matrix_ldap_validate_certs": (LDAP, BOOLEANS),
    "matrix_ldap_password": (LDAP, SECRETS),
    "matrix_ldap_domain": (LDAP, ["example.com", "corp", "Corp.Example.co.uk", "ad_x.example", "bücher.example"]),
    "matrix_ldap_base": (
        LDAP,
        ["dc=example,dc=com", "ou=People, dc=x", "o=A B\\, C,c=US", "OU=Benutzer+CN=x,DC=y", "1.3.6=x", "cn=ü,dc=x"],
    ),
    "matrix_ldap_attribute_uid": (LDAP, ["uid", "sAMAccountName", "cn", "1.3.6.1"]),
    "matrix_ldap_attribute_mail": (LDAP, ["mail", "email"]),
    "matrix_ldap_attribute_name": (LDAP, ["givenName", "displayName", "cn"]),
    "matrix_ldap_filter": (LDAP, FILTERS),
    "matrix_ldap_active_directory": ({"matrix_ldap_default_domain": "example.com"}, BOOLEANS),
    "matrix_ldap_default_domain": (LDAP, ["example.com", "corp", ""]),
    "matrix_ldap_proxy_port": ({}, PORTS),
    "matrix_control_user": ({"matrix_control_user_key": ssh_key()}, BOOLEANS),
    "matrix_control_user_key": (
        {},
        [
            ssh_key(),
            ssh_key("ssh-rsa", 257),
            ssh_key() + "\n" + ssh_key() + "\n",
            "# my key\n" + ssh_key(),
            ssh_key() + " two words",
            'from="10.0.0.0/8,!10.0.0.1",no-pty ' + ssh_key(),
            r'restrict,pty,command="echo \"a, b\" $SSH_ORIGINAL_COMMAND" ' + ssh_key(),
            'cert-authority,principals="ops,admin" ' + ssh_key("ssh-rsa", 257),
            'permitopen="a:1",permitopen="b:2",expiry-time="20301231" ' + ssh_key() + "\n  # more\n" + ssh_key(),
        ],
    ),
    "matrix_control_user_name": ({}, ["control", "ops", "a", "_x", "a-b_c", "x" * 32, "admin1"]),
    "matrix_control_user_port": ({}, PORTS),
    "matrix_remote_log": ({}, [*HOSTS, ""]),
    "matrix_remote_log_port": ({}, PORTS),
    "matrix_remote_log_protocol": ({}, ["tcp", "tls"]),
    "matrix_alertmanager_url": (
        {},
        ["http://10.0.0.20:9093", "https://alerts.example.com/am/", "http://[2001:db8::1]:9093", ""],
    ),
    "matrix_metrics_port": ({}, [*PORTS, 0, "0", ""]),
    "matrix_node_exporter_port": ({}, PORTS),
    "matrix_consul_acl_token": ({}, SECRETS),
    "matrix_node_exporter_disabled_collectors": ({}, [[], ["zfs"], ["zfs", "devstat", "cpu_x"]]),
    "matrix_node_exporter_basic_auth_users": ({}, [{}, {"prometheus": "x"}, {"a@b": "p w", "c.d": "x" * 72}]),
    "matrix_node_exporter_tls_certificate": ({"matrix_node_exporter_tls_key": "/k"}, PATHS),
    "matrix_node_exporter_tls_key": ({"matrix_node_exporter_tls_certificate": "/c"}, PATHS),
    "matrix_verify_address": ({}, ["192.0.2.1", "matrix.example.com", ["192.0.2.1", "2001:db8::1"], ""]),
    "matrix_verify_outside": ({}, BOOLEANS),
    "matrix_snapshot": ({}, ["", "upgrade-20260101T000000Z", "before.the-move:1"]),
    "matrix_upgrade_rollback": ({}, BOOLEANS),
    "matrix_upgrade_keep": ({}, [{}, {"number": 3}, {"days": "30"}, {"number": 1, "days": 9999}]),
    "matrix_remove": ({}, ["", "matrix1", "matrix1.example.com"]),
    "matrix_remove_dataset": ({"matrix_dataset": "zroot/red"}, ["", "zroot/red"]),
    "matrix_remove_certificate": ({}, ["keep", "revoke"]),
    "matrix_python": ({}, ["/usr/local/bin/python3.11"]),
    "matrix_synapse_data_directory": ({}, ["/mnt/matrixdata/matrix-synapse", "/mnt/synapse"]),
    "matrix_synapse_socket": ({}, ["/var/run/matrix-synapse/synapse.sock"]),
    "matrix_metrics_directory": ({}, ["/var/db/node_exporter"]),
    "matrix_tls_directory": ({}, ["/mnt/matrixdata/tls"]),
    "matrix_revive_program": ({}, ["/usr/local/bin/matrix-revive"]),
    "matrix_tls_program": ({}, ["/usr/local/libexec/matrix-tls"]),
    "matrix_acme_webroot": ({}, ["/usr/local/www/acme"]),
    "matrix_database": (
        {},
        [
            "sqlite",
            "postgresql",
            {"host": "db.example.com", "password": "p:w\\ \u00e4", "sslmode": "require"},
            {"host": "10.0.0.9", "port": "6432", "name": "m-1", "user": "u@h", "password": "x", "sslmode": "disable"},
            {"host": "2001:db8::9", "password": "5", "sslmode": "disable", "dump": False},
        ],
    ),
    "matrix_sqlite_keep": ({}, BOOLEANS),
    "matrix_postgresql_keep": ({}, BOOLEANS),
    "matrix_postgresql_version": ({}, ["14", "15", 18, ""]),
    "matrix_postgresql_settings": (
        {},
        [{}, {"work_mem": "6MB"}, {"max_connections": 80, "jit": True}, {"auto_explain.log_min_duration": 0.5}],
    ),
    "matrix_postgresql_socket_directory": ({}, ["/var/run/postgresql", "/" + 88 * "a"]),
    "matrix_serial": ({}, ["", 1, "5", "50%", "100%", [1, 5, "20%"]]),
    "matrix_max_fail_percentage": ({}, [0, 20, "100"]),
    "matrix_canary": ({}, ["", []]),
}
GOOD_OPTIONS = {
    **{option: PATHS for option, known in OPTIONS.items() if known.check is storage.plain_path},
    "zfs_dataset_mode": ["0755", "750", "1777"],
    "synapse_trusted_key_servers": [[], ["matrix.org"], ["a.example.com", "matrix.org:8448"]],
    "synapse_ip_range_blacklist": [[], ["10.0.0.0/8", "::1/128"], ["0.0.0.0/0"]],
    "synapse_public_baseurl": ["https://example.com/", "http://example.com:8008/"],
    "reverse_proxy_listen_addresses": [["*"], ["10.0.0.5", "2001:db8::5"]],
    "reverse_proxy_well_known_server": ["example.com:443", "example.com", "[2001:db8::1]:8448"],
    "control_user_uid": [1001, "2001"],
    "remote_log_files": [[], [{"path": "/var/log/x.log", "program": "x"}]],
    "node_exporter_extra_arguments": [[], ["--collector.ntp", "--web.max-requests=5"]],
    "node_exporter_user": ["nodeexport", "metrics"],
    "consul_agent_verify_server_hostname": BOOLEANS,
    "reverse_proxy_http2": BOOLEANS,
    "pot_jail_restart": BOOLEANS,
    "synapse_smtp_notifications": BOOLEANS,
}
FILES = {name for name in VARIABLES if name.endswith("_file") or name in ("matrix_tls_certificate", "matrix_tls_key")}
GOOD_CASES = [({**context, name: value}, name) for name, (context, found) in GOOD_VALUES.items() for value in found]
GOOD_CASES += [({name: value}, name) for name, found in GOOD_OPTIONS.items() for value in found]
BAD_CASES = [
    ({**context, name: bad}, name)
    for name, context, bad, _words in CASES
    if name not in FILES and not isinstance(bad, Unusable)
]
BAD_CASES += [({name: bad}, name) for name, found in BAD_OPTIONS.items() for bad in found]
# Each bad value is judged by itself where its table is tested.
STEP = 1 if THOROUGH else 3
# What a good value needs beside it is not what is looked at.
RELATED = {
    "matrix_pot_network_type",
    "matrix_ssl_email",
    "matrix_tls_mode",
    "matrix_nossl",
    "synapse_recaptcha_public_key",
    "synapse_recaptcha_private_key",
    "matrix_pot_bridge",
    "matrix_consul_dns",
    "matrix_ldap_port",
    "matrix_remote_log_ca_file",
    "matrix_ldap_tls",
}


def through_yaml(variables):
    """The variables as an inventory file holds and Ansible reads them; None for what YAML cannot carry."""
    try:
        return yaml.safe_load(yaml.safe_dump(variables, allow_unicode=True))
    except yaml.YAMLError:
        return None


def test_the_tables_are_large_enough_and_complete():
    assert len(BAD_CASES) >= 450 and len(GOOD_CASES) >= 400
    assert set(GOOD_VALUES) == set(VARIABLES) - FILES


def test_expected_bad_values_are_refused(check_all):
    passed = []
    for variables, name in BAD_CASES[::STEP]:
        given_ = through_yaml({**GOOD, **variables})
        # A carriage return or a lone NUL may not survive YAML; then the value is judged as it is.
        found = check_all({"matrix1": {**GOOD, **variables} if given_ is None else given_})
        if name not in {problem.variable for problem in found}:
            passed.append((name, variables[name]))
        assert len(_preflight.report(found).splitlines()) == 1 + len(found) and SECRET not in _preflight.report(found)
    assert passed == []


def test_expected_good_values_pass(check_all):
    refused = []
    for variables, name in GOOD_CASES:
        found = [
            str(problem)
            for problem in check_all({"matrix1": through_yaml({**GOOD, **variables})})
            if problem.variable not in RELATED - {name}
        ]
        refused += found
    assert refused == []


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(["", "*", "::", "{{ x }}", "0x1F", "1_000", "22:22", "~", "!vault |"]),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda part: (
        st.lists(part, max_size=4) | st.dictionaries(st.one_of(st.text(max_size=8), st.integers()), part, max_size=4)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(
    sorted(
        {
            *VARIABLES,
            *OPTIONS,
            "synapse_settings",
            "synapse_database",
            "pot_jail_settings",
            "pot_jail_limits",
            "ansible_host",
            "ansible_port",
            "tls_x",
        }
    )
)
MORE = [LDAP, CONSUL, MAIL, LOGIN, DNS, NOSSL, {}]


@settings(max_examples=examples(700), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, ANYTHING, min_size=1, max_size=5), st.sampled_from(MORE))
def test_no_value_ends_in_a_traceback(check_all, variables, context):
    servers = {"matrix1": {**GOOD, **context, **variables}, "matrix2": {**GOOD, **variables}}
    report = _preflight.report(check_all(servers, neighbours={"matrix3": {**GOOD, **variables}}))
    assert all(line.startswith("- matrix") for line in report.splitlines()[1:]), report


@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NAMES, st.text(st.characters(codec="utf-8"), max_size=40))
def test_no_text_of_an_inventory_ends_in_a_traceback(check_all, name, text):
    try:
        loaded = yaml.safe_load(f"{name}: {text}")
    except (yaml.YAMLError, ValueError):
        return
    if isinstance(loaded, dict):
        check_all({"matrix1": {**GOOD, **loaded}})


@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([name for name in VARIABLES if _preflight.is_secret(name)]), ANYTHING)
def test_no_secret_is_quoted(check_all, name, value):
    marked = yaml.safe_load(yaml.safe_dump([value, {"name": "a b", "x": SECRET}, SECRET]))
    for bad in (marked, {"k": SECRET}, SECRET + "\n", [SECRET]):
        assert SECRET not in _preflight.report(check_all({"matrix1": {**GOOD, **CONSUL, **LOGIN, name: bad}}))


GRAMMARS = [
    accounts.accounts,
    accounts.free_account,
    accounts.local_part,
    accounts.ssh_keys,
    accounts.system_account,
    accounts.web_users,
    consul.datacenter,
    consul.gossip_key,
    consul.node_name,
    consul.servers_or_none,
    locations.locations,
    ldap.attribute,
    ldap.distinguished_name,
    ldap.ldap_domain,
    ldap.search_filter,
    mail.address,
    mail.mail_or_none,
    mail.sender,
    mail.subjects,
    controller_files.files,
    mail.shell_address,
    names.address,
    names.domain_name,
    names.host,
    names.host_name,
    names.port,
    network.address_range,
    network.any_address,
    network.domain,
    network.domains,
    network.key_server,
    network.ldap_servers,
    network.listen_address,
    network.networks,
    network.one_or_more(network.listen_address),
    network.pot_addresses,
    network.port_or_off,
    network.resolvers,
    network.server_and_port,
    well_known.client_document,
    well_known.support,
    well_known.user_id,
    network.url("https"),
    pots.bridge,
    pots.interface,
    pots.lines,
    pots.mounts,
    pots.pot_name,
    pots.ports,
    pots.python_version,
    pots.release,
    storage.absolute_path,
    storage.dataset,
    storage.mode,
    storage.mountpoint,
    storage.plain_path,
    zfs.record_size,
    zfs.size_in_bytes,
    storage.zfs_size,
    values.boolean,
    values.days,
    values.line,
    values.plain_line,
    values.secret,
    values.size,
    values.whole_number(0, 9),
    values.list_of(names.host),
]


@settings(max_examples=examples(800), deadline=None)
@given(st.sampled_from(GRAMMARS), ANYTHING)
def test_a_grammar_answers_or_refuses_in_words(grammar, value):
    try:
        grammar(value)
    except ValueError as error:
        assert str(error)


# Filters and names by their grammar.
VALUE = st.text(st.characters(codec="utf-8", exclude_characters="()*\\", exclude_categories=("Cc", "Cs")), max_size=6)
ITEM = (
    st.tuples(
        st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,5}", fullmatch=True),
        st.sampled_from(["=", "~=", ">=", "<=", ":=", ":dn:="]),
        VALUE,
    )
    .map("".join)
    .map("({})".format)
)
FILTER = st.recursive(
    ITEM,
    lambda part: st.one_of(
        st.tuples(st.sampled_from("&|"), st.lists(part, min_size=1, max_size=3)).map(
            lambda each: "({}{})".format(each[0], "".join(each[1]))
        ),
        part.map("(!{})".format),
    ),
    max_leaves=6,
)


def request(text):
    """What ldap3 sends to search by a filter."""
    return ldap3_search.search_operation("dc=x", text, "SUBTREE", "ALWAYS", ["1.1"], 0, 0, False, None, None)


@settings(max_examples=examples(200), deadline=None)
@given(FILTER, st.data())
def test_filters_of_the_grammar_pass_and_unbalanced_ones_do_not(text, data):
    assert ldap.search_filter(text) == text
    # Folded or not, ldap3 makes the same of it.
    spaces = st.text(" \n\t", max_size=3)
    folded = re.sub(r"\((?=[&|!])|(?<=\([&|!])|\)(?=[()])", lambda found: found.group() + data.draw(spaces), text)
    assert ldap.search_filter(folded) == text
    assert request(folded) == request(text)
    position = data.draw(st.sampled_from([index for index, character in enumerate(text) if character in "()"]))
    with pytest.raises(ValueError):
        ldap.search_filter(text[:position] + text[position + 1 :])


# Files and commands of pot, FreeBSD and Potluck: no line of theirs may end a module in a traceback.
RECORDED = [path.read_text(encoding="utf-8") for path in sorted(FIXTURES.iterdir()) if path.suffix != ".jsonl"]
WORDS = st.sampled_from(
    [
        "pot.attr.children=",
        "pot.rss.cpus=",
        "pot.env=",
        "pot.hosts=",
        "pot.level=",
        "ip=",
        "network_type=",
        '"',
        "=",
        "\t",
        " ",
        "\n",
        "\r",
        "\0",
        "\\040",
        "\\777",
        "zroot/pot",
        "-",
        "####",
        "###>",
        "999999999999999999999",
        "9" * 4400,
        "pot.status=",
        "em0|",
        "10.0.0.5",
        "::1",
        "export ",
        "-e ",
        "'",
        "$(",
        "`",
        ";",
        "#",
        "ü",
    ]
)
TEXTS = st.one_of(
    st.lists(st.one_of(WORDS, st.text(max_size=5)), max_size=12).map("".join),
    st.tuples(st.sampled_from(RECORDED), st.integers(0, 400), st.one_of(WORDS, st.text(max_size=5))).map(
        lambda part: part[0][: part[1]] + part[2] + part[0][part[1] :]
    ),
)
PARSERS = [
    lambda text: conf.view(conf.PotConf(text)),
    lambda text: conf.PotConf(text).drop_duplicates(),
    conf.decode_env,
    output.parse_status,
    lambda text: output.pot_errors(text, text),
    lambda text: mounts.parse_fscomp(text, "/opt/pot"),
    pot_network.normalise_port,
    pot_network.normalise_address,
    lambda text: pot_network.split_alias(text, "em0"),
    pot_network.parse_bridge,
    tables.parse_jls,
    tables.parse_mounts,
    tables.parse_datasets,
    zfs.parse_properties,
    dataset_rules.parse_marks,
    pot_settings.parse,
    lambda text: pot_settings.edit(text, {"POT_FS_ROOT": "/x"}),
    pf.with_pf_anchors,
    host_network.default_interface,
    lambda text: conf.PotConf(text).text("pot.base"),
    releases.short_release,
    lambda text: potluck_env.convert(potluck_env.read(text)),
    inventory.parse,
    entering.missing_python,
    lambda text: entering.explain_failure(text, "p", "h", "sudo"),
]


@settings(max_examples=examples(1500), deadline=None)
@given(st.sampled_from(PARSERS), TEXTS)
# Python makes no number of more than 4300 digits.
@example(PARSERS[0], "pot.level=" + "9" * 4400)
@example(PARSERS[0], "pot.attr.children=" + "9" * 4400)
@example(tables.parse_jls, "9" * 4400 + " a b c")
def test_no_text_of_a_host_ends_in_a_traceback(parser, text):
    try:
        parser(text)
    except (Sentence, ValueError) as error:
        assert "Exceeds the limit" not in str(error)
