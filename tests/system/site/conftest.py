# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One homeserver on a double of its own with a certificate from a real ACME CA, deployed once for all tests of this
directory.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "tests/tools"))

import saved
from deployment import DOUBLE, Deployment, authority, output
from matrix_client import Homeserver
from outcome import Outcome

# Where newer packages are than those that a homeserver is deployed with.
LATEST = "http://pkg.example.test/FreeBSD:13:amd64/latest"
# No secret of a server contains it by chance.
MARKER = "shown-nowhere-7d1f"
# What ssh, Ansible, logs and cron leave behind.
UNIMPORTANT = r"""(^|/)(var/(log|run|tmp|mail|db/node_exporter)|tmp|\.ansible|__pycache__)(/|$)|^ufs/(dev|proc)(/|$)"""
FETCHED = r"/var/db/(pkg/repos|freebsd-update)(/|$)|/var/db/pkg$"
LOOK = r"""
import hashlib, json, os, re, stat, sys
unimportant, found = re.compile(sys.argv[1]), {}
for parent, directories, files in os.walk("/.double/disk"):
    inside = os.path.relpath(parent, "/.double/disk")
    directories[:] = [
        name for name in directories if not unimportant.search(os.path.normpath(os.path.join(inside, name)))
    ]
    for name in directories + files:
        path = os.path.join(parent, name)
        shown = os.path.normpath(os.path.join(inside, name))
        if unimportant.search(shown):
            continue
        try:
            status = os.lstat(path)
            entry = [oct(status.st_mode), status.st_uid, status.st_gid]
            if stat.S_ISLNK(status.st_mode):
                entry.append(os.readlink(path))
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as stream:
                    entry += [hashlib.file_digest(stream, "sha256").hexdigest(), status.st_mtime_ns]
        except FileNotFoundError:
            continue
        found[shown] = entry
json.dump(found, sys.stdout)
"""


class Site(Deployment):
    """The deployment with what tests ask about it."""

    def __init__(
        self,
        place,
        name="site1",
        machine="10.199.0.80",
        neighbours="10.199.0.12",
        domain="site.test",
        jail="10.199.0.180",
        release="",
    ):
        super().__init__(place, domain, (name, machine), jail, (name, neighbours), [], release=release)
        self.usual = {}
        self.runs = 0

    def start_neighbours(self):
        known = ["--address", self.address, "--host", f"{self.domain}={self.jail}"]
        self.neighbour("dns", *known)
        pebble = self.neighbour("pebble", *known)
        return {
            "matrix_acme_directory": pebble["directory"],
            "matrix_acme_ca_file": str(authority() / "ca.crt"),
            "matrix_verify_ca_file": self.trust(pebble),
        }

    def start(self):
        self.start_machine()
        self.introduce()

    def introduce(self):
        """Start the neighbours and write the inventory."""
        self.usual = {
            "matrix_control_user": False,
            "matrix_shared_secret": MARKER + self.remembered("shared"),
            **self.start_neighbours(),
        }
        self.describe(**self.usual)

    def deploy(self):
        """The homeserver, with an administrator."""
        self.succeed()

    def stop(self):
        self.disconnect()
        super().stop()

    # --- Ansible ---

    def environment(self, **more):
        return super().environment(ANSIBLE_NOCOLOR="1", ANSIBLE_SSH_CONTROL_PATH_DIR=str(self.place / "cp"), **more)

    def disconnect(self):
        """End the shared ssh connections, which outlive Ansible."""
        for path in (self.place / "cp").glob("*"):
            subprocess.run(
                ["ssh", "-O", "exit", "-o", f"ControlPath={path}", "machine"], capture_output=True, check=False
            )

    def begin(self, *arguments, playbook="site", **variables):
        """Start a playbook with changed variables in a session of its own; (process, file with what it prints)."""
        self.describe(**{**self.usual, **variables})
        self.runs += 1
        path = self.place / ("run-%d.log" % self.runs)
        with open(path, "wb") as stream:
            return subprocess.Popen(
                self.command(playbook, *arguments),
                env=self.environment(),
                cwd=TOP,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            ), path

    def play(self, *arguments, playbook="site", **variables):
        """Run a playbook; what came of it."""
        process, path = self.begin(*arguments, playbook=playbook, **variables)
        try:
            code = process.wait()
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return Outcome(code, path.read_text(encoding="utf-8"))

    def succeed(self, *arguments, changed=None, **more):
        """Run a playbook that has to end well, with that many changes if it is told how many."""
        outcome = self.play(*arguments, **more)
        if outcome.code or changed not in (None, outcome.changed):
            pytest.fail("exit code %d, %d changes, wanted %s\n%s" % (outcome.code, outcome.changed, changed, outcome))
        return outcome

    @contextlib.contextmanager
    def way_back(self, *arguments):
        """Whatever goes wrong in here, the tests that follow find the homeserver as it was, as far as a run can make it
        so.
        """
        try:
            yield
        except (Exception, pytest.fail.Exception):
            self.play(*arguments)
            raise

    @contextlib.contextmanager
    def half_a_repository(self, package, fault):
        """All repositories serve a package as tests/double/lib/pkgng/fetching.py has it, and nothing is left of what
        was fetched before.
        """
        faults = "/.double/run/faults/repository"
        self.inside("/bin/sh", "-c", f"mkdir -p {faults} && cat >{faults}/{package}", input=fault)
        for pot in (None, self.machine):
            self.inside("rm", "-rf", "/var/cache/pkg", pot=pot, check=False)
        try:
            yield
        finally:
            self.inside("rm", "-r", faults)

    # --- looking ---

    def look(self):
        """Everything on the host's disk: path to [mode, owner, group, SHA-256 or target, time of modification in
        ns].
        """
        return json.loads(self.inside("/.double/usr/bin/python3", "-I", "-", UNIMPORTANT, input=LOOK).stdout)

    @staticmethod
    def differences(before, after):
        """Path to (before, after) of what two looks see differently, but for Synapse's database, which works on."""
        paths = [
            path
            for path in sorted(before.keys() | after.keys())
            if before.get(path) != after.get(path) and "/matrix_homeserver.db" not in path
        ]
        return {path: (before.get(path), after.get(path)) for path in paths}

    @contextlib.contextmanager
    def untouched(self):
        """Nothing on the host changes in here but what pkg and freebsd-update fetch to find out what there is; neither
        does the pot restart.
        """
        before, jail = self.look(), self.jid()
        yield
        changed = self.differences(before, self.look())
        assert {path: how for path, how in changed.items() if not re.search(FETCHED, path)} == {}
        assert self.jid() == jail

    def read(self, path):
        """A file in the pot."""
        return self.inside("cat", path, pot=self.machine).stdout

    def pid(self, file):
        return self.read("/var/run/" + file).strip()

    def jid(self):
        return self.inside("jls", "-j", self.machine, "jid").stdout.strip()

    def client(self, ca=None, scheme="https", **more):
        return Homeserver(
            f"{scheme}://{self.domain}", ca=str(ca or self.usual["matrix_verify_ca_file"]), address=self.jail, **more
        )

    def power(self, verb):
        """Reboot or crash the host."""
        output(DOUBLE, verb, self.machine)

    def wait(self, seconds=90):
        """Until clients are answered, after a boot of the host."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.client().versions()
            except (AssertionError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)

    def secrets(self):
        """What no output may show."""
        names = ("macaroon_secret_key", "form_secret", "registration_shared_secret")
        found = [self.read("/mnt/matrixdata/matrix-synapse/secrets/" + name).strip() for name in names]
        return [
            MARKER,
            self.read("/mnt/matrixdata/matrix-synapse/signing.key").split()[-1],
            self.remembered("admin"),
            *found,
        ]


class Life:
    """What a user of the homeserver has, and has to keep: a session, a file, the server's identity."""

    def __init__(self, site):
        self.site = site
        client = site.client()
        self.token = client.login("admin", site.remembered("admin"))
        self.content = os.urandom(100000)
        self.file = client.upload(self.content)
        self.key = client.federation_key()
        self.certificate = self.fingerprint()

    def fingerprint(self):
        return hashlib.sha256(self.site.read("/mnt/matrixdata/tls/fullchain.pem").encode()).hexdigest()

    def goes_on(self):
        client = self.site.client()
        assert client.use_token(self.token) == "@admin:" + self.site.domain
        assert client.download(self.file) == self.content
        assert client.federation_key() == self.key
        assert self.fingerprint() == self.certificate, "the certificate was issued anew"


def snapshots(site):
    """The names of all snapshots of the host."""
    return set(site.inside("zfs", "list", "-H", "-o", "name", "-t", "snapshot").stdout.split())


class Writer(threading.Thread):
    """Sends some messages and a file as soon as there is a snapshot that was not there before."""

    def __init__(self, site, token, count):
        super().__init__()
        self.site, self.count, self.before = site, count, snapshots(site)
        self.client = site.client()
        self.client.use_token(token)
        self.room = self.client.create_room()
        self.kept = self.client.send(self.room, "before the snapshot")
        self.lost = []
        self.file = ""
        self.ended = threading.Event()

    def run(self):
        while snapshots(self.site) == self.before and not self.ended.is_set():
            time.sleep(0.05)
        while len(self.lost) < self.count and not self.ended.is_set():
            try:
                self.lost.append(self.client.send(self.room, f"lost {len(self.lost)}"))
            except (AssertionError, OSError):
                time.sleep(0.1)
        self.file = self.client.upload(b"lost")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_error):
        self.ended.set()
        self.join()

    def is_where_it_was(self):
        assert self.client.read(self.room, self.kept) == "before the snapshot"
        for event in self.lost:
            with pytest.raises(AssertionError, match="answered 404"):
                self.client.read(self.room, event)
        with pytest.raises(AssertionError, match="answered 404"):
            self.client.download(self.file)


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """A place without a host."""
    site = Site(tmp_path_factory.mktemp("site"))
    # What a session that was killed left.
    site.stop()
    try:
        yield site
    finally:
        site.stop()
    left = output(DOUBLE, "list") + output("ip", "netns", "list") + output("ip", "-brief", "address")
    assert [word for word in (site.machine, site.address + "/", site.machine_address) if word in left] == []


@pytest.fixture(scope="session")
def bare(empty):
    """The host as its installer left it, and the CA."""
    empty.start()
    return empty


@pytest.fixture(scope="session")
def with_python(bare):
    bare.succeed(playbook="bootstrap")
    return bare


@pytest.fixture(scope="session")
def with_pot(with_python):
    with_python.succeed("--tags", "bootstrap,zfs_dataset,pot_jail")
    return with_python


@pytest.fixture(scope="session")
def site(request, empty):
    """The homeserver, with an administrator: deployed step by step where tests look at the steps, else the one that was
    saved.
    """
    if any("with_pot" in item.fixturenames for item in request.session.items):
        request.getfixturevalue("with_pot").deploy()
        saved.keep("site", empty)
    else:

        def deploy():
            empty.start()
            empty.deploy()

        saved.start("site", empty, deploy, empty.introduce)
    return empty


@pytest.fixture(scope="session")
def life(site):
    return Life(site)
