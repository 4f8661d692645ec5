# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
DOUBLE = TOP / "tests/double/double"
sys.path.insert(0, str(TOP / "tests/tools"))

from deployment import environment
from outcome import Outcome


class Lab:
    """Doubles, an inventory of servers on them, and Ansible."""

    def __init__(self, directory):
        self.directory = directory
        self.addresses = {}
        self.servers = {}
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / "key"], check=True)
        self.environment = environment(
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_DISPLAY_SKIPPED_HOSTS="true",
            ANSIBLE_SSH_CONTROL_PATH_DIR=str(directory / "cp"),
        )

    def double(self, *arguments, check=True):
        return subprocess.run([DOUBLE, *arguments], check=check, capture_output=True, text=True).stdout

    def start(self, *machines, disk="4G", options=()):
        for machine in machines:
            name = f"rollout-{os.getpid()}-{machine}"
            self.addresses[machine] = self.double(
                "start", name, "--disk", disk, "--ssh-key", str(self.directory / "key.pub"), *options
            ).split()[-1]

    def stop(self):
        self.double("stop", *(f"rollout-{os.getpid()}-{machine}" for machine in self.addresses))

    def power(self, verb, machine, *options):
        self.double(verb, f"rollout-{os.getpid()}-{machine}", *options)

    def run(self, machine, script, check=True):
        """Standard output of a shell script run as root on the host, around Ansible."""
        return self.double("exec", f"rollout-{os.getpid()}-{machine}", "--", "/bin/sh", "-c", script, check=check)

    def serve(self, server, machine, **variables):
        base, last = self.addresses[machine].rsplit(".", 1)
        index = len([name for name in self.servers if self.servers[name]["machine"] == machine])
        self.servers[server] = dict(
            machine=machine,
            ansible_host=self.addresses[machine],
            matrix_dataset=f"zroot/{server}",
            matrix_ip=f"{base}.{int(last) % 40 + 100 + 40 * index}",
            **variables,
        )

    def inventory(self):
        common = {
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.directory / "key"),
            "matrix_alert_email": "admin@example.test",
            "ansible_ssh_common_args": (
                f"-o StrictHostKeyChecking=no -o UserKnownHostsFile={self.directory}/known_hosts -o LogLevel=ERROR"
            ),
        }
        path = self.directory / "inventory.json"
        path.write_text(json.dumps({"matrix": {"vars": common, "hosts": self.servers}}), encoding="utf-8")
        return str(path)

    def command(self, *arguments, playbook=HERE / "machines.yml"):
        return ["ansible-playbook", "-i", self.inventory(), str(playbook), *arguments]

    def play(self, *arguments, **options):
        done = subprocess.run(
            self.command(*arguments, **options),
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Outcome(done.returncode, done.stdout + done.stderr)

    def killed_play(self, task):
        """Start a play and kill all of it when the task of that number has begun, as a power cut on the controller
        would.
        """
        log = self.directory / "killed.log"
        with log.open("w", encoding="utf-8") as stream:
            process = subprocess.Popen(
                self.command(),
                env=self.environment,
                stdout=stream,
                stderr=stream,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        while process.poll() is None:
            if log.read_text(encoding="utf-8").count("\nTASK [") >= task:
                # Somewhere inside of the task rather than at its very beginning.
                time.sleep(0.3)
                break
            time.sleep(0.02)
        killed = process.poll() is None
        if killed:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            # The shared ssh connections are processes of sessions of their own; on a power cut they would be gone as
            # well.
            for path in (self.directory / "cp").glob("*"):
                subprocess.run(
                    ["ssh", "-O", "exit", "-o", f"ControlPath={path}", "machine"], capture_output=True, check=False
                )
            time.sleep(0.2)
        return killed


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("rollout"))
    try:
        yield lab
    finally:
        lab.stop()
