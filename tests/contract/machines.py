# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts that recorded commands are run on."""

from __future__ import annotations

import os
import subprocess
import uuid

from captures import COVERAGE, HERE

DOUBLE = HERE.parent / "double" / "double"
PATH = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
TIMEOUT = 120
# The name of the host that a release was recorded on.
HOSTNAMES = {"13.2": "fbsd1.example.test", "15.0": "host.example.test"}


class Machine:
    """A double of a release, named and set up like the recorded host; as a context it runs.

    name: what it is for, part of the double's name; a file coverage/NAME.setup is run in it.
    """

    def __init__(self, name: str, release: str = "13.2"):
        self.release = release
        self.name = f"contract-{name}-{release.replace('.', '-')}-{uuid.uuid4().hex[:6]}"
        self.setup = COVERAGE / f"{name}.setup"

    def __enter__(self) -> Machine:
        command = [
            str(DOUBLE),
            "start",
            self.name,
            "--hostname",
            HOSTNAMES[self.release],
            "--disk",
            "20G",
            "--release",
            self.release,
        ]
        self.address = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        if self.setup.exists():
            result = self.run(f"RELEASE={self.release}\n" + self.setup.read_text(encoding="utf-8"))
            if result.returncode:
                self.__exit__()
                raise RuntimeError(f"{self.setup}: {result.stdout}{result.stderr}")
        return self

    def __exit__(self, *_: object) -> None:
        subprocess.run([str(DOUBLE), "stop", self.name], check=False)

    @property
    def here(self) -> dict[str, str]:
        """What the recorded host's addresses are here, for the commands."""
        return {"10.0.2.15": self.address, "10.0.2.2": self.gateway}

    @property
    def back(self) -> dict[str, str]:
        """What this host's addresses were on the recorded one, for what the commands print."""
        return {self.address: "10.0.2.15", self.gateway: "10.0.2.2"}

    @property
    def gateway(self) -> str:
        """The host's router, which is its name server as well."""
        return self.address.rpartition(".")[0] + ".1"

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """A command as the captures were made: sh -c as root, no standard input, that PATH."""
        return subprocess.run(
            [str(DOUBLE), "exec", self.name, "--", "/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=TIMEOUT,
            check=False,
            env={**os.environ, "TERM": "su"},
        )
