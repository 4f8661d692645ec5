# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A homeserver on a double of a FreeBSD host, with all its neighbours: for the demo and for tests."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import os
import secrets
import shutil
import subprocess
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
DOUBLE = TOP / "tests/double/double"
NEIGHBOURS = TOP / "tests/double/neighbours"
GATEWAY = "10.199.0.1"
# acme.sh registers anew where it does not remember for which key it did. In place, since the file's owner must not
# change.
FORGET_ACME_ACCOUNT = """
find /mnt -name ca.conf | while read -r file; do
    text=$(grep -v '^CA_KEY_HASH=' "$file"); printf '%s\\n' "$text" >"$file"
done
"""
KINDS = ("alertmanager", "syslog-receiver", "smtp-sink", "slapd", "pebble", "consul-servers", "dns")


def run(*argv, **options):
    return subprocess.run([str(word) for word in argv], check=True, **options)


def output(*argv):
    return run(*argv, capture_output=True, text=True).stdout


def host_key(address, seconds=30):
    """The line for known_hosts of an sshd, which may need a moment on a busy machine."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return output("ssh-keyscan", "-t", "ed25519", address)
        except subprocess.CalledProcessError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def authority():
    """The directory of the authority that all neighbours' certificates come from."""
    return Path(output(NEIGHBOURS / "ca", "path").strip()).parent


def not_regular(directory, names):
    """Which names in a directory no copy is made of: sockets, such as those of ssh's shared connections."""
    return [name for name in names if not (Path(directory) / name).is_dir() and not (Path(directory) / name).is_file()]


@functools.cache
def module_archives():
    """Where archives of modules stay as long as they would be made of the same files."""
    digest = hashlib.sha256(importlib.metadata.version("ansible-core").encode())
    for path in sorted((TOP / "plugins").glob("module*/**/*.py")):
        digest.update(f"{path.relative_to(TOP)}\0".encode() + path.read_bytes())
    return TOP / ".cache/archives" / digest.hexdigest()[:16]


def environment(**more):
    """What Ansible is to find in its environment for any run of the suite or the demo."""
    return {
        **os.environ,
        "ANSIBLE_CONFIG": str(TOP / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(TOP / ".ansible/collections"),
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false",
        "ANSIBLE_CALLBACK_PLUGINS": str(TOP / "tests/tools/callback"),
        "ANSIBLE_CALLBACKS_ENABLED": "keep_archives",
        "KEEP_ARCHIVES_DIRECTORY": str(module_archives()),
        "PATH": "{}:{}".format(TOP / ".venv/bin", os.environ["PATH"]),
        **more,
    }


class Deployment:
    """One host with one homeserver, and neighbours of its own.

    place: directory for keys, secrets and the inventory; machine: (name, address) of the double; hostname: what it
    calls itself; release: of its FreeBSD, empty for the double's own choice; jail: address of the homeserver;
    neighbours: (name, address) of all neighbours but the Consul servers, which live at the addresses consul. Two
    deployments need different names and addresses in all of these. What a start makes, a later start keeps.
    """

    def __init__(
        self,
        place,
        domain,
        machine,
        jail,
        neighbours,
        consul,
        directory_domain="corp.example.co.uk",
        users=("alice",),
        hostname="",
        release="",
    ):
        self.place = Path(place)
        self.domain = domain
        self.machine, self.machine_address = machine
        self.hostname = hostname or self.machine + ".example.test"
        self.release = release
        self.jail = jail
        self.neighbours_name, self.address = neighbours
        self.consul = list(consul)
        self.directory_domain = directory_domain
        self.users = list(users)
        self.inventory = self.place / "inventory.yml"
        self.server = {}
        self.consul_token = ""

    # --- neighbours ---

    def remembered(self, name, make=secrets.token_hex):
        """The value stored under ``name``, made at the first call: a second start keeps all secrets. None begins with a
        hyphen.
        """
        path = self.place / "secrets" / name
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_text(make())
        return path.read_text()

    def tell(self, kind, verb, *arguments):
        """What a neighbour's command prints."""
        return output(NEIGHBOURS / kind, verb, "--name", self.neighbours_name, *arguments)

    def neighbour(self, kind, *arguments):
        """Start a neighbour unless it runs; what it tells about itself."""
        command = [str(NEIGHBOURS / kind), "status", "--name", self.neighbours_name]
        running = subprocess.run(command, capture_output=True, text=True, check=False)
        return json.loads(running.stdout if running.returncode == 0 else self.tell(kind, "start", *arguments))

    def start_neighbours(self):
        """Start what the homeserver talks to; the variables that name it all."""
        known = ["--address", self.address, "--host", f"{self.domain}={self.jail}"]
        self.neighbour("dns", *known)
        pebble = self.neighbour("pebble", *known)
        users = [
            word for name in self.users for word in ("--user", f"{name}:{self.remembered(name)}:{name.capitalize()}")
        ]
        self.neighbour(
            "slapd",
            "--address",
            self.address,
            "--domain",
            self.directory_domain,
            "--password",
            self.remembered("directory"),
            *users,
        )
        self.neighbour(
            "smtp-sink", "--address", self.address, "--user", "matrix", "--password", self.remembered("mail")
        )
        self.neighbour("syslog-receiver", "--address", self.address)
        alertmanager = self.neighbour("alertmanager", "--address", self.address)
        key = self.remembered("gossip", lambda: output("openssl", "rand", "-base64", "32").strip())
        token = ["--acl-token", self.consul_token] if self.consul_token else []
        consul = self.neighbour("consul-servers", "--addresses", ",".join(self.consul), "--gossip-key", key, *token)
        ca = str(authority() / "ca.crt")
        self.trust(pebble)
        return {
            "matrix_acme_directory": pebble["directory"],
            "matrix_acme_ca_file": ca,
            "matrix_verify_ca_file": str(self.place / "roots.pem"),
            "matrix_datacenter": consul["datacenter"],
            "matrix_consul_servers": consul["addresses"],
            "matrix_gossip_key": consul["gossip_key"],
            "matrix_consul_acl_token": self.consul_token,
            "matrix_ldap_server": self.address,
            "matrix_ldap_domain": self.directory_domain,
            "matrix_ldap_password": self.remembered("directory"),
            "matrix_ldap_filter": "(objectClass=inetOrgPerson)",
            "matrix_ldap_ca_file": ca,
            "matrix_smtp_host": self.address,
            "matrix_smtp_port": 587,
            "matrix_smtp_user": "matrix",
            "matrix_smtp_password": self.remembered("mail"),
            "matrix_smtp_from": "matrix@" + self.domain,
            "matrix_smtp_ca_file": ca,
            "matrix_remote_log": self.address,
            "matrix_remote_log_protocol": "tls",
            "matrix_remote_log_ca_file": ca,
            "matrix_alertmanager_url": alertmanager["url"],
        }

    def trust(self, pebble):
        """Add a CA's roots to the file roots.pem, which has those of the CA before a restart of it, too."""
        path, new = self.place / "roots.pem", Path(pebble["roots"]).read_text(encoding="utf-8")
        known = path.read_text(encoding="utf-8") if path.exists() else ""
        if new not in known:
            path.write_text(known + new, encoding="utf-8")
        return str(path)

    # --- the host ---

    def inside(self, *argv, pot=None, check=True, **options):
        """Run a command on the host, or in a pot of it; the finished process with its output as text."""
        enter = ["/usr/sbin/jexec", "-l", pot] if pot else []
        return subprocess.run(
            [str(DOUBLE), "exec", self.machine, "--", *enter, *map(str, argv)],
            check=check,
            capture_output=True,
            text=True,
            **options,
        )

    def start_machine(self):
        """Start the double and let the deployment's key and known_hosts open it."""
        self.place.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = self.place / "id_ed25519"
        if not key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
        if self.machine not in output(DOUBLE, "list").split():
            release = ["--release", self.release] if self.release else []
            run(
                DOUBLE,
                "start",
                self.machine,
                "--address",
                self.machine_address,
                "--hostname",
                self.hostname,
                "--ssh-key",
                str(key) + ".pub",
                *release,
                stdout=subprocess.DEVNULL,
            )
        # The host asks the deployment's own name server, as it would ask a router's.
        self.inside("/bin/sh", "-c", f"echo nameserver {self.address} >/etc/resolv.conf")
        (self.place / "known_hosts").write_text(host_key(self.machine_address))

    # --- Ansible ---

    def describe(self, **variables):
        """Write the inventory: the server with these variables on top of what every deployment has."""
        self.server = {
            "ansible_host": self.machine_address,
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.place / "id_ed25519"),
            "ansible_ssh_common_args": "-o UserKnownHostsFile=%s -o GlobalKnownHostsFile=/dev/null"
            % (self.place / "known_hosts"),
            "matrix_domain": self.domain,
            "matrix_ip": self.jail,
            "matrix_pot_interface": "vtnet0",
            "matrix_alert_email": "admin@" + self.domain,
            "matrix_ssl_email": "admin@" + self.domain,
            "matrix_control_user": True,
            "matrix_control_user_key": (self.place / "id_ed25519.pub").read_text().strip(),
            "matrix_accounts": [{"name": "admin", "admin": True, "password": self.remembered("admin")}],
            **variables,
        }
        self.inventory.touch(mode=0o600)
        # JSON is YAML.
        self.inventory.write_text(
            json.dumps({"all": {"children": {"matrix": {"hosts": {self.machine: self.server}}}}}, indent=2) + "\n"
        )

    def environment(self, **more):
        return environment(**more)

    def command(self, name, *arguments):
        """The command line of one of the collection's playbooks."""
        return [
            str(TOP / ".venv/bin/ansible-playbook"),
            "-i",
            str(self.inventory),
            "potluck.matrix." + name,
            *map(str, arguments),
        ]

    def playbook(self, name, *arguments):
        """Run a playbook where people watch it."""
        run(*self.command(name, *arguments), env=self.environment(), cwd=TOP)

    # --- the same state again ---

    def save(self, directory):
        """Keep the host's disk, at rest, the place and the authority of the neighbours in a new directory; the host
        has booted again when this returns.
        """
        output(DOUBLE, "save", self.machine, directory)
        for name, source in (("place", self.place), ("authority", authority())):
            shutil.copytree(source, Path(directory) / name, ignore=not_regular)

    def restore(self, directory, start_neighbours=lambda: None):
        """Replace the host and the place by what was saved; it has booted when this returns.

        Seconds in place of a deployment's minutes, so that a test module may start from a deployment that no other one
        has touched. Neighbours that run are left as they are; those that do not can be started between the two: they
        have the passwords, keys and the authority of the saved ones, but know nothing that those learnt (certificates
        they issued, accounts at the CA), which is why the homeserver forgets its account.
        """
        output(DOUBLE, "stop", self.machine)
        for name, target in (("place", self.place), ("authority", authority())):
            shutil.copytree(Path(directory) / name, target, dirs_exist_ok=True)
        output(DOUBLE, "bridge", "up")
        start_neighbours()
        output(DOUBLE, "clone", directory, self.machine, "--address", self.machine_address)
        self.inside("/bin/sh", "-c", FORGET_ACME_ACCOUNT)

    def stop(self):
        """Remove everything that was started, and the place. What cannot be stopped keeps nothing else running."""
        commands = [[NEIGHBOURS / kind, "stop", "--name", self.neighbours_name] for kind in KINDS] + [
            [DOUBLE, "stop", self.machine]
        ]
        problems = []
        for command in commands:
            try:
                output(*command)
            except subprocess.CalledProcessError as error:
                problems.append("{}: {}".format(" ".join(map(str, command)), error.stderr.strip() or error))
        if problems:
            # With the place, since what still runs has its secrets.
            raise RuntimeError("; ".join(problems))
        shutil.rmtree(self.place, ignore_errors=True)
