# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The account control comes in by its key and in no other way."""

from __future__ import annotations

import socket
import subprocess

import pytest

from .conftest import output

HOST_KEY = "/mnt/matrixdata/ssh/ssh_host_ed25519_key.pub"


def ssh(site, *words, user="control", **options):
    """Log in to the pot and run a command; the finished process."""
    settings = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": site.place / "jail_hosts",
        "StrictHostKeyChecking": "accept-new",
        "ConnectTimeout": 5,
        **options,
    }
    command = [
        "ssh",
        "-F",
        "none",
        "-i",
        site.place / "id_ed25519",
        *(word for name, value in settings.items() for word in ("-o", f"{name}={value}")),
        f"{user}@{site.jail}",
        *words,
    ]
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


def test_the_key_opens(site):
    done = ssh(site, "id -un; pwd")
    assert done.stdout.split() == ["control", "/mnt/matrixdata/control"], done.stderr


@pytest.mark.parametrize("method", ["password", "keyboard-interactive"])
def test_nothing_else_is_offered(site, method):
    done = ssh(site, "true", PubkeyAuthentication="no", PreferredAuthentications=method)
    assert done.returncode == 255 and "Permission denied (publickey)" in done.stderr


@pytest.mark.parametrize("user", ["root", "toor"])
def test_others_stay_out_though_they_have_the_key(site, user):
    """Both have root's home, and so the same keys."""
    assert site.jail_run(f"grep '^{user}:' /etc/master.passwd").split(":")[8] == "/root"
    keys = "/root/.ssh/authorized_keys"
    site.jail_run(f"mkdir -p -m 700 /root/.ssh; test ! -e {keys} || cp -p {keys} {keys}.whole")
    try:
        site.inside(
            "/bin/sh",
            "-c",
            f"umask 077; cat >> {keys}",
            pot=site.machine,
            input=(site.place / "id_ed25519.pub").read_text(),
        )
        done = ssh(site, "true", user=user)
        assert done.returncode == 255 and "Permission denied (publickey)" in done.stderr
    finally:
        site.jail_run("if test -e %s.whole; then mv %s.whole %s; else rm -f %s; fi" % ((keys,) * 4))


def test_strict_modes_are_on_and_matter(site):
    assert "strictmodes yes" in site.jail_run("/usr/sbin/sshd -T").lower()
    site.jail_run("chmod 0777 /mnt/matrixdata/control")
    try:
        assert ssh(site, "true").returncode == 255
    finally:
        site.jail_run("chmod 0700 /mnt/matrixdata/control")
    assert ssh(site, "true").returncode == 0


def test_the_host_key_is_the_one_on_the_dataset(site):
    shown = output("ssh-keyscan", "-t", "ed25519", site.jail).split()[2]
    assert shown == site.jail_run("cat " + HOST_KEY).split()[1]
    # Others that ssh-keygen or the rc script made would be lost with the pot.
    assert site.jail_run("ls /etc/ssh/ssh_host_* 2>/dev/null", check=False) == ""


def test_it_becomes_root_only_when_asked_for(site):
    assert ssh(site, "doas id -u").stdout.strip() == "0"
    try:
        site.roles("control_user", matrix_control_user_privilege="none")
        assert ssh(site, "doas -n id -u").returncode != 0
        site.roles("control_user", matrix_control_user_privilege="sudo")
        assert ssh(site, "sudo -n id -u").stdout.strip() == "0"
        site.roles("control_user", matrix_control_user_privilege="none")
        assert ssh(site, "sudo -n id -u").returncode != 0
        assert "wheel" not in ssh(site, "id -Gn").stdout.split()
    finally:
        site.roles("control_user")
    assert site.roles("control_user").changes == []


@pytest.mark.thorough
def test_another_name_is_the_same_account(site):
    """And who takes all of it out of the inventory, the name as well, is rid of it."""
    try:
        site.roles("control_user", matrix_control_user_name="ops", matrix_control_user_privilege="doas")
        assert ssh(site, "id -un; pwd", user="ops").stdout.split() == ["ops", "/mnt/matrixdata/control"]
        assert ssh(site, "doas id -u", user="ops").stdout.strip() == "0"
        assert ssh(site, "true").returncode == 255
        assert (
            site.roles("control_user", matrix_control_user_name="ops", matrix_control_user_privilege="doas").changed
            == 0
        )
        site.roles("control_user", matrix_control_user=False)
        assert "*LOCKED*" in site.jail_run("grep ^ops: /etc/master.passwd")
        assert "sshd" not in site.jail_run("ps -axww -o command")
        assert site.jail_run("ls /usr/local/etc/doas.conf 2>/dev/null", check=False) == ""
    finally:
        site.roles("control_user")
    assert ssh(site, "id -un").stdout.strip() == "control"


@pytest.mark.thorough
def test_switched_off_it_is_refused(site):
    try:
        site.roles("control_user", matrix_control_user=False)
        with pytest.raises(OSError):
            socket.create_connection((site.jail, 22), timeout=2).close()
        assert "*LOCKED*" in site.jail_run("grep ^control: /etc/master.passwd")
        assert site.jail_run("ls /usr/local/etc/doas.conf 2>/dev/null", check=False) == ""
        assert site.roles("control_user", matrix_control_user=False).changes == []
    finally:
        site.roles("control_user")
    assert ssh(site, "true").returncode == 0
