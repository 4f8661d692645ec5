# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's facts about the double are those it gathered on the recorded host."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import replay

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip"), reason="the double needs root and iproute2"
)

# What belongs to one host and one moment: here only the presence and the type are compared.
VOLATILE = {
    "ansible_all_ipv4_addresses",
    "ansible_date_time",
    "ansible_default_ipv4",
    "ansible_dns",
    "ansible_env",
    "ansible_loadavg",
    "ansible_machine_id",
    "ansible_memfree_mb",
    "ansible_memtotal_mb",
    "ansible_mounts",
    "ansible_processor_count",
    "ansible_python",
    "ansible_python_version",
    "ansible_ssh_host_key_ecdsa_public",
    "ansible_ssh_host_key_ed25519_public",
    "ansible_ssh_host_key_rsa_public",
    "ansible_uptime_seconds",
    "ansible_vtnet0",
    "discovered_interpreter_python",
    "gather_subset",
    "module_setup",
}
PYTHON = "/usr/local/bin/python3.11"
# Of the environment, what the run of the test itself does not bring along.
ENVIRONMENT = (
    "BLOCKSIZE",
    "GROUP",
    "HOME",
    "HOSTTYPE",
    "LANG",
    "LOGNAME",
    "MM_CHARSET",
    "PATH",
    "SHELL",
    "USER",
    "VENDOR",
)


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict:
    """Gathered over ssh, as the recorded ones."""
    directory = tmp_path_factory.mktemp("facts")
    key = directory / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with replay.Machine("facts") as machine:
        public = Path(f"{key}.pub").read_text(encoding="utf-8").strip()
        machine.run(f"echo '{public}' >> /root/.ssh/authorized_keys").check_returncode()
        machine.run("env ASSUME_ALWAYS_YES=yes pkg install -y python311").check_returncode()
        options = "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
        result = subprocess.run(
            [
                str(
                    Path(
                        shutil.which("ansible", path=f"{replay.HERE.parents[1]}/.venv/bin:{os.environ['PATH']}")
                        or "ansible"
                    )
                ),
                "all",
                "--inventory",
                f"{machine.address},",
                "--user",
                "root",
                "--private-key",
                str(key),
                f"--ssh-common-args={options}",
                "--module-name",
                "ansible.builtin.setup",
                "--extra-vars",
                f"ansible_python_interpreter={PYTHON}",
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"},
        )
    assert result.returncode == 0, result.stdout + result.stderr
    return json.loads(result.stdout.partition("=>")[2])["ansible_facts"]


@pytest.fixture(scope="module")
def recorded() -> dict:
    """What the real host said."""
    return json.loads((replay.CAPTURES / "13.2/facts-host.json").read_text(encoding="utf-8"))


def test_same_facts(facts: dict, recorded: dict) -> None:
    """Every fact that does not belong to one host or moment."""
    expected = {name: value for name, value in recorded.items() if name not in VOLATILE}
    actual = {name: value for name, value in facts.items() if name not in VOLATILE}
    assert actual == expected


def test_volatile_facts_have_their_shape(facts: dict, recorded: dict) -> None:
    """The rest is there and of the recorded type."""
    for name in VOLATILE - {"discovered_interpreter_python", "gather_subset", "module_setup"}:
        assert isinstance(facts.get(name), type(recorded[name])), name


def test_network(facts: dict, recorded: dict) -> None:
    """The default route leads through vtnet0, described in the same words."""
    ours, theirs = facts["ansible_default_ipv4"], recorded["ansible_default_ipv4"]
    assert set(ours) == set(theirs)
    for name in ("interface", "flags", "media", "mtu", "netmask", "status", "type", "options"):
        assert ours[name] == theirs[name], name
    assert ours["address"] == facts["ansible_all_ipv4_addresses"][0]


def test_environment(facts: dict, recorded: dict) -> None:
    """root logs in with csh and FreeBSD's login class."""
    for name in ENVIRONMENT:
        assert facts["ansible_env"].get(name) == recorded["ansible_env"][name], name
