# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One PostgreSQL for all tests, and a homeserver on SQLite that every test gets a copy of."""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from homeserver import ACCOUNT, Cluster, Homeserver, Module, libraries
from people import People


@pytest.fixture(scope="session")
def place():
    """A directory that three accounts can walk through; every pytest closes its own ones when it starts."""
    path = Path(tempfile.mkdtemp(prefix="porting-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def path(place):
    return libraries(place)


@pytest.fixture(scope="session")
def cluster(place):
    server = Cluster(place)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def lived_in(place, path):
    """(a homeserver that does not run, its people): the pattern of all others."""
    top = place / "lived-in"
    top.mkdir()
    top.chmod(0o755)
    homeserver = Homeserver(top, path)
    homeserver.start()
    try:
        people = People(homeserver)
        people.live()
        homeserver.await_updates()
    finally:
        homeserver.stop()
    return homeserver, people


@pytest.fixture
def moving(place, path, cluster, lived_in):
    """(homeserver, people, module), for whose PostgreSQL there is an empty database."""
    name = "test_%d" % (len(list(place.glob("test_*"))) + 1)
    top = place / name
    top.mkdir()
    top.chmod(0o755)
    homeserver = Homeserver(top, path)
    pattern, people = lived_in
    shutil.copy2(pattern.sqlite, homeserver.sqlite)
    shutil.chown(homeserver.sqlite, ACCOUNT)
    shutil.rmtree(top / "media")
    shutil.copytree(pattern.place / "media", top / "media")
    for file in (top / "media").rglob("*"):
        shutil.chown(file, ACCOUNT)
    with contextlib.closing(homeserver):
        yield homeserver, people.at(homeserver), Module(homeserver, cluster.database(name), top / "move")
