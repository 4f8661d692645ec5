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

ROOT = pathlib.Path(__file__).parents[4]
FILTERS = ["consul_servers", "gossip_key", "ldap_dn", "ldap_domain_parts", "mail_address", "smtp_tls_mode"]


def run_play(directory, tasks):
    """Run tasks on the controller; the finished process, its output in one text."""
    playbook = directory / "play.yml"
    playbook.write_text(yaml.safe_dump([{"name": "Try", "hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}]))
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "-i", "localhost,", str(playbook)]
    environment = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".ansible/collections"), ANSIBLE_LOCALHOST_WARNING="False")
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def documentation():
    """What ansible-doc knows of all the filters."""
    command = [str(pathlib.Path(sys.executable).with_name("ansible-doc")), "--json", "-t", "filter"]
    environment = dict(os.environ, ANSIBLE_COLLECTIONS_PATH=str(ROOT / ".ansible/collections"))
    return json.loads(subprocess.check_output(command + ["potluck.matrix." + name for name in FILTERS], env=environment))


def test_the_examples_hold(tmp_path, documentation):
    tasks = [task for name in FILTERS for task in yaml.safe_load(documentation["potluck.matrix." + name]["examples"])]
    assert len(tasks) >= len(FILTERS)
    result = run_play(tmp_path, tasks)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "ok=%d" % len(tasks) in result.stdout


def test_a_bad_value_ends_in_one_sentence(tmp_path):
    result = run_play(tmp_path, [{"name": "Bad", "ansible.builtin.debug": {"msg": "{{ '10.0.0.2,10.0.0.300' | potluck.matrix.consul_servers }}"}}])
    assert result.returncode == 2
    sentence = 'Item 2 "10.0.0.300" of the Consul servers is not an IP address; write for example "10.0.0.2,10.0.0.3".'
    assert sentence in " ".join((result.stdout + result.stderr).split())
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_is_documented(documentation, name):
    entry = documentation["potluck.matrix." + name]
    assert entry["doc"]["short_description"] and entry["examples"] and entry["return"]["_value"]["description"]
