# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A homeserver with all its neighbours on a double of a FreeBSD machine.

    demo start     everything; a second time it changes nothing
    demo stop      removes everything that start made on the machine
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PLACE = TOP / ".demo"
DOUBLE = TOP / "tests/double/double"
NEIGHBOURS = TOP / "tests/double/neighbours"

DOMAIN = "matrix.demo.test"
DIRECTORY_DOMAIN = "corp.example.co.uk"
MACHINE = "demo1"
MACHINE_ADDRESS = "10.199.0.90"
JAIL_ADDRESS = "10.199.0.190"
GATEWAY = "10.199.0.1"
CONSUL = ["10.199.0.2", "10.199.0.3", "10.199.0.4"]

BEGAN = time.monotonic()


def say(text):
    print("\n[%4d s] %s" % (time.monotonic() - BEGAN, text), flush=True)


def run(*argv, **options):
    return subprocess.run([str(word) for word in argv], check=True, **options)


def output(*argv):
    return run(*argv, capture_output=True, text=True).stdout


def neighbour(name, *arguments):
    """Start a neighbour unless it runs; return what it tells about itself."""
    running = subprocess.run([str(NEIGHBOURS / name), "status"], capture_output=True, text=True, check=False)
    return json.loads(running.stdout if running.returncode == 0 else output(NEIGHBOURS / name, "start", *arguments))


def remembered(name, make):
    """Return the value stored under ``name``, made at the first call: a second start keeps all secrets."""
    path = PLACE / "secrets" / name
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(make())
    return path.read_text()


def start_neighbours():
    """Start what the homeserver talks to; return what the inventory needs to know of it."""
    neighbour("dns", "--address", GATEWAY, "--host", "%s=%s" % (DOMAIN, JAIL_ADDRESS))
    pebble = neighbour("pebble", "--address", GATEWAY, "--host", "%s=%s" % (DOMAIN, JAIL_ADDRESS))
    directory_password = remembered("directory", secrets.token_urlsafe)
    neighbour("slapd", "--address", GATEWAY, "--domain", DIRECTORY_DOMAIN, "--password", directory_password,
              "--user", "alice:%s:Alice" % remembered("alice", secrets.token_urlsafe))
    mail_password = remembered("mail", secrets.token_urlsafe)
    neighbour("smtp-sink", "--address", GATEWAY, "--user", "matrix", "--password", mail_password)
    neighbour("syslog-receiver", "--address", GATEWAY)
    neighbour("alertmanager", "--address", GATEWAY)
    consul = neighbour("consul-servers", "--addresses", ",".join(CONSUL),
                       "--gossip-key", remembered("gossip", lambda: output("openssl", "rand", "-base64", "32").strip()))
    authority = output(NEIGHBOURS / "ca", "path").strip()
    (PLACE / "roots.pem").write_text(Path(pebble["roots"]).read_text())
    return {
        "matrix_acme_directory": pebble["directory"],
        "matrix_acme_ca_file": authority,
        "matrix_verify_ca_file": str(PLACE / "roots.pem"),
        "matrix_datacenter": consul["datacenter"],
        "matrix_consul_servers": consul["addresses"],
        "matrix_gossip_key": consul["gossip_key"],
        "matrix_ldap_server": GATEWAY,
        "matrix_ldap_domain": DIRECTORY_DOMAIN,
        "matrix_ldap_password": directory_password,
        "matrix_ldap_filter": "(objectClass=inetOrgPerson)",
        "matrix_ldap_ca_file": authority,
        "matrix_smtp_host": GATEWAY,
        "matrix_smtp_port": 587,
        "matrix_smtp_user": "matrix",
        "matrix_smtp_password": mail_password,
        "matrix_smtp_from": "matrix@" + DOMAIN,
        "matrix_smtp_ca_file": authority,
        "matrix_remote_log": GATEWAY,
        "matrix_remote_log_protocol": "tls",
        "matrix_remote_log_ca_file": authority,
        "matrix_alertmanager_url": "http://%s:9093" % GATEWAY,
    }


def start_machine():
    """Start the double and let the demo's key and known_hosts open it."""
    key = PLACE / "id_ed25519"
    if not key.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    if MACHINE not in output(DOUBLE, "list").split():
        run(DOUBLE, "start", MACHINE, "--address", MACHINE_ADDRESS, "--ssh-key", str(key) + ".pub", stdout=subprocess.DEVNULL)
    # The machine forwards names of the demo to its own name server, as a router would.
    run(DOUBLE, "exec", MACHINE, "--", "/bin/sh", "-c", "echo nameserver %s >/etc/resolv.conf" % GATEWAY)
    (PLACE / "known_hosts").write_text(output("ssh-keyscan", "-t", "ed25519", MACHINE_ADDRESS))


def write_inventory(neighbours):
    server = {
        "ansible_host": MACHINE_ADDRESS,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(PLACE / "id_ed25519"),
        "ansible_ssh_common_args": "-o UserKnownHostsFile=%s -o GlobalKnownHostsFile=/dev/null" % (PLACE / "known_hosts"),
        "matrix_domain": DOMAIN,
        "matrix_ip": JAIL_ADDRESS,
        "matrix_pot_interface": "vtnet0",
        "matrix_alert_email": "admin@" + DOMAIN,
        "matrix_ssl_email": "admin@" + DOMAIN,
        "matrix_control_user": True,
        "matrix_control_user_key": (PLACE / "id_ed25519.pub").read_text().strip(),
        "matrix_accounts": [{"name": "admin", "admin": True, "password": remembered("admin", secrets.token_urlsafe)}],
    }
    server.update(neighbours)
    path = PLACE / "inventory.yml"
    path.touch(mode=0o600)
    # JSON is YAML.
    path.write_text(json.dumps({"all": {"children": {"matrix": {"hosts": {MACHINE: server}}}}}, indent=2) + "\n")
    return path


def playbook(inventory, name):
    environment = dict(os.environ, ANSIBLE_CONFIG=str(TOP / "ansible.cfg"), ANSIBLE_COLLECTIONS_PATH=str(TOP / ".ansible/collections"),
                       ANSIBLE_DISPLAY_SKIPPED_HOSTS="false", ANSIBLE_DISPLAY_OK_HOSTS="true")
    run(TOP / ".venv/bin/ansible-playbook", "-i", inventory, "potluck.matrix." + name, env=environment, cwd=TOP)


def start():
    PLACE.mkdir(mode=0o700, exist_ok=True)
    say("Starting a double of a FreeBSD machine, %s" % MACHINE_ADDRESS)
    start_machine()
    say("Starting the neighbours: names, ACME CA, directory, mail, logs, alerts, three Consul servers")
    inventory = write_inventory(start_neighbours())
    say("Deploying with ansible-playbook potluck.matrix.site")
    playbook(inventory, "site")
    say("Registering the first account with ansible-playbook potluck.matrix.accounts")
    playbook(inventory, "accounts")
    roots = PLACE / "roots.pem"
    print("""
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
""" % dict(seconds=time.monotonic() - BEGAN, domain=DOMAIN, address=JAIL_ADDRESS, roots=roots, machine=MACHINE,
           admin=remembered("admin", str), alice=remembered("alice", str)))


def stop():
    for name in ("alertmanager", "syslog-receiver", "smtp-sink", "slapd", "pebble", "consul-servers", "dns"):
        run(NEIGHBOURS / name, "stop")
    run(DOUBLE, "stop", MACHINE)
    shutil.rmtree(PLACE, ignore_errors=True)


if __name__ == "__main__":
    commands = {"start": start, "stop": stop}
    if len(sys.argv) != 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]]()
