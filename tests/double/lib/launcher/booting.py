# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's way up: its process 1 in namespaces of its own, and the keeper that boots it again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from typing import TYPE_CHECKING

import mounts
import release
import skeleton

from launcher import disk as disks
from launcher.common import PATH, Failure, group_name, libc_call, run, wait_until

if TYPE_CHECKING:
    from launcher.host import Double

START_TIMEOUT = 300
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = (
    0x20000,
    0x4000000,
    0x8000000,
    0x20000000,
    0x40000000,
)
NAMESPACES = (
    ("ipc", CLONE_NEWIPC),
    ("uts", CLONE_NEWUTS),
    ("net", CLONE_NEWNET),
    ("pid", CLONE_NEWPID),
    ("mnt", CLONE_NEWNS),
)


def boot(double: Double) -> int:
    """Start process 1 in namespaces of its own and return its pid, as the main namespace sees it."""
    double.network_up()
    config = {**double.config(), "group": group_name(double.name)}
    receiver, sender = os.pipe()
    middle = os.fork()
    if middle == 0:
        try:
            os.close(receiver)
            net = os.open(f"/run/netns/{double.namespace}", os.O_RDONLY)
            libc_call("setns", net, CLONE_NEWNET)
            os.close(net)
            libc_call("unshare", CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID)
            mounts.mount("none", "/", None, mounts.MS_REC | mounts.MS_PRIVATE)
            child = os.fork()
            if child == 0:
                os.close(sender)
                become_init(double, config)
            os.write(sender, str(child).encode())
            os.close(sender)
            _rest, status = os.waitpid(child, 0)
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
        except BaseException as problem:  # the parent reports through the log
            print(f"{double.name}: {problem}", file=sys.stderr, flush=True)
            os._exit(70)
    os.close(sender)
    with os.fdopen(receiver, "rb") as stream:
        text = stream.read()
    double.middle = middle
    if not text:
        os.waitpid(middle, 0)
        raise Failure(f"{double.name}: boot failed, see {double.directory}/keeper.log")
    double.remember("init", int(text))
    return int(text)


def become_init(double: Double, config: dict) -> None:
    """In the new process 1: mount the disk, make it the root, start init. Does not return."""
    try:
        os.setsid()
        # A process that died in here takes nothing with it: without this, orphans of the launcher's session survive.
        disk = double.directory / "disk"
        disk.mkdir(exist_ok=True)
        run("mount", "-o", "loop,noatime", str(double.directory / "disk.img"), str(disk))
        root = disk / "ufs"
        mounts.bind(str(root), str(root))
        skeleton.link_commands(str(root), release.userland(str(root)))
        who = {
            "kind": "host",
            "name": double.name,
            "hostname": config["hostname"],
            "address": config["address"],
            "release": double.release().full,
            "group": config["group"],
        }
        mounts.prepare_root(str(root), who, disk=str(disk))
        mounted = disks.first_mounts(double)
        hostname = config["hostname"].encode()
        libc_call("sethostname", hostname, len(hostname))
        os.chdir(root)
        libc_call("pivot_root", b".", b".")
        mounts.umount(".", mounts.MNT_DETACH)
        os.chroot(".")
        os.chdir("/")
        os.umask(0o022)
        os.setgroups([0, 5])
        open("/.double/run/boottime", "w", encoding="utf-8").close()
        table = "/.double/run/mounts.json"
        with open(table, "w", encoding="utf-8") as stream:
            keys = ("device", "path", "fstype", "dump", "pass")
            json.dump([{**dict(zip(keys, (*row, row[3]), strict=True)), "options": "rw"} for row in mounted], stream)
        os.execve(
            "/.double/usr/bin/python3", ["/.double/usr/bin/python3", "-IS", "/.double/lib/init.py"], {"PATH": PATH}
        )
    except BaseException as problem:
        print(f"{double.name}: {problem}", file=sys.stderr, flush=True)
        os._exit(71)


def keep(double: Double) -> None:
    """Be the host's power supply: boot it, boot it again when it reboots, end when it halts. Runs in the background."""
    while True:
        boot(double)
        _rest, status = os.waitpid(double.middle, 0)
        if os.waitstatus_to_exitcode(status) != 3 or not double.exists():
            break
    with contextlib.suppress(OSError):
        (double.directory / "init.pid").unlink()


def power_on(double: Double) -> None:
    """Start the keeper and wait until ssh answers."""
    os.makedirs(double.directory, exist_ok=True)
    log = os.open(double.directory / "keeper.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            os.dup2(null, 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.closerange(3, 64)
            os.chdir("/")
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            keep(double)
        except BaseException as problem:
            print(problem, file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    os.close(log)
    double.remember("keeper", pid)
    wait_booted(double)


def wait_booted(double: Double) -> None:
    def booted() -> bool:
        pid = double.pid("init")
        if pid and os.path.exists(f"/proc/{pid}/root/.double/run/booted"):
            return True
        if not double.pid("keeper"):
            raise Failure(
                f"{double.name} does not boot: " + (double.directory / "keeper.log").read_text(encoding="utf-8").strip()
            )
        return False

    wait_until(booted, START_TIMEOUT, f"{double.name} does not finish booting, see: double console {double.name}")
