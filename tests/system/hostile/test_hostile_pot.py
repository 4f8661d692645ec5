# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pot in an adversary's hands against every playbook: nothing happens on the controller or the host that a
friendly pot would not cause.
"""

from __future__ import annotations

import subprocess

import pytest

from .conftest import PLAYBOOKS, TOP, WORD, check, read_notes, watched


def test_the_watch_sees_what_ansible_reads_and_starts(tmp_path):
    (tmp_path / "canary").write_text(WORD)
    message = (
        f"{{{{ lookup('ansible.builtin.file', '{tmp_path}/canary') }}}}{{{{ lookup('ansible.builtin.pipe', 'true "
        f"{WORD}') }}}}"
    )
    environment = watched(tmp_path / "notes", ANSIBLE_LOCALHOST_WARNING="false")
    command = [TOP / ".venv/bin/ansible", "localhost", "-m", "debug", "-a", f'msg="{message}"']
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert WORD in done.stdout.decode(), done.stderr
    opened, started = read_notes(tmp_path / "notes")
    assert str(tmp_path / "canary") in opened
    assert any(WORD in line for line in started)


@pytest.fixture(scope="module")
def poison(hostile):
    """What the pot says, and the canaries that it would have read, written or run."""
    read, vaulted, touched = (hostile.place / name for name in ("canary", "canary-vaulted", "canary-touched"))
    read.write_text(WORD)
    vaulted.write_text(WORD)
    subprocess.run(
        [TOP / ".venv/bin/ansible-vault", "encrypt", "--vault-password-file", hostile.password, vaulted],
        check=True,
        capture_output=True,
    )
    hostile.inside("/bin/sh", "-c", f"mkdir -p /root/canary && echo {WORD} >/root/canary/file")
    template = (
        f"{{{{ lookup('ansible.builtin.pipe', 'touch {touched}') }}}}{{{{ lookup('ansible.builtin.file', '{read}') }}}}"
    )
    variables = {
        "matrix_remote_log": "127.0.0.1",
        "matrix_remote_log_protocol": "tls",
        "matrix_remote_log_ca_file": str(read),
        "remote_log_ca_file": str(read),
        "matrix_consul_servers": [hostile.address],
        "matrix_consul_key_file": str(vaulted),
        "consul_agent_key_file": str(vaulted),
        "matrix_smtp_ca_file": str(read),
        "synapse_smtp_ca_file": str(read),
        "matrix_ldap_ca_file": str(read),
        "ldap_auth_ca_file": str(read),
        "tls_acme_ca_file": str(read),
        "matrix_pot_mounts": [{"source": "/", "target": "/host"}],
        "pot_jail_mounts": [{"source": "/", "target": "/host"}],
        "matrix_pot_name": "other",
        "matrix_dataset": "zroot/other",
        "matrix_accounts": [{"name": "evil", "admin": True, "password": "evil-password"}],
        "matrix_pot_pkg": template,
        "synapse_settings": {"x": template},
        "matrix_hosts": "all",
        "ansible_connection": "local",
        "ansible_host": "127.0.0.1",
        "ansible_pot_name": "other",
        "ansible_pot_host_connection": "local",
        "ansible_pot_privilege_command": "sudo",
        "ansible_python_interpreter": "/root/canary/file",
        "ansible_become": True,
        "ansible_ssh_common_args": f"-o ProxyCommand='touch {touched}'",
        "ansible_ssh_executable": f"touch {touched}",
        "discovered_interpreter_python": "/root/canary/file",
        "ansible_discovered_interpreter_python": "/root/canary/file",
        "__verify_machine_failures": [],
        "__pot_jail_ready": False,
        "__bootstrap_ready": False,
    }
    return {
        "template": template,
        "ansible_facts": variables,
        "_ansible_facts_cacheable": True,
        "ansible_facts_cacheable": True,
        "add_host": {"host_name": "evil", "groups": ["matrix"], "host_vars": variables},
        "add_group": "evil",
        "parent_groups": ["matrix"],
        "ansible_stats": {"data": {"evil": template}, "per_host": False, "aggregate": False},
        "_ansible_notify": ["evil"],
        "failed_when_result": False,
        "invocation": {"module_args": {"ansible_facts": variables}},
        "warnings": [template],
        "ansible_included_var_files": [str(read)],
        "include": str(read),
        "include_variables": variables,
        "trusted": {"x": {"ansible_facts": variables, "_ansible_no_log": False}},
    }


@pytest.mark.parametrize(
    "way, playbook",
    [*(("everything", playbook) for playbook in PLAYBOOKS), ("wrapped", "verify")],
)
def test_no_result_of_a_pot_moves_controller_or_machine(hostile, poison, way, playbook):
    before = hostile.look()
    hostile.hand_over(way, poison)
    try:
        outcome, opened, started = hostile.play(playbook)
    finally:
        hostile.take_back()
    check(hostile, before, outcome, opened, started)


@pytest.mark.parametrize(
    "way, sentence",
    [
        ("unreadable", "ended in the pot without a result that can be used"),
        ("endless", "sent more than the 16777216 bytes"),
        ("deep", "nested more than 64 deep"),
        ("terminal", r"\x1b[2J\x1b]0;owned\x07all is well"),
    ],
)
def test_answers_that_are_none_end_the_run_in_a_sentence(hostile, poison, way, sentence):
    before = hostile.look()
    hostile.hand_over(way, poison)
    try:
        outcome, opened, started = hostile.play("accounts")
    finally:
        hostile.take_back()
    assert outcome.code == 2 and sentence in outcome.words, outcome
    assert not [
        character
        for character in outcome.output
        if ord(character) < 32 and character not in "\n\t" or 127 <= ord(character) < 160
    ]
    check(hostile, before, outcome, opened, started)


def test_the_pot_is_well_when_it_is_friendly_again(hostile):
    outcome = hostile.play("site")[0]
    assert outcome.code == 0, outcome
