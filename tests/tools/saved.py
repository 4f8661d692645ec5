# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments that are made once and started from by every test module that needs such a one.

They lie in .cache/saved, below a name that product, doubles and deployment hash to: a change of these makes new ones.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
SAVED = TOP / ".cache/saved"
# What no deployment is made of.
OTHER = (
    "docs/",
    "molecule/",
    "tests/contract/",
    "tests/unit/",
    "tests/run",
    "CHANGELOG.rst",
    "README.md",
    "changelogs/",
)


def sources():
    """The files of the checkout that deployments are made of, tests that run on them left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=TOP, check=True, capture_output=True, text=True
    ).stdout
    for name in sorted(filter(None, listed.split("\0"))):
        path = TOP / name
        if not name.startswith((*OTHER, ".")) and not path.name.startswith("test_") and path.is_file():
            yield name, path


def state():
    """A word that is another one whenever a file that deployments are made of is."""
    digest = hashlib.sha256()
    for name, path in sources():
        digest.update(f"{name}\0{path.stat().st_mode}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def alone(name):
    """Wait for others that make the deployment of that name, in other processes, too."""
    SAVED.mkdir(parents=True, exist_ok=True)
    with open(SAVED / f"{name}.lock", "w", encoding="ascii") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def place(name):
    """Where the deployment of that name lies, or will; those of former states are gone afterwards."""
    current = SAVED / state()
    for other in SAVED.iterdir() if SAVED.exists() else ():
        if other.is_dir() and other != current:
            shutil.rmtree(other, ignore_errors=True)
    return current / name


def save(deployment, directory):
    """Save a deployment in a directory that is there complete or not at all."""
    unfinished = directory.with_name(f"{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    deployment.save(unfinished)
    unfinished.rename(directory)


def keep(name, deployment):
    """Save a deployment that was just made, unless there is one; it runs on after a reboot."""
    with alone(name):
        if not place(name).exists():
            save(deployment, place(name))


def start(name, deployment, deploy, start_neighbours=lambda: None):
    """Start a deployment from the saved one of that name; the first one who asks makes and saves it.

    deploy and start_neighbours are called without arguments.
    """
    with alone(name):
        directory = place(name)
        if not directory.exists():
            deploy()
            save(deployment, directory)
            return
    deployment.restore(directory, start_neighbours)
