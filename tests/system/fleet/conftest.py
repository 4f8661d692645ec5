# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Homeservers on some hosts, playbooks that work on all of them, and clients of each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/tools"))

from fleet import Fleet
from matrix_client import Homeserver
from outcome import Outcome

NEWER = {"matrix_pkg_repository_url": "http://pkg.example.test/FreeBSD:13:amd64/latest"}
OLD, NEW = "1.135.0", "1.163.2"


class Servers(Fleet):
    """The homeservers s1, s2 and so on, by turns on the hosts, and what is asked of them."""

    def __init__(self, place, servers, hosts):
        super().__init__(place, servers, hosts)
        self.special = {name: {} for name in self.names}
        self.tokens, self.keys = {}, {}
        self.report = self.place / "report.json"
        self.log = self.place / "run.log"

    def machine(self, name):
        return self.machines[self.names.index(name) % len(self.machines)]

    def begin(self, playbook, *arguments, **variables):
        """Start a playbook in a session of its own, which prints into the file log."""
        self.report.unlink(missing_ok=True)
        given = json.dumps({"matrix_report_file": str(self.report), **variables})
        with open(self.log, "wb") as stream:
            return subprocess.Popen(
                self.command(f"potluck.matrix.{playbook}", self.inventory(len(self.names)), "-e", given, *arguments),
                env=self.environment(ANSIBLE_NOCOLOR="1"),
                cwd=TOP,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def play(self, playbook, *arguments, **variables):
        """Run a playbook; (outcome, {server: what the report says of it})."""
        process = self.begin(playbook, *arguments, **variables)
        try:
            code = process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        told = json.loads(self.report.read_text(encoding="utf-8"))["servers"] if self.report.exists() else []
        return Outcome(code, self.log.read_text(encoding="utf-8")), {each["server"]: each for each in told}

    def client(self, name):
        roots = self.variables["matrix_verify_ca_file"]
        return Homeserver(f"https://{self.domains[name]}", ca=roots, address=self.jails[name])

    def log_in(self, name):
        client = self.client(name)
        self.tokens[name] = client.login("admin", self.machine(name).remembered("admin"))
        self.keys[name] = client.federation_key()
        return client

    def goes_on(self, name):
        """A session from before a change goes on, with the same signing key."""
        client = self.client(name)
        assert client.use_token(self.tokens[name]) == "@admin:" + self.domains[name]
        assert client.federation_key() == self.keys[name]
        return client

    def version(self, name):
        return self.client(name).call("GET", "/_matrix/federation/v1/version").json()["server"]["version"]

    def versions(self):
        return {name: self.version(name) for name in self.names}
