# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small homeserver, run once as it is and then with a pot in an adversary's hands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(TOP / "tests/tools"))

import saved
from deployment import Deployment
from outcome import Outcome
from thorough import some

PLAYBOOKS = some(["site", "accounts", "verify", "upgrade"], "site", "accounts", "verify")
# What nothing of a pot may show or spread.
WORD = "canary-4f1c9a"
# Everything on the host's disk that is not the pot's own: path to [mode, owner, SHA-256 or target].
LOOK = r"""
import hashlib, json, os, re, stat, sys
skip, found = re.compile(sys.argv[1]), {}
for parent, directories, files in os.walk("/.double/disk"):
    inside = os.path.relpath(parent, "/.double/disk")
    directories[:] = [name for name in directories if not skip.search(os.path.normpath(os.path.join(inside, name)))]
    for name in directories + files:
        path, shown = os.path.join(parent, name), os.path.normpath(os.path.join(inside, name))
        if skip.search(shown):
            continue
        try:
            status = os.lstat(path)
            entry = [oct(status.st_mode), status.st_uid]
            if stat.S_ISLNK(status.st_mode):
                entry.append(os.readlink(path))
            elif stat.S_ISREG(status.st_mode):
                with open(path, "rb") as stream:
                    entry.append(hashlib.file_digest(stream, "sha256").hexdigest())
        except FileNotFoundError:
            continue
        found[shown] = entry
json.dump(found, sys.stdout)
"""


def usual_path(path):
    """The path without what differs from run to run; None for what every Python opens: its own and the collection's
    files, and Ansible's temporary ones.
    """
    if (
        path.startswith((sys.prefix, sys.base_prefix + "/lib", str(TOP) + "/", "/dev/", "/proc/", "/sys/"))
        or "/.venv/" in path
    ):
        return None
    if re.search(
        r"/(ansible-local-|ansible-tmp-|\.ansible/tmp/|tmp\w{8}|__pycache__|notes-\d+|ansible_[\w.]+_payload_)|^/tmp/\w{8}$",
        path,
    ):
        return None
    return path


def usual_command(words):
    """Program and arguments without what differs from run to run; of ssh, the host and what it is asked to run, or
    the pot to enter there.
    """
    line = " ".join([os.path.basename(words[0]), *words[1:]])
    if os.path.basename(words[0]) == "ssh":
        pot = re.search("jexec -l ([^ ]+)", words[-1])
        line = " ".join(["ssh", words[-2], "into " + pot[1] if pot else words[-1]])
    return re.sub(r"[0-9a-f]{10,}|\d{6,}|tmp\w{8}|\d+\.\d+-\d+-\d+|\d{5,}", "N", line)


def watched(notes, **environment):
    """The environment of an Ansible that notes what it opens and starts."""
    environment = {**os.environ, **environment}
    return {
        **environment,
        "POTLUCK_WATCH": str(notes),
        "PYTHONPATH": os.pathsep.join([str(HERE / "watch"), environment.get("PYTHONPATH", "")]).strip(os.pathsep),
    }


def read_notes(notes):
    """(files, command lines) that were noted, but for those that every run has."""
    opened, started = set(), set()
    for line in notes.read_text(encoding="utf-8").splitlines():
        event, found = json.loads(line)
        if event == "open":
            opened.add(usual_path(found))
        else:
            started.add(usual_command(found))
    return opened - {None}, started - {None}


def changes(before, after):
    """Paths of the files that two looks see differently."""
    before, after = before["files"], after["files"]
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def check(hostile, before, outcome, opened, started):
    """Whatever the run came to: nothing was moved by it, nothing read, nothing started."""
    after = hostile.look()
    friendly_opened, friendly_started = (set().union(*sets) for sets in zip(*hostile.friendly.values()))
    remembered = [name for path in (hostile.place / "facts").glob("*") for name in json.loads(path.read_text())]
    found = {
        "opened on the controller": sorted(opened - friendly_opened),
        "started on the controller": sorted(started - friendly_started),
        "touched": [path for path in [hostile.place / "canary-touched"] if path.exists()],
        "shown": [line for line in outcome.output.splitlines() if WORD in line],
        "remembered as facts": [name for name in remembered if name not in ("_ansible_facts_gathered", "module_setup")],
        "changed on the host": sorted(changes(before, after) - hostile.unsteady),
        "in the pot": hostile.pot_shell(
            f"grep -rl {WORD} /usr/local/etc /mnt /etc /tmp /root 2>/dev/null || true"
        ).split(),
        "another server": sorted(set(outcome.recap) - {hostile.machine}),
        **{what: sorted(set(before[what]) ^ set(after[what])) for what in ("mounts", "jails", "pots", "datasets")},
    }
    assert {what: things for what, things in found.items() if things} == {}, outcome.output[-5000:]


class Hostile(Deployment):
    """A deployment whose pot can be given to an adversary, with a watch over the controller and the host."""

    def __init__(self, place):
        super().__init__(
            place, "hostile.test", ("hostile1", "10.199.0.87"), "10.199.0.187", ("hostile1", "10.199.0.11"), []
        )
        self.password = place / "password"
        self.runs = 0
        self.friendly = {}
        self.unsteady = set()

    def deploy(self):
        self.start_machine()
        self.inside("mkdir", "-p", "/data/shared")
        self.introduce()
        outcome = self.play("site")[0]
        assert outcome.code == 0, outcome

    def introduce(self):
        """Start the neighbour and write the inventory."""
        # What was noted while the saved one was made is not of this session.
        for notes in self.place.glob("notes-*"):
            notes.unlink()
        self.password.write_text("secret")
        self.neighbour("dns", "--address", self.address, "--host", f"{self.domain}={self.jail}")
        self.describe(
            matrix_control_user=False,
            matrix_nossl=True,
            matrix_trusted_proxies=[self.address],
            matrix_shared_secret=self.remembered("shared"),
            matrix_pot_mounts=[{"source": "/data/shared", "target": "/srv/shared"}],
        )

    def stop(self):
        for path in (self.place / "cp").glob("*"):
            subprocess.run(
                ["ssh", "-O", "exit", "-o", f"ControlPath={path}", "machine"], capture_output=True, check=False
            )
        super().stop()

    def play(self, playbook):
        """Run a playbook under watch, with the vault open: (outcome, files opened on the controller, programs started
        there). A run that does not end within ten minutes is an error.
        """
        self.runs += 1
        notes = self.place / f"notes-{self.runs}"
        environment = watched(
            notes,
            **self.environment(
                ANSIBLE_NOCOLOR="1",
                ANSIBLE_SSH_CONTROL_PATH_DIR=str(self.place / "cp"),
                # What is remembered from one run to the next is part of what a pot may not reach.
                ANSIBLE_CACHE_PLUGIN="jsonfile",
                ANSIBLE_CACHE_PLUGIN_CONNECTION=str(self.place / "facts"),
            ),
        )
        command = self.command(playbook, "--vault-password-file", self.password)
        done = subprocess.run(
            command, env=environment, cwd=TOP, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=600
        )
        opened, started = read_notes(notes)
        outcome = Outcome(done.returncode, (done.stdout + done.stderr).decode())
        (self.place / f"run-{self.runs}-{playbook}.log").write_text(outcome.output)
        return outcome, opened, started

    def look(self):
        """What must stay as it is: the host's files, mounts, jails and pots."""
        skip = (
            r"(^|/)(var/(log|run|tmp|mail|db/pkg|cache)|tmp|\.ansible|__pycache__)(/|$)|^ufs/(dev|proc|\.double|run)(/|$)"
            # What an upgrade does with any pot: snapshots, and what pot itself notes of a start.
            r"|^meta/|(^|/)=snap(/|$)|/[.]last_run_stats$"
            r"|(^|/)(matrixdata|pot/jails/[^/]+/m|opt/pot/jails/[^/]+/m)(/|$)"
        )
        state = {"files": json.loads(self.inside("/.double/usr/bin/python3", "-I", "-", skip, input=LOOK).stdout)}
        for name, argv in {
            "mounts": ["mount", "-p"],
            "jails": ["jls", "name", "path", "ip4.addr"],
            "pots": ["pot", "ls"],
            "datasets": ["zfs", "list", "-H", "-o", "name,mountpoint,mounted"],
        }.items():
            state[name] = sorted(self.inside(*argv).stdout.splitlines())
        return state

    def hand_over(self, way, poison):
        """Put the adversary in the place of the pot's Python."""
        self.write("/root/adversary.py", (HERE / "adversary.py").read_text())
        self.write("/root/adversary.json", json.dumps({"way": way, "poison": poison}))
        self.pot_shell(
            "cd /usr/local/bin && if ! test -e python3.11.real; then mv python3.11 python3.11.real; fi; "
            "printf '#!/bin/sh\\nexec /usr/local/bin/python3.11.real -I /root/adversary.py \"$@\"\\n' >python3.11; "
            "chmod 755 python3.11"
        )

    def take_back(self):
        self.pot_shell(
            "cd /usr/local/bin && if test -e python3.11.real; then mv -f python3.11.real python3.11; fi; rm -f "
            "/root/adversary*"
        )

    def pot_shell(self, script, **options):
        return self.inside("/bin/sh", "-c", script, pot=self.machine, **options).stdout

    def write(self, path, text):
        self.pot_shell(f"cat >{path}", input=text)


@pytest.fixture(scope="package")
def hostile(tmp_path_factory):
    """The homeserver with an account, as it was saved, and what its playbooks do where the pot is friendly."""
    deployment = Hostile(tmp_path_factory.mktemp("hostile"))
    deployment.stop()
    deployment.place.mkdir(exist_ok=True)
    try:
        saved.start("hostile", deployment, deployment.deploy, deployment.introduce)
        before = deployment.look()
        for playbook in PLAYBOOKS:
            outcome, opened, started = deployment.play(playbook)
            assert outcome.code == 0 and outcome.changed == 0, outcome
            assert str(deployment.inventory) in opened
            deployment.friendly[playbook] = opened, started
        deployment.unsteady = changes(before, deployment.look())
        yield deployment
    finally:
        deployment.stop()
