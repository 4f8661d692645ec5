# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the check says of lines of authorized_keys, beside what the real sshd says by letting people in."""

from __future__ import annotations

import getpass
import os
import shlex
import shutil
import subprocess

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import accounts
from hypothesis import given
from hypothesis import strategies as st

SSHD = shutil.which("sshd", path="/usr/sbin:" + os.environ["PATH"])
TAKEN = [
    "",
    "restrict",
    "no-pty,no-X11-forwarding,no-agent-forwarding,no-port-forwarding,no-user-rc",
    "restrict,pty,port-forwarding,agent-forwarding,user-rc,x11-forwarding",
    "Restrict,PTY",
    'from="*,!10.9.9.9"',
    'command="echo \\"a, b\\" done"',
    r'command="printf x\\y"',
    'environment="A=b",environment="C=d"',
    'permitopen="a:1",permitopen="b:2",permitlisten="localhost:8080",tunnel="1"',
    'expiry-time="20991231"',
    'expiry-time="20991231235959Z"',
    "no-touch-required,verify-required",
    'principals="x"',
]
REFUSED = [
    "from=10.0.0.1",
    "restrict, pty",
    'form="10.0.0.1"',
    "no-restrict",
    "no-command",
    'command="a',
    r'command="a\"',
    'from="*",FROM="*"',
    'command="true",command="true"',
    'expiry-time="tomorrow"',
    "pty=yes",
]


class Server:
    """An sshd that is asked through its standard input, by ssh."""

    def __init__(self, directory):
        self.directory = directory
        for name in ("host", "user", "authority"):
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", directory / name]
            subprocess.run(command, check=True)
        (directory / "config").write_text(
            f"HostKey {directory}/host\nAuthorizedKeysFile {directory}/keys\nStrictModes no\nUsePAM no\nPidFile none\n"
            "PermitRootLogin yes\nPermitUserEnvironment yes\nPermitTunnel yes\n"
        )
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)

    def key(self, name):
        return (self.directory / f"{name}.pub").read_text(encoding="utf-8").strip()

    def lets_in(self, line, *options):
        """Whether a login by the user's key succeeds where authorized_keys has the line."""
        (self.directory / "keys").write_text(line + "\n", encoding="utf-8")
        proxy = shlex.join([str(SSHD), "-i", "-f", f"{self.directory}/config"])
        words = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes"]
        words += [f"ProxyCommand={proxy}", f"IdentityFile={self.directory}/user", *options]
        command = ["ssh", "-F", "none", *(word for each in words for word in ("-o", each)), f"{getpass.getuser()}@sshd"]
        done = subprocess.run(
            [*command, "exit 7"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode == 255:
            assert "Permission denied" in done.stderr, done.stderr
        return done.returncode != 255


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    return Server(tmp_path_factory.mktemp("sshd"))


@pytest.mark.parametrize("options", TAKEN)
def test_options_that_sshd_knows(server, options):
    line = f"{options} {server.key('user')}".strip()
    assert accounts.ssh_keys(line) == line
    # Security keys and expectations of who signed are of no use with this key.
    if "verify-required" not in options and "principals" not in options:
        assert server.lets_in(line)


@pytest.mark.parametrize("options", REFUSED)
def test_options_that_sshd_does_not_take(server, options):
    line = f"{options} {server.key('user')}"
    with pytest.raises(ValueError):
        accounts.ssh_keys(line)
    assert not server.lets_in(line)


def test_an_authority_and_a_certificate_in_its_place(server):
    me = getpass.getuser()
    command = [
        "ssh-keygen",
        "-q",
        "-s",
        server.directory / "authority",
        "-I",
        "x",
        "-n",
        me,
        server.directory / "user.pub",
    ]
    subprocess.run(command, check=True)
    line = "cert-authority " + server.key("authority")
    certificate = f"CertificateFile={server.directory}/user-cert.pub"
    assert accounts.ssh_keys(line) == line and server.lets_in(line, certificate)
    with pytest.raises(ValueError, match="is a certificate, by which nobody logs in"):
        accounts.ssh_keys(server.key("user-cert"))
    assert not server.lets_in(server.key("user-cert"), certificate)


@given(st.text(st.sampled_from('restrict,pty"\\= \tcommand#\n-'), max_size=60))
def test_whatever_stands_before_a_key(options):
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKxrFVYfLxz7EcBYqmIbXQq0v1rmdyfUvnIkOBhJ1kuf x"
    try:
        assert accounts.ssh_keys(options + key) == (options + key).strip()
    except ValueError as error:
        assert str(error)
