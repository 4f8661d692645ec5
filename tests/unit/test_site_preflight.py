# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role preflight as Ansible runs it, with a connection plugin that would betray every contact with a host."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import subprocess
import sys

import pytest
import yaml
from test_preflight_table import CASES, SECRET, Unusable
from test_preflight_table import GOOD as COMPLETE

ROOT = pathlib.Path(__file__).parents[2]
# Loaded is not contacted: Ansible makes the connection object when it starts a task, contact is what goes through it.
RECORDER = '''
from ansible.plugins.connection import ConnectionBase

DOCUMENTATION = """
name: recorder
short_description: Writes down that a host was contacted
description: Fails afterwards, as an unreachable host does.
author: tests
options: {}
"""


class Connection(ConnectionBase):
    transport = "recorder"
    has_pipelining = True

    def _contact(self, *args, **kwargs):
        from ansible.errors import AnsibleConnectionFailure
        with open(%r, "a") as record:
            record.write("contact\\n")
        raise AnsibleConnectionFailure("nobody there")

    _connect = exec_command = put_file = fetch_file = _contact

    def close(self):
        pass
'''
GOOD = {
    "matrix_alert_email": "admin@example.com",
    "matrix_ssl_email": "admin@example.com",
    "ansible_connection": "recorder",
}


@pytest.fixture
def run(tmp_path):
    """Run preflight and then a task on the hosts; the finished process and how often a host was contacted."""
    (tmp_path / "connection_plugins").mkdir()
    record = tmp_path / "record"
    (tmp_path / "connection_plugins" / "recorder.py").write_text(RECORDER % str(record))
    plays = [
        {"name": "Check", "hosts": "matrix", "gather_facts": False, "roles": ["potluck.matrix.preflight"]},
        {
            "name": "Contact",
            "hosts": "matrix",
            "gather_facts": False,
            "tasks": [{"name": "Touch", "ansible.builtin.raw": "true"}],
        },
    ]

    def runner(hosts, *arguments, text=None, play=None, python=None):
        (tmp_path / "site.yml").write_text(yaml.safe_dump([play or plays[0], plays[1]]))
        (tmp_path / "inventory.yml").write_text(text or yaml.safe_dump({"matrix": {"hosts": hosts}}))
        command = [
            str(pathlib.Path(sys.executable).with_name("ansible-playbook")),
            "-i",
            "inventory.yml",
            "site.yml",
            *arguments,
        ]
        environment = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".ansible/collections"), ANSIBLE_NOCOLOR="1")
        environment["ANSIBLE_CONNECTION_PLUGINS"] = str(tmp_path / "connection_plugins")
        if python:
            environment["PYTHONPATH"] = str(python)
        result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return result, len(record.read_text().splitlines()) if record.exists() else 0

    return runner


def messages(result):
    """The report's lines, as the error shows them."""
    return [line for line in result.stdout.splitlines() + result.stderr.splitlines() if line.startswith("- ")]


def test_all_problems_of_all_servers_and_no_contact(run):
    hosts = {
        "matrix1": {
            **GOOD,
            "ansible_host": "192.0.2.1",
            "matrix_domain": "exa mple.com",
            "matrix_ip": "10.0.0.300",
            "matrix_gossip_key": SECRET,
        },
        "matrix2": {
            **GOOD,
            "ansible_host": "192.0.2.1",
            "matrix_domain": "example.org",
            "matrix_ip": "{{ nowhere.defined }}",
            "matrix_nossl": "maybe",
        },
        "matrix3": {
            **GOOD,
            "ansible_host": "192.0.2.2",
            "matrix_domain": "{{ 'example' ~ '.org' }}",
            "matrix_ip": "{{ ansible_facts.default_ipv4.address }}",
            "matrix_smtp_password": SECRET,
            "matrix_ldap_sever": "ldap.example.com",
            "preflight_own_variables": [],
        },
    }
    result, contacts = run(hosts, "-vvv")
    assert contacts == 0
    assert result.returncode == 2
    expected = [
        '- matrix1: matrix_domain: "exa mple.com" holds a blank; for example matrix_domain: example.com',
        '- matrix1: matrix_ip: "10.0.0.300" is not an IP address; for example matrix_ip: 10.0.0.5',
        "- matrix1: matrix_gossip_key: the gossip key ",
        '- matrix2: matrix_ip: the value uses the variable "nowhere", which is not defined; ',
        '- matrix2: matrix_nossl: "maybe" is neither true nor false; ',
        '- matrix2: matrix_dataset: "zroot/matrixdata" is the dataset of matrix1 on the same host already; ',
        "- matrix3: matrix_ip: the value is made of facts of the host, which nobody knows before it is contacted; ",
        "- matrix3: matrix_smtp_user is not set, but matrix_smtp_password is; ",
        "- matrix3: matrix_ldap_sever is not known (did you mean matrix_ldap_server? ",
        '- matrix3: matrix_domain: "example.org" is the domain of matrix2 already; ',
    ]
    found = messages(result)
    assert len(found) == len(expected), found
    for words in expected:
        assert sum(line.startswith(words) for line in found) == 1, words
    assert SECRET not in result.stdout + result.stderr
    assert "PLAY [Contact]" not in result.stdout


def test_the_same_machines_are_contacted_when_all_is_well(run):
    result, contacts = run(
        {"matrix1": {**GOOD, "ansible_host": "192.0.2.1", "matrix_domain": "example.com", "matrix_ip": "10.0.0.5"}}
    )
    assert "PLAY [Contact]" in result.stdout and contacts > 0
    assert "changed=0" in result.stdout


def test_check_mode_and_a_limit(run):
    shared = {**GOOD, "ansible_host": "192.0.2.1"}
    hosts = {
        "matrix1": {
            **shared,
            "matrix_domain": "example.com",
            "matrix_ip": "10.0.0.5",
            "matrix_shared_secret": "{{ undefined_here }}",
        },
        "matrix2": {
            **shared,
            "matrix_domain": "example.org",
            "matrix_ip": "10.0.0.5",
            "matrix_dataset": "zroot/second",
        },
    }
    result, contacts = run(hosts, "--check", "--limit", "matrix2")
    assert contacts == 0
    assert [line[:60] for line in messages(result)] == [
        '- matrix2: matrix_ip: "10.0.0.5" is the address of matrix1 on'[:60]
    ]


def test_options_and_misspellings_of_roles(run):
    host = {
        **GOOD,
        "matrix_domain": "example.com",
        "matrix_ip": "10.0.0.5",
        "control_user_port": "ssh",
        "matrix_ldap_mode": "guess",
        "matrix_ldap_attribute_uid": ["uid"],
    }
    result, contacts = run({"matrix1": host})
    assert contacts == 0
    assert sorted(line.split(":")[1].split()[0] for line in messages(result)) == [
        "control_user_port",
        "matrix_ldap_attribute_uid",
        "matrix_ldap_mode",
    ]


def test_a_vault_without_its_password(run):
    vault = "\n".join(
        [
            "matrix:",
            "  hosts:",
            "    matrix1:",
            "      {}".format(json.dumps(GOOD)[1:-1].replace(", ", "\n      ").replace('": "', '": "')),
            "      matrix_domain: example.com",
            "      matrix_ip: 10.0.0.5",
            "      matrix_shared_secret: !vault |",
            "        $ANSIBLE_VAULT;1.1;AES256",
            "        66643438316263306162343535623561336530353034316363376462373665363533373032343835",
            "        6666336666376231383731653835656339363266393666620a396137383437623233373566316565",
            "        33323463666338303435383166393065623664353161383763383432663433653630316530663031",
            "        3930386234376461370a646464373561326135343761396461363937656537303166363530346261",
            "        3363",
            "",
        ]
    )
    result, contacts = run(None, text=vault)
    assert contacts == 0
    assert len(messages(result)) == 1 and "cannot be decrypted; give the vault's password with" in messages(result)[0]


def test_a_key_in_a_vault(run, tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setenv("ANSIBLE_LOCAL_TEMP", str(tmp_path / "tmp"))
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=x",
            "-addext",
            "subjectAltName=DNS:example.com",
        ]
        + ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "certificate.pem")],
        check=True,
        capture_output=True,
    )
    (tmp_path / "password").write_text("open sesame")
    vault = str(pathlib.Path(sys.executable).with_name("ansible-vault"))
    subprocess.run(
        [vault, "encrypt", "--vault-password-file", "password", "key.pem"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    host = {**GOOD, "matrix_domain": "example.com", "matrix_ip": "10.0.0.5", "matrix_tls_mode": "provided"}
    host.update(
        matrix_tls_certificate="certificate.pem", matrix_tls_key="key.pem", matrix_verify_ca_file="certificate.pem"
    )
    result, contacts = run({"matrix1": host}, "--vault-password-file", "password")
    assert messages(result) == [] and contacts > 0
    left = [path for path in (tmp_path / "tmp").rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
    assert left == []
    result, _contacts = run({"matrix1": host})
    assert len(messages(result)) == 1 and 'matrix_tls_key: "key.pem" cannot be decrypted or read' in messages(result)[0]


NUMBERS = """
matrix:
  hosts:
    matrix1:
      matrix_domain: example.com
      matrix_ip: 10.0.0.5
      matrix_alert_email: admin@example.com
      matrix_ssl_email: admin@example.com
      ansible_connection: recorder
      usual: {port}
      matrix_metrics_port: "{{{{ usual }}}}"
      matrix_node_exporter_port: {port}
      matrix_pot_network_type: public-bridge
      matrix_pot_exported_ports: [{ports}]
      pot_jail_stop_timeout: {port}
      zfs_dataset_mode: {mode}
"""


def test_numbers_that_yaml_reads_otherwise(run):
    result, contacts = run(None, text=NUMBERS.format(port="021621", ports="22:22, 443", mode="0750"))
    assert contacts == 0
    words = {line.split(": ")[1].split()[0]: line for line in messages(result)}
    assert set(words) == {
        "matrix_metrics_port",
        "matrix_node_exporter_port",
        "matrix_pot_exported_ports",
        "pot_jail_stop_timeout",
        "zfs_dataset_mode",
    }
    for name in ("matrix_metrics_port", "matrix_node_exporter_port", "pot_jail_stop_timeout"):
        assert (
            "the value is written 021621 in the inventory, of which YAML makes the number 9105; put it in quotes, as "
            'in "021621"' in words[name]
        )
    assert (
        "is written 22:22 in the inventory, of which YAML makes the number 1342" in words["matrix_pot_exported_ports"]
    )
    assert "is written 0750 in the inventory, of which YAML makes the number 488" in words["zfs_dataset_mode"]


def test_numbers_that_are_what_is_written(run):
    result, contacts = run(
        None,
        text=NUMBERS.format(port="9105", ports='"22:22", 443, 8448', mode='"0750"').replace(
            "matrix_metrics_port", "own_port"
        ),
    )
    assert messages(result) == [] and contacts > 0


def test_an_ansible_that_is_too_old(run, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old/sitecustomize.py").write_text("import ansible.release\nansible.release.__version__ = '2.18.6'\n")
    host = {**GOOD, "ansible_host": "192.0.2.1", "matrix_domain": "example.com", "matrix_ip": "10.0.0.5"}
    result, contacts = run({"matrix1": host}, python=tmp_path / "old")
    assert contacts == 0 and result.returncode == 2
    assert (
        "potluck.matrix needs ansible-core 2.19.1 or newer, but this is 2.18.6; install it as in pip install "
        "'ansible-core>=2.19.1'." in result.stdout + result.stderr
    )


# What passlib 1.7.4 asks of a bcrypt, as version 5 answers: it has no __about__, and a long password is an error to it.
BCRYPT_5 = """
__version__ = "5.0.0"
def gensalt(rounds=12, prefix=b"2b"): return b"$2b$04$" + b"a" * 22
def hashpw(password, salt):
    if len(password) > 72:
        raise ValueError(
            "password cannot be longer than 72 bytes, truncate manually if necessary (e.g. my_password[:72])"
        )
    return salt + b"a" * 31
def checkpw(password, hashed): return hashpw(password, hashed[:29]) == hashed
def kdf(*arguments, **more): raise NotImplementedError
"""


@pytest.mark.parametrize(
    "module, content", [("bcrypt", BCRYPT_5), ("passlib", "raise ImportError('no passlib here')\n")]
)
def test_a_controller_that_cannot_hash(run, tmp_path, module, content):
    (tmp_path / "python" / module).mkdir(parents=True)
    (tmp_path / "python" / module / "__init__.py").write_text(content)
    host = {**GOOD, "ansible_host": "192.0.2.1", "matrix_domain": "example.com", "matrix_ip": "10.0.0.5"}
    hashed = {**host, "matrix_node_exporter_basic_auth_users": {"prometheus": SECRET}}
    result, contacts = run({"matrix1": hashed}, python=tmp_path / "python")
    assert contacts == 0
    (line,) = messages(result)
    assert line.startswith(
        "- matrix1: matrix_node_exporter_basic_auth_users: needs bcrypt hashes, which this controller cannot make ("
    )
    assert line.endswith("; for example pip install passlib 'bcrypt<5'") and SECRET not in result.stdout + result.stderr
    # Nobody who needs no hash needs what makes one.
    result, contacts = run({"matrix1": host}, python=tmp_path / "python")
    assert messages(result) == [] and contacts > 0


def test_a_controller_that_can_hash(run):
    host = {**GOOD, "ansible_host": "192.0.2.1", "matrix_domain": "example.com", "matrix_ip": "10.0.0.5"}
    result, contacts = run({"matrix1": {**host, "matrix_node_exporter_basic_auth_users": {"prometheus": SECRET}}})
    assert messages(result) == [] and contacts > 0


def test_the_whole_table_in_one_run(run):
    hosts, wanted = {}, {}
    # Every value is tried without a run of Ansible elsewhere; here the first two of each variable are.
    cases = [case for _name, found in itertools.groupby(CASES, lambda case: case[0]) for case in list(found)[:2]]
    for number, (name, context, bad, _words) in enumerate(cases):
        # Files are another matter: whether they are good depends on the day.
        if (
            isinstance(bad, Unusable)
            or "\0" in str(bad)
            or any(str(value).endswith((".pem", ".key")) for value in [bad, *context.values()])
        ):
            continue
        host = "server%d" % number
        own = {
            "ansible_connection": "recorder",
            "ansible_host": "machine%d" % number,
            "matrix_domain": "d%d.example" % number,
            "matrix_node_name": "n%d" % number,
        }
        hosts[host] = {**COMPLETE, **own, **context, name: bad}
        wanted[host] = name
    assert len(hosts) > 120
    # The action without its role, which has its own few arguments checked for every host.
    task = {"name": "Check", "potluck.matrix.site_preflight": {}, "delegate_to": "localhost", "run_once": True}
    result, contacts = run(hosts, play={"name": "Check", "hosts": "matrix", "gather_facts": False, "tasks": [task]})
    assert contacts == 0
    found = {}
    for line in messages(result):
        host, variable = line[2:].split(": ")[:2]
        found.setdefault(host, []).append(variable.split()[0])
    assert {host: names[0] for host, names in found.items()} == wanted
    assert {host: names for host, names in found.items() if len(names) > 1} == {}
    assert SECRET not in result.stdout + result.stderr


def test_a_name_that_resembles_no_variable_is_told_of_once(run):
    own = {**GOOD, "ansible_host": "192.0.2.1", "matrix_domain": "{{ matrix_town }}.example.com", "matrix_town": "x"}
    hosts = {
        "matrix1": {**own, "matrix_ip": "10.0.0.5", "matrix_wish": "2G"},
        "matrix2": {
            **own,
            "ansible_host": "192.0.2.2",
            "matrix_ip": "10.0.0.6",
            "matrix_wish": "2G",
            "matrix_town": "y",
        },
    }
    words = (
        "matrix_wish, which is set for matrix1, matrix2, is no variable of this collection, and nothing goes by it; "
        "see docs/variables.md for those that there are; names of your own go into preflight_own_variables"
    )
    result, _contacts = run(hosts)
    told = " ".join((result.stdout + result.stderr).split())
    assert told.count("is no variable of this collection") == 1 and words in told
    for host in hosts.values():
        host["preflight_own_variables"] = ["matrix_wish"]
    result, _contacts = run(hosts)
    assert "is no variable of this collection" not in result.stdout + result.stderr
