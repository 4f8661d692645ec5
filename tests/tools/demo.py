# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A homeserver with all its neighbours on a double of a FreeBSD host.

demo start     everything; a second time it changes nothing
demo stop      removes everything that start made on the machine
"""

from __future__ import annotations

import sys
import time

from deployment import GATEWAY, TOP, Deployment

DEMO = Deployment(
    TOP / ".demo",
    "matrix.demo.test",
    ("demo1", "10.199.0.90"),
    "10.199.0.190",
    ("default", GATEWAY),
    ["10.199.0.2", "10.199.0.3", "10.199.0.4"],
)
BEGAN = time.monotonic()


def say(text):
    print("\n[%4d s] %s" % (time.monotonic() - BEGAN, text), flush=True)


def start():
    say(f"Starting a double of a FreeBSD host, {DEMO.machine_address}")
    DEMO.start_machine()
    say("Starting the neighbours: names, ACME CA, directory, mail, logs, alerts, three Consul servers")
    DEMO.describe(**DEMO.start_neighbours())
    say("Deploying with ansible-playbook potluck.matrix.site")
    DEMO.playbook("site")
    print(
        """
The homeserver is up, after %(seconds)d seconds.

  base URL        https://%(domain)s  (address %(address)s, CA certificate %(roots)s)
  administrator   admin    password %(admin)s
  LDAP user       alice    password %(alice)s

Try it:

  curl --cacert %(roots)s --resolve %(domain)s:443:%(address)s https://%(domain)s/_matrix/client/versions

  curl --cacert %(roots)s --resolve %(domain)s:443:%(address)s https://%(domain)s/_matrix/client/v3/login \\
    -d '{"type":"m.login.password","identifier":{"type":"m.id.user","user":"admin"},"password":"%(admin)s"}'

With Element: add "%(address)s %(domain)s" to /etc/hosts, trust the CA certificate, choose "Edit" beside the
homeserver, enter https://%(domain)s and log in as admin.

Look around:   tests/double/double exec %(machine)s -- pot list
               .venv/bin/ansible-playbook -i .demo/inventory.yml potluck.matrix.verify
Remove it:     make demo-stop
"""
        % {
            "seconds": time.monotonic() - BEGAN,
            "domain": DEMO.domain,
            "address": DEMO.jail,
            "roots": DEMO.place / "roots.pem",
            "machine": DEMO.machine,
            "admin": DEMO.remembered("admin"),
            "alice": DEMO.remembered("alice"),
        }
    )


if __name__ == "__main__":
    commands = {"start": start, "stop": DEMO.stop}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]]()
