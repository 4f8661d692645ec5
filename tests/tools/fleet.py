# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Doubles with several homeservers each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from deployment import DOUBLE, TOP, Deployment, authority, output

NEIGHBOUR = "10.199.0.12"
RELAY = TOP / "tests/bench/relay.py"


def disconnect(directory):
    """End the shared connections whose control sockets are in a directory."""
    for path in Path(directory).glob("*"):
        subprocess.run(["ssh", "-O", "exit", "-o", f"ControlPath={path}", "bench"], capture_output=True, check=False)


def delayed(common, delay):
    """Arguments of ssh, those that there are with what makes a way there and back take so many seconds longer."""
    return f"{common} -o 'ProxyCommand={sys.executable} {RELAY} %h %p {delay / 2}'" if delay else common


class Fleet:
    """Homeservers of the smallest kind on some doubles, with a certificate from an ACME CA each.

    place: a directory for keys and inventories; servers: how many at most; hosts: how many doubles, on which they are
    by turns; special: variables of single servers, by their names s1, s2 and so on.
    """

    def __init__(self, place, servers, hosts=4, special=None):
        self.place, self.special = Path(place), special or {}
        self.names = [f"s{number}" for number in range(1, servers + 1)]
        self.jails = {name: f"10.199.0.{100 + number}" for number, name in enumerate(self.names)}
        self.domains = {name: f"{name}.bench.test" for name in self.names}
        self.machines = [
            Deployment(
                self.place / f"bench{number}",
                "",
                (f"bench{number}", f"10.199.0.{60 + number}"),
                "",
                ("bench", NEIGHBOUR),
                [],
            )
            for number in range(min(hosts, servers))
        ]
        self.variables = {}

    def start(self):
        """Boot the doubles; their pots are those of nobody."""
        output(DOUBLE, "bridge", "up")
        hosts = [word for name in self.names for word in ("--host", f"{self.domains[name]}={self.jails[name]}")]
        first = self.machines[0]
        first.place.mkdir(parents=True, exist_ok=True)
        first.neighbour("dns", "--address", NEIGHBOUR, *hosts)
        pebble = first.neighbour("pebble", "--address", NEIGHBOUR, *hosts)
        self.variables = {
            "matrix_acme_directory": pebble["directory"],
            "matrix_acme_ca_file": str(authority() / "ca.crt"),
            "matrix_verify_ca_file": first.trust(pebble),
        }
        for machine in self.machines:
            machine.start_machine()

    def stop(self):
        """Remove doubles, neighbours and the shared connections to them."""
        self.disconnect()
        for machine in self.machines:
            machine.stop()

    def empty(self):
        """The doubles as their installer left them."""
        for machine in self.machines:
            output(DOUBLE, "stop", machine.machine)
        self.disconnect()
        for machine in self.machines:
            machine.start_machine()

    def disconnect(self):
        disconnect(self.place / "cp")

    def inventory(self, servers, delay=0.0, options=""):
        """The path of an inventory of the first so many servers; delay: seconds for the way there and back."""
        hosts = {}
        for number, name in enumerate(self.names[:servers]):
            machine = self.machines[number % len(self.machines)]
            machine.describe(**self.variables)
            common = delayed(machine.server["ansible_ssh_common_args"], delay)
            hosts[name] = {
                **machine.server,
                "ansible_ssh_common_args": f"{common} {options}".strip(),
                "matrix_domain": self.domains[name],
                "matrix_ip": self.jails[name],
                "matrix_dataset": f"zroot/{name}",
                "matrix_alert_email": f"admin@{self.domains[name]}",
                "matrix_ssl_email": f"admin@{self.domains[name]}",
                "matrix_control_user": False,
                **self.special.get(name, {}),
            }
        path = self.place / "inventory.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps({"matrix": {"hosts": hosts}}), encoding="utf-8")
        return path

    def command(self, playbook, inventory, *arguments):
        """The command line of a playbook."""
        return [str(word) for word in (TOP / ".venv/bin/ansible-playbook", "-i", inventory, playbook, *arguments)]

    def environment(self, **more):
        return self.machines[0].environment(ANSIBLE_SSH_CONTROL_PATH_DIR=str(self.place / "cp"), **more)
