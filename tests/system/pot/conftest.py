# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A FreeBSD host on which the modules pot and pot_info run as Ansible runs them: over ssh, with FreeBSD's Python."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

TOP = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/tools"))

from deployment import environment

DOUBLE = str(TOP / "tests/double/double")
PYTHON = "/usr/local/bin/python3.11"


class Machine:
    """A double with Python and pot ready, and Ansible to reach it."""

    def __init__(self, directory):
        self.name = "potmodule-%d" % os.getpid()
        try:
            self.prepare(directory)
        except BaseException:
            self.stop()
            raise

    def stop(self):
        self.double("stop", self.name, check=False)

    def prepare(self, directory):
        self.directory = directory
        key = directory / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        self.address = self.double("start", self.name, "--ssh-key", str(key) + ".pub").split()[-1]
        self.inventory = directory / "inventory"
        self.inventory.write_text(
            f"machine ansible_host={self.address} ansible_user=root ansible_ssh_private_key_file={key} "
            f"ansible_python_interpreter={PYTHON} "
            "ansible_ssh_common_args='-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR'\n"
        )
        self.environment = environment(
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_DISPLAY_SKIPPED_HOSTS="true",
            ANSIBLE_LOAD_CALLBACK_PLUGINS="1",
            ANSIBLE_STDOUT_CALLBACK="ansible.posix.json",
            ANSIBLE_SSH_CONTROL_PATH_DIR=str(directory / "cp"),
        )
        self.sh("env ASSUME_ALWAYS_YES=yes pkg bootstrap; pkg install -y pot python311")
        self.extif = self.sh("route -n get default | sed -n 's/.*interface: //p'").strip() or "vtnet0"
        # Pot's usual network contains the host's own address, and pf would cut the connection at the first pot on a
        # bridge.
        settings = ["EXTIF=" + self.extif, "NETWORK=172.20.0.0/16", "NETMASK=255.255.0.0", "GATEWAY=172.20.0.1"]
        self.sh(
            "pw groupshow pot > /dev/null 2>&1 || pw groupadd pot; printf 'POT_%s\\n' {} > "
            "/usr/local/etc/pot/pot.conf; pot init -m".format(" ".join(settings))
        )
        self.release = self.sh("freebsd-version -u").split("-")[0]
        prefix, last = self.address.rsplit(".", 1)
        # Far from the addresses that doubles get by themselves.
        self.addresses = ["%s.%d" % (prefix, 120 + int(last) % 25 * 5 + i) for i in range(5)]

    def double(self, *arguments, check=True):
        done = subprocess.run(
            [DOUBLE, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        assert done.returncode == 0 or not check, (arguments, done.stdout, done.stderr)
        return done.stdout

    def sh(self, script, check=True):
        """Standard output of a script run on the host, around Ansible."""
        return self.double("exec", self.name, "--", "/bin/sh", "-c", script, check=check)

    def start(self, module, *flags, **arguments):
        argv = [
            "ansible",
            "machine",
            "-i",
            str(self.inventory),
            "-m",
            "potluck.matrix." + module,
            "-a",
            json.dumps(arguments),
            *flags,
        ]
        return subprocess.Popen(
            argv,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            stdin=subprocess.DEVNULL,
        )

    @staticmethod
    def result(process):
        out, err = process.communicate(timeout=300)
        assert out.lstrip().startswith("{"), (out, err)
        result = json.loads(out)["plays"][0]["tasks"][0]["hosts"]["machine"]
        result["output"] = out + err
        return result

    def module(self, module, *flags, **arguments):
        return self.result(self.start(module, *flags, **arguments))

    def pot(self, name, check=False, **arguments):
        return self.module("pot", *(["--check"] if check else []), name=name, timeout=120, **arguments)

    def good(self, name, check=False, **arguments):
        result = self.pot(name, check, **arguments)
        assert not result.get("failed"), result["msg"]
        return result

    def bad(self, name, **arguments):
        result = self.pot(name, **arguments)
        assert result.get("failed"), result["output"]
        return result["msg"]


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    it = Machine(tmp_path_factory.mktemp("machine"))
    yield it
    it.stop()


@pytest.fixture(name="name")
def fixture_name(machine, request):
    """A pot's name of this test's own; the pot is gone afterwards."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name.replace("test_", ""))[:30].strip("-")
    yield name
    machine.sh(f"pot stop {name} > /dev/null; pot destroy -Fp {name} > /dev/null; true")
