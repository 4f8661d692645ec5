# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The filters as Ansible runs them: every example of their documentation, and what a bad value looks like to a user."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

ROOT = pathlib.Path(__file__).parents[4]
FILTERS = [
    "addresses",
    "consul_config",
    "consul_servers",
    "consul_services",
    "divided_settings",
    "controller_files",
    "email_config",
    "external_database",
    "gossip_key",
    "homeserver_config",
    "ldap_dn",
    "ldap_domain_parts",
    "ldap_module_config",
    "mail_address",
    "pot_plan",
    "reported",
    "rollout_batches",
    "rollout_stopped",
    "smtp_tls_mode",
    "supported_core",
    "url_host",
    "within_networks",
]


def run_play(directory, tasks, *arguments):
    """Run tasks on the controller; the finished process, its output in one text."""
    playbook = directory / "play.yml"
    playbook.write_text(
        yaml.safe_dump(
            [{"name": "Try", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]
        )
    )
    command = [
        str(pathlib.Path(sys.executable).with_name("ansible-playbook")),
        "-i",
        "localhost,",
        *arguments,
        str(playbook),
    ]
    environment = dict(
        os.environ, ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".ansible/collections"), ANSIBLE_LOCALHOST_WARNING="False"
    )
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def documentation():
    """What ansible-doc knows of all the filters."""
    command = [str(pathlib.Path(sys.executable).with_name("ansible-doc")), "--json", "-t", "filter"]
    environment = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".ansible/collections"))
    return json.loads(
        subprocess.check_output(command + ["potluck.matrix." + name for name in FILTERS], env=environment)
    )


def test_the_examples_hold(tmp_path, documentation):
    tasks = [task for name in FILTERS for task in yaml.safe_load(documentation["potluck.matrix." + name]["examples"])]
    assert len(tasks) >= len(FILTERS)
    result = run_play(tmp_path, tasks)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "ok=%d" % len(tasks) in result.stdout


def test_a_bad_value_ends_in_one_sentence(tmp_path):
    result = run_play(
        tmp_path,
        [
            {
                "name": "Bad",
                "ansible.builtin.debug": {"msg": "{{ '10.0.0.2,10.0.0.300' | potluck.matrix.consul_servers }}"},
            }
        ],
    )
    assert result.returncode == 2
    sentence = 'Item 2 "10.0.0.300" of the Consul servers is not an IP address; write for example "10.0.0.2,10.0.0.3".'
    assert sentence in " ".join((result.stdout + result.stderr).split())
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_is_documented(documentation, name):
    entry = documentation["potluck.matrix." + name]
    assert entry["doc"]["short_description"] and entry["examples"] and entry["return"]["_value"]["description"]


def test_vaults_come_out_as_plain_text(tmp_path):
    (tmp_path / "password").write_text("vault-password")
    secret = VaultSecret(b"vault-password")
    vaulted = VaultLib([("default", secret)]).encrypt("hidden word", secret).decode()
    block = "!vault |\n" + "".join(f"      {line}\n" for line in vaulted.splitlines())
    (tmp_path / "vars.yml").write_text(
        "word: " + block + "mail:\n  smtp_host: mail.example.com\n  smtp_port: 25\n  smtp_user: matrix\n"
        "  smtp_tls: starttls\n  smtp_tls_name: ''\n  mail_app_name: ''\n  mail_client_url: ''\n  mail_subjects: {}\n"
        "  smtp_from: matrix@example.com\n  smtp_notifications: false\n  smtp_password: " + block
    )
    that = ["email.smtp_user == 'hidden word'", "(email | to_nice_yaml | from_yaml).smtp_pass == 'hidden word'"]
    task = {"name": "Look", "ansible.builtin.assert": {"that": that}}
    task["vars"] = {"lazy": {"smtp_user": "{{ word }}"}}
    task["vars"]["email"] = "{{ (mail | combine(lazy) | potluck.matrix.email_config).email }}"
    arguments = ["--vault-password-file", str(tmp_path / "password"), "-e", "@" + str(tmp_path / "vars.yml")]
    result = run_play(tmp_path, [task], *arguments)
    assert result.returncode == 0, result.stdout + result.stderr
