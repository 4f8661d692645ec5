# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import re
import subprocess
import time

import pytest
from ansible.errors import AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from ansible.template import Templar

from .conftest import HERE, NOBODY

AWKWARD = 'it\'s "awkward"!! \\n \\\\ $NOWHERE `id` %s\n\ttwo ends\n\n* ~ {a,b} Ünicöde \U0001f600'
NAMES = ["plain", "with blank", "quo\"te's", "new\nline", "-dash", "wow!!", "ü$HOME`id`"]


def connect(machine, pot="chat", **more):
    """A connection plugin set up as the task executor does it."""
    variables = machine.variables(pot, **more)
    context = PlayContext()
    context.remote_addr = machine.address
    plugin = connection_loader.get("potluck.matrix.pot", context)
    plugin.set_options(var_options=plugin._resolve_option_variables(variables, Templar(None, variables)))
    return plugin


def test_tasks_in_a_pot(machine, tmp_path):
    large = tmp_path / "large"
    large.write_bytes(os.urandom(2**16) * 1024)
    script = tmp_path / "script"
    script.write_text('#!/bin/sh\necho "got $1"\n')
    extra = {
        "awkward": AWKWARD,
        "large": str(large),
        "script": str(script),
        "machine_hostname": machine.run("hostname -s").strip(),
        "become_methods": ["ansible.builtin.su", "ansible.builtin.sudo", "community.general.doas"],
    }
    hosts = {
        "chat": machine.variables("chat"),
        "bare": machine.variables("bare"),
        "machine": {**machine.variables("none"), "ansible_connection": "ssh"},
    }
    for host in ("chat", "bare"):  # the play's keyword is what the documentation recommends
        del hosts[host]["ansible_connection"]
    code, output = machine.ansible("ansible-playbook", hosts, "-e", json.dumps(extra), str(HERE / "inside.yml"))
    assert code == 0, output
    assert (tmp_path / "large.fetched").read_bytes() == large.read_bytes()


@pytest.mark.parametrize("privilege", ["doas", "sudo"])
def test_a_login_user_who_is_not_root(machine, privilege):
    hosts = {"chat": machine.variables("chat", ansible_user="login", ansible_pot_privilege_command=privilege)}
    code, output = machine.ansible("ansible", hosts, "chat", "-m", "command", "-a", "id -un")
    assert code == 0 and "root" in output, output
    plugin = connect(machine, ansible_user="login", ansible_pot_privilege_command=privilege)
    assert plugin.exec_command("printf %s '" + AWKWARD.replace("'", "'\\''") + "'") == (0, AWKWARD.encode(), b"")


def test_a_login_user_who_becomes_root_on_the_host(machine, tmp_path):
    """By the real doas and sudo, which the pot need not have: the same variables lead into the pot and to the host."""
    (tmp_path / "large").write_bytes(os.urandom(100_000))
    ways = {
        "doas": {"ansible_become_method": "potluck.matrix.doas"},
        "general": {"ansible_become_method": "community.general.doas"},
        "sudo": {"ansible_become_method": "sudo", "ansible_become_password": "secret"},
        # What only matters without become.
        "both": {"ansible_become_method": "potluck.matrix.doas", "ansible_pot_privilege_command": "doas"},
    }
    hosts = {
        f"{way}-{where}": {
            **machine.variables("bare", ansible_user="admin", ansible_become=True, **more),
            "ansible_connection": connection,
        }
        for way, more in ways.items()
        for where, connection in (("pot", "potluck.matrix.pot"), ("host", "ssh"))
    }
    code, output = machine.ansible("ansible", hosts, "all", "-o", "-m", "raw", "-a", "id -un; hostname -s")
    for host in hosts:
        name = "bare" if host.endswith("pot") else machine.run("hostname -s").strip()
        assert code == 0 and re.search(rf"^{host} .*root\\r?\\n{name}\\r?\\n", output, re.MULTILINE), output
    hosts = {
        way: {**machine.variables("chat", ansible_user="admin", ansible_become=True, **more)}
        for way, more in ways.items()
    }
    code, output = machine.ansible(
        "ansible", hosts, "all", "-m", "copy", "-a", f"src={tmp_path}/large dest=/root/by-{{{{ inventory_hostname }}}}"
    )
    assert code == 0, output
    machine.run("jexec -l chat cmp /root/by-doas /root/by-sudo")
    # On the command line, and to another user of the pot.
    hosts = {"chat": machine.variables("chat", ansible_user="admin")}
    become = ["--become", "--become-method", "potluck.matrix.doas"]
    code, output = machine.ansible("ansible", hosts, "chat", *become, "-m", "command", "-a", "id -un")
    assert code == 0 and "root" in output, output
    hosts = {"chat": machine.variables("chat", ansible_user="login", ansible_pot_privilege_command="doas")}
    code, output = machine.ansible(
        "ansible", hosts, "chat", *become, "--become-user", "somebody", "-m", "command", "-a", "id -un"
    )
    assert code == 0 and "somebody" in output, output


def test_a_login_user_who_does_not_become_root_on_the_host(machine):
    ways = {
        "permission": ("plain", {"ansible_become_method": "potluck.matrix.doas"}, "doas: Operation not permitted"),
        "program": ("admin", {"ansible_become_exe": "doaz"}, "has no doaz, which ansible_become_method asks for"),
        "password": ("admin", {"ansible_become_method": "sudo"}, "Missing sudo password"),
        "wrong": (
            "admin",
            {"ansible_become_method": "sudo", "ansible_become_password": "x"},
            "Incorrect sudo password",
        ),
    }
    hosts = {
        way: machine.variables("chat", ansible_user=user, ansible_become=True, **more)
        for way, (user, more, _said) in ways.items()
    }
    code, output = machine.ansible("ansible", hosts, "all", "-o", "-m", "ping")
    assert code == 4 and "temporary directory" not in output
    for way, (_user, _more, said) in ways.items():
        assert re.search(rf"^{way} \| UNREACHABLE.*{said}", output, re.MULTILINE), output


@pytest.mark.parametrize("name", NAMES)
def test_files_of_any_name(machine, tmp_path, name):
    plugin = connect(machine)
    (tmp_path / "local").write_bytes(bytes(range(256)) * 40)
    plugin.put_file(str(tmp_path / "local"), "/root/" + name)
    plugin.fetch_file("/root/" + name, str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == bytes(range(256)) * 40


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_files_of_any_size(machine, tmp_path, size):
    plugin = connect(machine)
    (tmp_path / "local").write_bytes(os.urandom(size))
    plugin.put_file(str(tmp_path / "local"), "/root/sized")
    plugin.fetch_file("/root/sized", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == (tmp_path / "local").read_bytes()


def test_links_planted_in_the_pot_lead_nowhere(machine, tmp_path):
    machine.run("rm -rf /etc/victims; mkdir /etc/victims; echo host > /etc/victims/file")
    machine.run(
        "jexec -l chat /bin/sh -c 'rm -rf /etc/victims /root/.ansible; mkdir -p /etc/victims /root/.ansible; "
        "ln -s /etc/victims/file /root/link; ln -s /etc/victims /root/.ansible/tmp; ln -s "
        "../../../../../../../../etc/victims /root/up'"
    )
    (tmp_path / "local").write_text("from the controller")
    plugin = connect(machine)
    plugin.put_file(str(tmp_path / "local"), "/root/link")
    plugin.put_file(str(tmp_path / "local"), "/root/up/file")
    plugin.fetch_file("/root/up/file", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "from the controller"
    # Modules use a temporary directory below the link.
    hosts = {"chat": machine.variables("chat", ansible_pipelining=False)}
    code, output = machine.ansible("ansible", hosts, "chat", "-m", "copy", "-a", "content=x dest=/root/up/copied")
    assert code == 0, output
    assert machine.run("ls /etc/victims; cat /etc/victims/file") == "file\nhost\n"
    assert (
        machine.run("jexec -l chat /bin/sh -c 'ls /etc/victims; cat /etc/victims/file'")
        == "copied\nfile\nfrom the controller"
    )
    assert machine.run("jexec -l chat stat -f %HT /root/link").strip() == "Regular File"
    machine.run("jexec -l chat rm -rf /root/.ansible /root/link /root/up /etc/victims")


@pytest.mark.parametrize(
    "pot, message",
    [
        ("halted", 'pot "halted" on host "{address}" is stopped; start it with: pot start halted'),
        ("gone", 'no pot named "gone" on host "{address}"'),
    ],
)
@pytest.mark.parametrize("module", [("ping", ""), ("raw", "true")])
def test_a_pot_that_does_not_run_is_unreachable(machine, pot, message, module):
    code, output = machine.ansible("ansible", {"x": machine.variables(pot)}, "x", "-m", module[0], "-a", module[1])
    assert code == 4 and "UNREACHABLE" in output, output
    assert (
        message.format(address=machine.address).replace('"', '\\"') in output
        or message.format(address=machine.address) in output
    )


def test_a_host_that_does_not_answer_is_unreachable(machine):
    code, output = machine.ansible("ansible", {"x": machine.variables("chat", ansible_host=NOBODY)}, "x", "-m", "ping")
    assert code == 4 and "UNREACHABLE" in output and "reached over ssh" in output, output


@pytest.mark.parametrize("pipelining", [True, False])
def test_no_python_in_the_pot(machine, pipelining):
    code, output = machine.ansible(
        "ansible", {"x": machine.variables("bare", ansible_pipelining=pipelining)}, "x", "-m", "ping"
    )
    assert code == 2 and "FAILED" in output and "UNREACHABLE" not in output, output
    assert "no Python in pot" in output and "package python311" in output, output


@pytest.mark.parametrize(
    "user, privilege, message",
    [
        ("plain", "none", "may not enter pots"),
        ("plain", "doas", "doas on host"),
        ("plain", "sudo", "sudo on host"),
    ],
)
def test_a_login_user_without_the_right(machine, user, privilege, message):
    code, output = machine.ansible(
        "ansible",
        {"x": machine.variables("chat", ansible_user=user, ansible_pot_privilege_command=privilege)},
        "x",
        "-m",
        "ping",
    )
    assert code == 4 and "UNREACHABLE" in output and message in output and "temporary directory" not in output, output


def test_a_missing_privilege_command(machine):
    machine.run("mv /usr/local/bin/doas /usr/local/bin/doas.away")
    try:
        for user in ("login", "plain"):  # csh and sh put it differently
            hosts = {"x": machine.variables("chat", ansible_user=user, ansible_pot_privilege_command="doas")}
            code, output = machine.ansible("ansible", hosts, "x", "-m", "ping")
            assert code == 4 and "has no doas" in output and "temporary directory" not in output, output
    finally:
        machine.run("mv /usr/local/bin/doas.away /usr/local/bin/doas")


def test_a_pot_that_stops_and_starts_again(machine):
    plugin = connect(machine)
    assert plugin.exec_command("true")[0] == 0
    machine.run("pot stop chat")
    with pytest.raises(AnsibleError, match="is stopped"):
        plugin.exec_command("true")
    machine.run('env -i PATH="$PATH" pot start chat')
    assert plugin.exec_command("true")[0] == 0


def test_a_host_that_goes_silent_ends_the_run(machine):
    """Packets from the host are lost from one moment to the next, as when it loses power or a firewall forgets the
    connection.
    """
    usual = {"ANSIBLE_SSH_ARGS": "-C -o ControlMaster=auto -o ControlPersist=60s"}
    # The connection that other plays have left open knows nothing of signs of life.
    hosts = {"machine": {**machine.variables("none"), "ansible_connection": "ssh"}}
    code, output = machine.ansible("ansible", hosts, "machine", "-m", "raw", "-a", "true", **usual)
    assert code == 0, output
    silence = ["INPUT", "-s", machine.address, "-j", "DROP"]
    with machine.begin(
        "ansible", {"chat": machine.variables("chat")}, "chat", "-m", "command", "-a", "sleep 613", **usual
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while "sleep 613" not in machine.run("ps -axww -o command"):
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.5)
            begun = time.monotonic()
            subprocess.run(["iptables", "-w", "-I", *silence], check=True)
            try:
                output = process.communicate(timeout=150)[0]
            finally:
                subprocess.run(["iptables", "-w", "-D", *silence], check=True)
        finally:
            process.kill()
    assert process.returncode == 4 and "UNREACHABLE" in output, output
    assert 30 < time.monotonic() - begun < 120, output
    machine.run('pkill -f "sleep 613" || true')


def test_sixty_four_mebibytes_take_seconds(machine, tmp_path):
    (tmp_path / "local").write_bytes(os.urandom(2**16) * 1024)
    plugin = connect(machine)
    begun = time.monotonic()
    plugin.put_file(str(tmp_path / "local"), "/root/large")
    plugin.fetch_file("/root/large", str(tmp_path / "back"))
    assert time.monotonic() - begun < 60
    assert (tmp_path / "back").read_bytes() == (tmp_path / "local").read_bytes()
