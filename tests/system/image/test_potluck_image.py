# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook potluck_image: an image built on one host, fetched over http and run on another one."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/tools"))

from deployment import environment

HERE = Path(__file__).resolve().parent
DOUBLE = TOP / "tests/double/double"
# Everything a shell, pot, sed or YAML could take for something else.
SECRETS = {
    "matrix_shared_secret": 'sh$HOME `id` $(id) "two" \'one\' back\\slash \\" end\\',
    "matrix_smtp_password": "pass;word|with & and % #1?*",
    "matrix_ldap_password": "=leading{brace}~tilde!",
    "matrix_gossip_key": "pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=",
}
VARIABLES = {
    "matrix_datacenter": "dc1",
    "matrix_consul_servers": ["10.0.0.2", "Consul.Example.com"],
    "matrix_domain": "example.com",
    "matrix_alert_email": "alert@example.com",
    "matrix_registration_enable": False,
    "matrix_smtp_host": "mail.example.com",
    "matrix_smtp_port": 587,
    "matrix_smtp_user": "matrix",
    "matrix_smtp_from": "matrix@example.com",
    "matrix_ssl_email": "ssl@example.com",
    "matrix_ldap_server": "ldap.example.com",
    "matrix_ldap_domain": "corp.example.co.uk",
    "matrix_dataset": "zroot/matrixdata",
    **SECRETS,
}


class Lab:
    """Two doubles: one builds the image and serves it, the other one runs it."""

    def __init__(self, directory):
        self.directory = directory
        self.names = {machine: "image-%d-%s" % (os.getpid(), machine) for machine in ("builder", "machine")}
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / "key")], check=True)
        key = str(directory / "key.pub")
        try:
            self.addresses = {
                machine: self.double("start", name, "--ssh-key", key).split()[-1]
                for machine, name in self.names.items()
            }
        except BaseException:
            # Nobody else knows the one that runs when the other one does not start.
            self.stop()
            raise
        base, last = self.addresses["machine"].rsplit(".", 1)
        self.ip = "%s.%d" % (base, int(last) % 50 + 200)

    def double(self, *arguments, check=True):
        return subprocess.run(
            [str(DOUBLE), *arguments], check=check, capture_output=True, text=True, stdin=subprocess.DEVNULL
        ).stdout

    def stop(self):
        self.double("stop", *self.names.values())

    def run(self, machine, script, check=True):
        """Standard output of a shell script run as root on the host, around Ansible."""
        return self.double("exec", self.names[machine], "--", "/bin/sh", "-c", script, check=check)

    def build(self):
        """A small image, made as Potluck's are: a pot, what boots in it, a snapshot, an export; and a web server for
        it.
        """
        self.run(
            "builder",
            """
            set -e
            env ASSUME_ALWAYS_YES=yes pkg install -y pot python311
            pw groupshow pot > /dev/null 2>&1 || pw groupadd pot
            echo POT_EXTIF=$(route -n get default | sed -n 's/.*interface: //p') > /usr/local/etc/pot/pot.conf
            pot init -m
            pot create -p recorder -t single -b 13.2 -N inherit
            pot start recorder
        """,
        )
        script = (HERE / "recorder").read_text(encoding="utf-8")
        install = (
            "mkdir -p /usr/local/etc/rc.d && cat > /usr/local/etc/rc.d/recorder && chmod 755 "
            "/usr/local/etc/rc.d/recorder"
        )
        subprocess.run(
            [str(DOUBLE), "exec", self.names["builder"], "--", "jexec", "-l", "recorder", "/bin/sh", "-c", install],
            input=script,
            text=True,
            check=True,
            capture_output=True,
        )
        self.run(
            "builder",
            """
            set -e
            pot stop recorder
            pot snapshot -p recorder
            mkdir /var/images
            pot export -p recorder -t 1.0.2 -D /var/images -l 0
            cd /var/images
            daemon -f /usr/local/bin/python3.11 -m http.server 8000
        """,
        )

    def variables(self, **changed):
        return {
            **VARIABLES,
            "ansible_host": self.addresses["machine"],
            "matrix_ip": self.ip,
            "matrix_image": {
                "name": "recorder",
                "tag": "1.0.2",
                "url": "http://{}:8000".format(self.addresses["builder"]),
            },
            **changed,
        }

    def play(self, *flags, **changed):
        """Run the playbook; what was said, and how many tasks changed something (None when it failed)."""
        inventory = self.directory / "inventory.json"
        inventory.write_text(
            json.dumps(
                {
                    "matrix": {
                        "vars": {
                            "ansible_user": "root",
                            "ansible_ssh_private_key_file": str(self.directory / "key"),
                            "ansible_ssh_common_args": (
                                "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
                            ),
                        },
                        "hosts": {
                            "matrix1.example.com": {
                                key: {"__ansible_unsafe": value} if key in SECRETS else value
                                for key, value in self.variables(**changed).items()
                            }
                        },
                    }
                }
            ),
            encoding="utf-8",
        )
        controller = environment(
            ANSIBLE_NOCOLOR="1",
            ANSIBLE_DISPLAY_SKIPPED_HOSTS="true",
            ANSIBLE_SSH_CONTROL_PATH_DIR=str(self.directory / "cp"),
        )
        done = subprocess.run(
            ["ansible-playbook", "-i", str(inventory), "potluck.matrix.potluck_image", *flags],
            env=controller,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        output = done.stdout + done.stderr
        for secret in SECRETS.values():
            assert secret not in output and json.dumps(secret)[1:-1] not in output
        match = re.search(r"^matrix1.example.com\s.*changed=(\d+)", output, re.MULTILINE)
        # Long messages are folded.
        return " ".join(output.split()), int(match.group(1)) if match and done.returncode == 0 else None

    def recorded(self):
        """The environment as the image saw it at its first boot."""
        found = self.run("machine", "jexec -l matrix1-example-com cat /root/recorded")
        return dict(item.partition("=")[::2] for item in found.split("\0") if item)

    def pot_conf(self):
        return self.run("machine", "cat /opt/pot/jails/matrix1-example-com/conf/pot.conf")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    lab = Lab(tmp_path_factory.mktemp("image"))
    try:
        lab.build()
        yield lab
    finally:
        lab.stop()


@pytest.fixture(scope="module", name="deployed")
def fixture_deployed(lab):
    output, changed = lab.play("--diff", "-vvv")
    assert changed, output
    return lab


def test_the_image_needs_what_potluck_needs(lab):
    """Said before the host is contacted."""
    output, _changed = lab.play(matrix_smtp_host="", matrix_smtp_user="", matrix_smtp_password="", matrix_smtp_from="")
    assert (
        "Potluck's image needs a value for matrix_smtp_host, matrix_smtp_user, matrix_smtp_password, matrix_smtp_from."
        in output
    )
    output, _changed = lab.play(matrix_image={"name": "recorder"})
    assert "matrix_image: name the image to run" in output
    output, _changed = lab.play(matrix_ldap_server=["ldap1.example.com", "ldap2.example.com"])
    assert "matrix_ldap_server: Potluck's image knows one directory server." in output
    output, _changed = lab.play(matrix_host="matrix.example.com")
    assert "matrix_host: Potluck's image is reached at matrix_domain, so leave it out." in output
    assert "pot" not in lab.run("machine", "zfs list -H -o name")


def test_the_image_sees_every_parameter_as_potluck_spells_it(deployed):
    found = deployed.recorded()
    wanted = {
        "DATACENTER": "dc1",
        "CONSULSERVERS": "10.0.0.2,consul.example.com",
        "GOSSIPKEY": SECRETS["matrix_gossip_key"],
        "NODENAME": "matrix1",
        "IP": deployed.ip,
        "DOMAIN": "example.com",
        "ALERTEMAIL": "alert@example.com",
        "REGISTRATIONENABLE": "false",
        "MYSHAREDSECRET": SECRETS["matrix_shared_secret"],
        "SMTPHOST": "mail.example.com",
        "SMTPPORT": "587",
        "SMTPUSER": "matrix",
        "SMTPPASS": SECRETS["matrix_smtp_password"],
        "SMTPFROM": "matrix@example.com",
        "SSLEMAIL": "ssl@example.com",
        "LDAPSERVER": "ldap.example.com",
        "LDAPPASSWORD": SECRETS["matrix_ldap_password"],
        "LDAPDOMAIN": "corp.example.co.uk",
    }
    assert {name: found.get(name) for name in wanted} == wanted
    # Set to anything, "false" included, these would mean yes.
    assert not {"CONTROLUSER", "NOSSL", "REMOTELOG"} & set(found)


def test_mount_network_and_boot(deployed):
    assert (
        deployed.run("machine", "cat /opt/pot/jails/matrix1-example-com/conf/fscomp.conf")
        .split("\n")[-2]
        .startswith("/mnt/matrixdata ")
    )
    assert deployed.run("machine", "ls /mnt/matrixdata/matrixdata").split() == ["written-by-the-image"]
    conf = deployed.pot_conf()
    for line in (
        "network_type=alias",
        f"ip=vtnet0|{deployed.ip}",
        "pot.attr.start-at-boot=YES",
        "pot.attr.exec_stop=/bin/sh /etc/rc.shutdown jail",
    ):
        assert line in conf.split("\n")
    assert deployed.ip in deployed.run("machine", "jexec -l matrix1-example-com ifconfig")
    # Nothing of ours is in the pot.
    assert deployed.run("machine", "jexec -l matrix1-example-com ls /usr/local/bin", check=False) == ""


def test_a_second_run_changes_nothing(deployed):
    output, changed = deployed.play()
    assert changed == 0, output


def test_check_mode_of_a_second_run_changes_nothing(deployed):
    output, changed = deployed.play("--check", "--diff")
    assert changed == 0, output


def test_secrets_are_on_no_command_line_and_in_no_log(deployed):
    marker = "never-on-a-command-line"
    deployed.run(
        "machine",
        "daemon -f /bin/sh -c 'while test ! -e /tmp/enough; do ps -axww -o args; sleep 0.1; done > /tmp/seen'",
    )
    output, changed = deployed.play("--diff", "-vvv", matrix_smtp_password=marker)
    seen = deployed.run("machine", "touch /tmp/enough; sleep 1; cat /tmp/seen")
    assert changed == 1, output
    assert "pot start matrix1-example-com" in seen
    assert marker not in seen and marker not in output
    assert marker not in deployed.run("machine", "cat /var/log/messages /var/log/pot/* 2>/dev/null; true", check=False)
    # What the playbook's documentation says about where they are.
    assert f'pot.env="SMTPPASS={marker}"' in deployed.pot_conf().split("\n")
    assert marker in deployed.run("machine", "jexec -l matrix1-example-com cat /tmp/environment.sh")
    # Restarted with it, but configured once only; and that is said.
    assert "SMTPPASS" in output and "configures itself at its first boot only" in output
    assert deployed.recorded()["SMTPPASS"] == SECRETS["matrix_smtp_password"]


def test_a_parameter_that_is_taken_away_is_gone(deployed):
    output, changed = deployed.play(matrix_nossl=True, matrix_remote_log="10.0.0.9", matrix_ssl_email="")
    assert changed == 1, output
    lines = deployed.pot_conf().split("\n")
    for line in ('pot.env="NOSSL=true"', 'pot.env="SSLEMAIL=none"', 'pot.env="REMOTELOG=10.0.0.9"'):
        assert line in lines
    output, changed = deployed.play()
    assert changed == 1, output
    assert not [
        line for line in deployed.pot_conf().split("\n") if re.match('pot.env="(NOSSL|REMOTELOG|CONTROLUSER)=', line)
    ]


def test_secrets_in_pot_conf_are_world_readable_as_documented(deployed):
    mode = deployed.run("machine", "stat -f %Lp /opt/pot/jails/matrix1-example-com/conf/pot.conf").strip()
    assert int(mode, 8) & stat.S_IROTH
    assert "pot.conf" in (TOP / "docs/security-model.md").read_text(encoding="utf-8")


def test_the_documented_way_to_save_the_signing_key(deployed):
    text = (TOP / "docs/coming-from-potluck.md").read_text(encoding="utf-8")
    command = (
        re.search("^jexec .* cp -p .*$", text, re.MULTILINE)
        .group(0)
        .replace("-l matrix-synapse ", "-l matrix1-example-com ")
    )
    deployed.run(
        "machine",
        f"""
        set -e
        jexec -l matrix1-example-com mkdir -p /usr/local/etc/matrix-synapse /mnt/matrixdata/matrix-synapse
        jexec -l matrix1-example-com sh -c 'echo ed25519 key > /usr/local/etc/matrix-synapse/example.com.signing.key'
        {command}
    """,
    )
    assert deployed.run("machine", "cat /mnt/matrixdata/matrixdata/matrix-synapse/signing.key") == "ed25519 key\n"
