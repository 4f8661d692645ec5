# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host: its directory, its processes, and what the launcher's commands do with it."""

from __future__ import annotations

import argparse
import compileall
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import mounts
import release
import skeleton
import socketrules

from launcher import booting, disk
from launcher.bridge import bridge_down, bridge_up
from launcher.common import (
    BRIDGE,
    FIRST,
    GATEWAY,
    LAST,
    NETWORK,
    NIC,
    PATH,
    STATE,
    Failure,
    exclusive,
    group_name,
    libc_call,
    names,
    run,
    started_at,
    wait_until,
)

STOP_TIMEOUT = 120


class Double:
    """One host: its directory and the processes that make it."""

    def __init__(self, name: str):
        if not name or not all(character.isalnum() or character in "-_" for character in name) or len(name) > 60:
            raise Failure(f"{name!r} is no name for a double: letters, digits, - and _ only")
        self.name = name
        self.directory = STATE / name

    @property
    def namespace(self) -> str:
        return "potluck-" + self.name

    @property
    def veth(self) -> str:
        """The bridge's end; an interface's name is at most 15 characters, so it bears the address and not the name."""
        return "pl" + self.config()["address"].replace(".", "-")[-12:]

    def config(self) -> dict:
        try:
            return json.loads((self.directory / "config.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise Failure(f"no double {self.name}") from None

    def release(self) -> release.Release:
        """The FreeBSD it was started as."""
        return release.named(self.config()["release"])

    def exists(self) -> bool:
        return (self.directory / "config.json").exists()

    def remember(self, role: str, pid: int) -> None:
        (self.directory / f"{role}.pid").write_text(f"{pid} {started_at(pid)}\n", encoding="utf-8")

    def pid(self, role: str) -> int:
        """The living process in this role ('init' or 'keeper'), 0 if there is none."""
        try:
            pid, _sign, ticks = (self.directory / f"{role}.pid").read_text(encoding="utf-8").strip().partition(" ")
        except OSError:
            return 0
        return int(pid) if ticks and started_at(int(pid)) == ticks else 0

    def kill(self, role: str) -> None:
        """SIGKILL and wait; killing init ends everything in its pid namespace."""
        pid = self.pid(role)
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: not self.pid(role), 20, f"{self.name}: process {pid} does not end")

    def network_up(self) -> None:
        """A fresh network namespace with a NIC on the bridge; a rebooted host must not keep yesterday's aliases."""
        with exclusive():
            self.network_down()
            bridge_up()
            config = self.config()
            last = int(config["address"].rpartition(".")[2])
            run("ip", "netns", "add", self.namespace)
            inside = ("ip", "-n", self.namespace)
            mac = f"58:9c:fc:00:{last:02x}:01"
            run(
                "ip",
                "link",
                "add",
                self.veth,
                "type",
                "veth",
                "peer",
                "name",
                NIC,
                "address",
                mac,
                "netns",
                self.namespace,
            )
            run("ip", "link", "set", self.veth, "master", BRIDGE, "up")
            run(*inside, "link", "set", "lo", "up")
            # Nothing in rc.conf asks for it: FreeBSD marks such an interface IFDISABLED.
            switch = f"echo 1 > /proc/sys/net/ipv6/conf/{NIC}/disable_ipv6"
            run("ip", "netns", "exec", self.namespace, "/bin/sh", "-c", switch)
            run(*inside, "address", "add", config["address"] + "/24", "broadcast", "+", "dev", NIC)
            run(*inside, "link", "set", NIC, "up")
            run(*inside, "route", "add", "default", "via", GATEWAY)

    def network_down(self) -> None:
        run("ip", "link", "delete", self.veth, check=False)
        run("ip", "netns", "delete", self.namespace, check=False)

    def enrol(self, address: str | None, config: dict, preferred: str | None = None) -> None:
        """Take an address and remember what the double is. Unless told which: the preferred one, or else the first,
        that is free.
        """
        # Every command of a double is a Python that starts with what it finds compiled.
        compileall.compile_dir(Path(__file__).parents[1], quiet=2)
        with exclusive():
            taken = {Double(name).config()["address"] for name in names()}
            if address in taken:
                raise Failure(f"{address} is taken")
            candidates = [address] if address else [preferred, *(f"{NETWORK}.{n}" for n in range(FIRST, LAST + 1))]
            address = next((candidate for candidate in candidates if candidate and candidate not in taken), None)
            if not address:
                raise Failure("no address left")
            self.directory.mkdir(parents=True, exist_ok=True)
            (self.directory / "config.json").write_text(json.dumps({"address": address, **config}), encoding="utf-8")

    def start(self, options: argparse.Namespace) -> None:
        if self.exists():
            if self.pid("init"):
                raise Failure(f"{self.name} is running already at {self.config()['address']}")
            self.kill("keeper")
            booting.power_on(self)
            return
        keys = []
        for path in options.ssh_key or []:
            keys.append(Path(path).read_text(encoding="utf-8").strip() + "\n")
        self.enrol(
            options.address,
            {"hostname": options.hostname or f"{self.name}.example.test", "ssh_keys": keys, "release": options.release},
        )
        try:
            disk.create(self, options.disk)
            booting.power_on(self)
        except BaseException:
            if not options.keep:
                self.stop()
            raise

    def halt(self) -> None:
        """Shut down orderly, and wait until nobody holds the disk any more."""
        pid = self.pid("init")
        if pid:
            os.kill(pid, signal.SIGTERM)
            wait_until(
                lambda: not self.pid("init") and not self.pid("keeper"), STOP_TIMEOUT, f"{self.name} does not go down"
            )
        # The kernel gives the disk back a moment after the last process of its namespace has gone.
        wait_until(lambda: not disk.loops(self), STOP_TIMEOUT, f"{self.name}: its disk is still in use")

    def save(self, directory: Path, leave_down: bool) -> None:
        """Copy the disk, at rest, and what the double is into a new directory, which is there complete or not at
        all.
        """
        config = self.config()
        running = bool(self.pid("init"))
        if directory.exists():
            raise Failure(f"{directory} is there already")
        self.halt()
        directory.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
        try:
            disk.copy_disk(self.directory / "disk.img", unfinished / "disk.img")
            (unfinished / "config.json").write_text(json.dumps(config), encoding="utf-8")
            unfinished.rename(directory)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        finally:
            if running and not leave_down:
                booting.power_on(self)

    def clone(self, directory: Path, address: str | None, hostname: str | None) -> None:
        """Boot a saved disk under this name; at its former address if nobody has that and no other is asked for."""
        if self.exists():
            raise Failure(f"there is a double {self.name} already")
        try:
            saved = json.loads((directory / "config.json").read_text(encoding="utf-8"))
        except OSError:
            raise Failure(f"{directory}: no double was saved there") from None
        config = {**saved, "hostname": hostname or saved["hostname"]}
        self.enrol(address, config, preferred=config.pop("address"))
        try:
            disk.copy_disk(directory / "disk.img", self.directory / "disk.img")
            disk.rename(self, saved)
            booting.power_on(self)
        except BaseException:
            self.stop()
            raise

    def upgrade(self, wanted: str) -> None:
        """What freebsd-update and the reboots in between do to a host: a newer kernel and base system, everybody's
        files as they were.
        """
        config = self.config()
        if release.named(wanted).major <= self.release().major:
            raise Failure(f"{self.name} is {config['release']} already, which {wanted} is no upgrade of")
        self.halt()
        with disk.attached(self) as mounted:
            skeleton.upgrade(str(mounted / "ufs"), release.named(wanted))
        config = {"installed": config["release"], **config, "release": wanted}
        (self.directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
        booting.power_on(self)

    def stop(self) -> None:
        """End everything and remove every trace; also what a killed launcher left."""
        self.kill("keeper")
        self.kill("init")
        with exclusive():
            if self.exists():
                self.network_down()
            mounted = str(self.directory / "disk")
            if mounts.is_mounted(mounted):
                mounts.umount(mounted, mounts.MNT_DETACH)
            for device in disk.loops(self):
                run("losetup", "--detach", device, check=False)
            socketrules.forget_groups(group_name(self.name))
            shutil.rmtree(self.directory, ignore_errors=True)
            bridge_down()

    def reboot(self) -> None:
        pid = self.pid("init")
        if not pid:
            raise Failure(f"{self.name} is not running")
        if not self.pid("keeper"):
            raise Failure(f"{self.name} has lost its keeper; stop it, or use crash")
        os.kill(pid, signal.SIGINT)
        wait_until(lambda: self.pid("init") != pid, STOP_TIMEOUT, f"{self.name} does not go down")
        booting.wait_booted(self)

    def crash(self) -> None:
        self.config()
        self.kill("keeper")
        self.kill("init")
        # No real host boots in the second in which it went down; pot compares times of files with the boot's in whole
        # seconds.
        time.sleep(1)
        booting.power_on(self)

    def execute(self, command: list[str]) -> int:
        """Run a command as root on the double, with the standard streams of the caller; returns its exit code."""
        pid = self.pid("init")
        if not pid:
            raise Failure(f"{self.name} is not running")
        shell = skeleton.root_shell(self.release())
        handles = [(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY), flag) for name, flag in booting.NAMESPACES]
        root = os.open(f"/proc/{pid}/root", os.O_RDONLY)
        for handle, flag in handles:
            libc_call("setns", handle, flag)
        os.fchdir(root)
        os.chroot(".")
        os.chdir("/root")
        child = os.fork()
        if child == 0:
            os.umask(0o022)
            os.setgroups([0, 5])
            # Python ignores it, and a program in a pipe must not inherit that.
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.closerange(3, 64)
            environment = {
                "PATH": PATH,
                "HOME": "/root",
                "USER": "root",
                "LOGNAME": "root",
                "SHELL": shell,
                "TERM": os.environ.get("TERM", "dumb"),
            }
            try:
                os.execvpe(command[0], command, environment)
            except OSError as problem:
                print(f"double exec: {command[0]}: {problem.strerror}", file=sys.stderr)
                os._exit(127)
        for number in (signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_IGN)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return code if code >= 0 else 128 - code
