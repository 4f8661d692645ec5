# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scenario that runs on a FreeBSD virtual machine, up to the moment at which FreeBSD itself is needed.

A boot sector of a few bytes stands in for the image: it shows that disk, seed, network, QEMU and console work, and it
has no ssh server.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
SCENARIO = TOP / "molecule/freebsd"
SAYS = "A stand-in boots here."


def boot_sector(text):
    """A disk whose boot sector writes a text to the serial port and halts."""
    code = bytes.fromhex("31c0 8ed8 fc be1a7c baf803 ac 84c0 7403 ee ebf8 f4 ebfd".replace(" ", ""))
    code = code.ljust(0x1A, b"\x90") + text.encode() + b"\r\n\0"
    return code.ljust(510, b"\0") + b"\x55\xaa" + bytes(1024 * 1024 - 512)


@pytest.fixture
def stand_in(tmp_path):
    path = tmp_path / "stand-in.img"
    path.write_bytes(boot_sector(SAYS))
    return path


def molecule(*arguments, **variables):
    """Run molecule on this scenario; the finished process with all it prints as text of one line."""
    environment = {**os.environ, **{"POTLUCK_FREEBSD_" + name.upper(): str(value) for name, value in variables.items()}}
    environment.update(ANSIBLE_NOCOLOR="1", NO_COLOR="1", ANSIBLE_FORCE_COLOR="0")
    result = subprocess.run(
        ["molecule", *arguments],
        cwd=TOP,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    result.said = re.sub(r"\s+", " ", re.sub(r"\x1b\[[0-9;]*m", "", result.stdout + result.stderr))
    return result


def left_behind():
    """What a scenario that was destroyed must not leave."""
    interfaces = subprocess.run(["ip", "-brief", "link"], capture_output=True, text=True, check=True).stdout
    processes = subprocess.run(
        ["pgrep", "-f", "qemu-system.*molecule"], capture_output=True, text=True, check=False
    ).stdout
    return ("tap-molecule" in interfaces, processes.strip())


def test_the_scenario_is_listed():
    result = molecule("list")
    assert result.returncode == 0 and re.search(r"\bfreebsd\b", result.said), result.said


def test_an_image_without_ssh_is_told_apart_from_everything_else(stand_in):
    packed = stand_in.with_name("stand-in.img.xz")
    packed.write_bytes(lzma.compress(stand_in.read_bytes()))
    checksum = "sha512:" + hashlib.sha512(packed.read_bytes()).hexdigest()
    result = molecule(
        "test",
        "-s",
        "freebsd",
        image=packed,
        image_checksum=checksum,
        boot_seconds=6,
        memory="256M",
        nameserver="192.0.2.53",
        zfs_disk="1G",
    )
    assert result.returncode != 0
    assert "runs, but no ssh server answered at 172.31.199.2 within 6 seconds" in result.said, result.said[-3000:]
    assert "It lacks a nuageinit or cloud-init that reads a NoCloud seed, or sshd" in result.said
    assert SAYS in result.said.partition("The end of its console: ")[2], result.said[-3000:]
    assert left_behind() == (False, "")


@pytest.mark.parametrize("disk", ["", "8G"])
def test_the_script_in_the_seed_is_one_that_sh_understands(disk, tmp_path):
    playbook = tmp_path / "seed.yml"
    key = tmp_path / "key"
    key.with_suffix(".pub").write_text("ssh-ed25519 AAAA test\n")
    playbook.write_text(
        "- {{hosts: localhost, connection: local, gather_facts: false, vars_files: [{}], "
        "tasks: [{{ansible.builtin.template: {{src: {}, dest: {}, mode: '0600'}}}}]}}\n".format(
            SCENARIO / "vars/main.yml", SCENARIO / "user-data.j2", tmp_path / "user-data"
        )
    )
    subprocess.run(
        [
            "ansible-playbook",
            playbook,
            "-e",
            f"key={key} nameserver=192.0.2.53 ansible_python_interpreter={sys.executable}",
        ],
        cwd=TOP,
        env={**os.environ, "POTLUCK_FREEBSD_ZFS_DISK": disk},
        check=True,
        capture_output=True,
    )
    script = (tmp_path / "user-data").read_text()
    subprocess.run(["shellcheck", "--shell=sh", "-"], input=script, text=True, check=True)
    assert script.startswith("#!/bin/sh\n") and "ssh-ed25519 AAAA test\n" in script
    assert ("zpool create" in script) == bool(disk)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (
            {"image": "/nowhere/freebsd.qcow2"},
            "There is no image /nowhere/freebsd.qcow2; give its path or its address as POTLUCK_FREEBSD_IMAGE.",
        ),
        ({"image_checksum": "sha512:" + "0" * 128}, "is not the image that POTLUCK_FREEBSD_IMAGE_CHECKSUM describes."),
        ({"ssh_key": "/nowhere/key"}, "POTLUCK_FREEBSD_SSH_KEY: there is no private key /nowhere/key."),
    ],
)
def test_a_wrong_value_is_told_before_anything_is_started(stand_in, variables, sentence):
    result = molecule("create", "-s", "freebsd", **{"image": stand_in, "nameserver": "192.0.2.53", **variables})
    try:
        assert result.returncode != 0 and sentence in result.said, result.said[-3000:]
        assert left_behind() == (False, "")
    finally:
        molecule("destroy", "-s", "freebsd")
