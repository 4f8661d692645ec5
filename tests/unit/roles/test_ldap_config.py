# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What role ldap_auth writes for Synapse's LDAP module, read by the module's own reader in each version there is."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import subprocess
import sys

import pytest
import yaml
from file_lists import writing

ROOT = pathlib.Path(__file__).resolve().parents[3]
CACHE = pathlib.Path(os.environ.get("POTLUCK_CACHE", pathlib.Path.home() / ".cache" / "potluck-matrix")) / "packages"
BASE = {
    "matrix_ldap_server": "ldap.example.com",
    "matrix_ldap_domain": "corp.example.com",
    "matrix_ldap_password": "secret-word",
}
# name: (variables, what the module makes of them)
CASES = {
    "search": (
        {},
        {
            "mode": "search",
            "bind_dn": "cn=Manager,dc=corp,dc=example,dc=com",
            "uri": "ldap://127.0.0.1:3890",
            "start_tls": True,
        },
    ),
    "simple": (
        {"matrix_ldap_mode": "simple", "matrix_ldap_tls": "ldaps"},
        {"mode": "simple", "uri": "ldaps://127.0.0.1:3890", "start_tls": False},
    ),
    "plain": ({"matrix_ldap_tls": "none"}, {"start_tls": False}),
    "ipv6": ({"matrix_ip": "2001:db8::5"}, {"uri": "ldap://[::1]:3890"}),
    "active directory": (
        {
            "matrix_ldap_active_directory": True,
            "matrix_ldap_default_domain": "corp.example.com",
            "matrix_ldap_bind_dn": "CORP\\reader",
            "matrix_ldap_attribute_uid": "sAMAccountName",
            "matrix_ldap_filter": "(objectClass=user)",
        },
        {
            "active_directory": True,
            "default_domain": "corp.example.com",
            "bind_dn": "CORP\\reader",
            "filter": "(objectClass=user)",
        },
    ),
}
PREFLIGHT = {
    "ansible.builtin.include_role": {"name": "potluck.matrix.ldap_auth", "tasks_from": "preflight.yml", "public": True}
}
DIRECTORY = "{{ target }}/{{ inventory_hostname | hash('md5') }}"
WRITING = writing("ldap_auth", "service.yml", "Give Synapse the module", DIRECTORY)
PLAYBOOK = yaml.safe_dump([{"hosts": "all", "gather_facts": False, "tasks": [PREFLIGHT, WRITING]}])
READER = """
import json, sys
from ldap_auth_provider import LdapAuthProviderModule
out = {}
for case, config in json.load(sys.stdin).items():
    config.pop("bind_password_file", None)
    if "bind_dn" in config:
        config["bind_password"] = "x"
    out[case] = vars(LdapAuthProviderModule.parse_config(config))
    # A tuple of one word, in all its versions.
    (out[case]["mode"],) = out[case]["mode"]
print(json.dumps(out))
"""


def modules():
    """[(version of the LDAP module, path for PYTHONPATH)] of every Synapse there is on this machine."""
    packages = sorted(CACHE.glob("**/matrix_synapse_ldap3-*.dist-info"))
    return [
        (package.name.split("-")[1].removesuffix(".dist"), "{}:{}".format(package.parent, package.parents[1] / "site"))
        for package in packages
    ]


def test_the_module_of_every_packaged_synapse_is_among_them():
    found = {pathlib.Path(path.split(":")[1]).parent.name for _version, path in modules()}
    if not found:
        pytest.skip("tests/double/prepare has not run")
    package = json.loads((ROOT / "tests/double/packages/py311-matrix-synapse/package.json").read_text())
    assert {
        "synapse-" + version
        for version in (package["version"], *(branch["version"] for branch in package["branches"].values()))
    } <= found


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    directory = tmp_path_factory.mktemp("ldap")
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "target": str(directory),
        **BASE,
    }
    (directory / "inventory.yml").write_text(
        yaml.safe_dump({"all": {"hosts": {name: {**common, **values} for name, (values, _read) in CASES.items()}}})
    )
    (directory / "play.yml").write_text(PLAYBOOK)
    run = subprocess.run(
        [
            pathlib.Path(sys.executable).with_name("ansible-playbook"),
            "-i",
            directory / "inventory.yml",
            directory / "play.yml",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections"), **os.environ},
    )
    assert run.returncode == 0, run.stdout[-4000:]
    found = {}
    for name in CASES:
        text = (directory / hashlib.md5(name.encode()).hexdigest() / "ldap.yaml").read_text()
        (module,) = yaml.safe_load(text)["modules"]
        assert module["module"] == "ldap_auth_provider.LdapAuthProviderModule"
        found[name] = module["config"]
    return found


@pytest.mark.parametrize(
    "version, path",
    modules() or [pytest.param("", "", marks=pytest.mark.skip(reason="tests/double/prepare has not run"))],
)
def test_the_module_reads_what_is_meant(written, version, path):
    run = subprocess.run(
        [sys.executable, "-B", "-c", READER],
        input=json.dumps(written),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert run.returncode == 0, run.stderr
    read = json.loads(run.stdout)
    for name, (_variables, expected) in CASES.items():
        assert {key: read[name].get(key) for key in expected} == expected, name


@pytest.mark.parametrize("value", ["y", "t", "true ", 1.0, "enabled"])
def test_what_might_switch_verification_off_is_refused(tmp_path, value):
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    variables = {**BASE, "matrix_ldap_validate_certs": value, "target": str(tmp_path)}
    (tmp_path / "variables.json").write_text(json.dumps(variables))
    run = subprocess.run(
        [
            pathlib.Path(sys.executable).with_name("ansible-playbook"),
            "-i",
            "localhost,",
            "-c",
            "local",
            "-e",
            "@variables.json",
            "play.yml",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections")},
    )
    assert run.returncode == 2 and "for example matrix_ldap_validate_certs: true" in run.stdout
