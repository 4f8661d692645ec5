# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with three pots: chat has Python, bare has none, halted does not run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.plugins.loader import init_plugin_loader

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/tools"))

from deployment import environment

HERE = Path(__file__).resolve().parent
DOUBLE = TOP / "tests/double/double"
# An address of the doubles' network that none of them ever gets.
NOBODY = "10.199.0.254"

SETUP = """
set -e
export ASSUME_ALWAYS_YES=yes
release=$(freebsd-version | cut -d- -f1)
pkg install -y pot doas sudo >/dev/null
echo 'POT_EXTIF=vtnet0' >> /usr/local/etc/pot/pot.conf
pot init >/dev/null
for pot in chat bare halted; do pot create -p $pot -t single -b $release -N inherit >/dev/null; done
for pot in chat bare; do env -i PATH="$PATH" pot start -p $pot >/dev/null; done
jexec -l chat env ASSUME_ALWAYS_YES=yes pkg install -y python311 doas sudo >/dev/null
echo 'permit nopass root' | jexec -l chat /bin/sh -c 'cat > /usr/local/etc/doas.conf'
jexec -l chat pw useradd -n somebody -u 2000 -m -s /bin/sh
pw useradd -n login -u 2000 -m -s /bin/csh
pw useradd -n plain -u 2001 -m -s /bin/sh
pw useradd -n admin -u 2002 -m -s /bin/csh
echo secret | pw usermod -n admin -h 0
printf 'permit nopass login cmd /usr/sbin/jexec\npermit nopass admin as root\n' > /usr/local/etc/doas.conf
echo 'login ALL=(ALL) NOPASSWD: /usr/sbin/jexec' > /usr/local/etc/sudoers.d/login
echo 'admin ALL=(ALL) ALL' > /usr/local/etc/sudoers.d/admin
for user in login plain admin; do
  mkdir -p /home/$user/.ssh
  cp /root/.ssh/authorized_keys /home/$user/.ssh/
  chown -R $user /home/$user/.ssh
  chmod 700 /home/$user/.ssh
done
"""


class Machine:
    """The double, and Ansible on this side."""

    def __init__(self, directory):
        self.directory = directory
        self.name = "connection-%d" % os.getpid()
        self.key = directory / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        self.address = self._double("start", self.name, "--ssh-key", str(self.key) + ".pub").split()[-1]
        self.environment = environment(
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_DISPLAY_SKIPPED_HOSTS="true",
            ANSIBLE_SSH_CONTROL_PATH_DIR=str(directory / "cp"),
        )

    def _double(self, *arguments):
        done = subprocess.run([DOUBLE, *arguments], check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def stop(self):
        self._double("stop", self.name)

    def run(self, script):
        """Standard output of a shell script that root runs on the host, not through Ansible."""
        return self._double("exec", self.name, "--", "/bin/sh", "-c", script)

    def variables(self, pot, **more):
        """Inventory variables of a pot on this host."""
        return {
            "ansible_connection": "potluck.matrix.pot",
            "ansible_pot_name": pot,
            "ansible_host": self.address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_python_interpreter": "/usr/local/bin/python3.11",
            "ansible_ssh_common_args": (
                f"-o StrictHostKeyChecking=no -o UserKnownHostsFile={self.directory}/known_hosts -o LogLevel=ERROR"
            ),
            "ansible_timeout": 5,
            **more,
        }

    def begin(self, program, hosts, *arguments, **environment):
        """Start ansible or ansible-playbook for hosts {name: variables}: the process, whose output is a pipe."""
        inventory = self.directory / "inventory.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
        return subprocess.Popen(
            [program, "-i", str(inventory), *arguments],
            env={**self.environment, **environment},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def ansible(self, program, hosts, *arguments, **environment):
        """Run ansible or ansible-playbook to its end: (exit code, output)."""
        with self.begin(program, hosts, *arguments, **environment) as process:
            output = process.communicate()[0]
        return process.returncode, output


@pytest.fixture(scope="package")
def machine(tmp_path_factory):
    init_plugin_loader([])
    machine = Machine(tmp_path_factory.mktemp("machine"))
    try:
        machine.run(SETUP)
        yield machine
    finally:
        machine.stop()
