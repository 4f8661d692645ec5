# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What each version of Synapse could not start with, found without starting it."""

from __future__ import annotations

import inspect
import json
import os
import pathlib
import socket
import sqlite3
import subprocess
import sys

import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.module_utils._synapse import trial

CACHE = pathlib.Path(os.environ.get("POTLUCK_CACHE", pathlib.Path.home() / ".cache" / "potluck-matrix")) / "packages"
REGISTRATION = {
    "id": "bridge",
    "url": None,
    "as_token": "one",
    "hs_token": "two",
    "sender_localpart": "bridge",
    "namespaces": {},
}
LOGGING = {
    "version": 1,
    "handlers": {"file": {"class": "logging.FileHandler", "filename": "/nonexistent/homeserver.log"}},
    "root": {"handlers": ["file"]},
}


def synapses():
    """(version, path for PYTHONPATH) of every Synapse there is on this machine."""
    return [
        (package.name.split("-")[1].removesuffix(".dist"), str(package.parent))
        for package in sorted(CACHE.glob("**/matrix_synapse-*.dist-info"))
    ]


VERSIONS = pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=version) for version, path in synapses()]
    or [pytest.param("", marks=pytest.mark.skip(reason="tests/double/prepare has not run"))],
)


class Homeserver:
    """A configuration directory that a homeserver could start with."""

    def __init__(self, place, port=0):
        self.place, self.config = place, place / "homeserver.d"
        self.config.mkdir(parents=True)
        (place / "signing.key").write_text("ed25519 a_test Hg1CxkDXzXTjyHrCWp0Lf7zFGsxcGrLdt2qBmK5hJ3Y\n")
        self.settings = {
            "server_name": "example.com",
            "report_stats": False,
            "signing_key_path": str(place / "signing.key"),
            "macaroon_secret_key": "x" * 40,
            "form_secret": "y" * 40,
            "media_store_path": str(place / "media"),
            "suppress_key_server_warning": True,
            "log_config": None,
            "database": {"name": "sqlite3", "args": {"database": str(place / "homeserver.db")}},
            "listeners": [{"path": str(place / "socket"), "type": "http", "resources": [{"names": ["client"]}]}],
        }

    def asking(self, former="", made_at_start="/var/log/nothing", **settings):
        """Write other settings; the arguments of a trial."""
        (self.config / "homeserver.yaml").write_text(yaml.safe_dump({**self.settings, **settings}))
        return [str(self.config), str(self.config), former, made_at_start]


# Many trials in one process, which is for want of time alone: each import of Synapse takes seconds.
DRIVER = "import json, sys\nprint(json.dumps([main(*arguments) for arguments in json.load(sys.stdin)]))"


def try_all(path, *arguments):
    """[(part, reason)] of trials with a Synapse."""
    source = inspect.getsource(trial).replace('if __name__ == "__main__":', "if False:") + DRIVER
    done = subprocess.run(
        [sys.executable, "-B", "-W", "ignore", "-c", source],
        input=json.dumps(arguments),
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.defpath, "PYTHONPATH": path},
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    answers = [tuple(answer) for answer in json.loads(done.stdout.splitlines()[-1])]
    assert all(part in ("", *trial.PARTS) and bool(part) == bool(reason) for part, reason in answers), answers
    return answers


@pytest.fixture
def homeserver(tmp_path):
    return Homeserver(tmp_path)


def cases(place):
    """name: (settings, part, words of the reason)."""
    files = {"good": REGISTRATION, "again": REGISTRATION, "short": {"id": "x"}, "logging": LOGGING}
    for name, content in files.items():
        (place / (name + ".yaml")).write_text(yaml.safe_dump(content))
    sqlite3.connect(place / "newer.db").executescript(
        "CREATE TABLE schema_compat_version (compat_version INTEGER); INSERT INTO schema_compat_version VALUES (999)"
    )
    (place / "file").write_text("")

    def at(name):
        return str(place / name)

    def database(name):
        return {"database": {"name": "sqlite3", "args": {"database": at(name)}}}

    return {
        "good": ({"app_service_config_files": [at("good.yaml")]}, "", ""),
        "missing registration": (
            {"app_service_config_files": [at("missing.yaml")]},
            "app_service",
            at("missing.yaml") + ": No such file or directory",
        ),
        "short registration": (
            {"app_service_config_files": [at("good.yaml"), at("short.yaml")]},
            "app_service",
            at("short.yaml") + ": ",
        ),
        "registered twice": (
            {"app_service_config_files": [at("good.yaml"), at("again.yaml")]},
            "app_service",
            "Cannot reuse ID",
        ),
        "missing module": ({"modules": [{"module": "nobody.Nothing", "config": {}}]}, "configuration", "nobody"),
        "wrong kind": ({"listeners": "all"}, "configuration", "listeners"),
        "missing logging": ({"log_config": at("nothing.yaml")}, "logging", at("nothing.yaml")),
        "log without a directory": ({"log_config": at("logging.yaml")}, "logging", "handler"),
        "database without a directory": (database("none/homeserver.db"), "database", "no database can be made in"),
        "newer database": (database("newer.db"), "database", "of a newer Synapse"),
        "no database": (database("short.yaml"), "database", "not a database"),
        "address of somebody else": (
            {"listeners": [{"port": 18008, "bind_addresses": ["192.0.2.1"], "type": "metrics"}]},
            "listener",
            "nothing can listen at port 18008 of 192.0.2.1",
        ),
    }


@VERSIONS
def test_what_it_could_not_start_with_is_named(tmp_path, path):
    (tmp_path / "files").mkdir()
    wanted = cases(tmp_path / "files")
    answers = try_all(
        path,
        *(
            Homeserver(tmp_path / str(number)).asking(**settings)
            for number, (settings, _part, _words) in enumerate(wanted.values())
        ),
    )
    found = dict(zip(wanted, answers))
    assert {
        name: answer
        for name, answer in found.items()
        if answer[0] != wanted[name][1] or wanted[name][2] not in answer[1]
    } == {}
    # The good one is tried first; what a trial leaves is what reading the configuration leaves.
    assert sorted(os.listdir(tmp_path / "0")) == ["homeserver.d", "media", "signing.key"]


@VERSIONS
def test_what_belongs_to_the_process_that_runs_is_no_obstacle(tmp_path, path):
    (tmp_path / "logging.yaml").write_text(yaml.safe_dump(LOGGING))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        listeners = [{"port": port, "bind_addresses": ["127.0.0.1"], "type": "metrics"}]
        one, other = Homeserver(tmp_path / "one"), Homeserver(tmp_path / "other")
        logging = Homeserver(tmp_path / "logging")
        answers = try_all(
            path,
            one.asking(listeners=listeners),
            other.asking(former=str(other.config), listeners=listeners),
            # The rc script makes this directory at the start.
            logging.asking(made_at_start="/nonexistent", log_config=str(tmp_path / "logging.yaml")),
        )
    assert answers[0][0] == "listener" and "port %d of 127.0.0.1: Address already in use" % port in answers[0][1]
    assert answers[1:] == [("", ""), ("", "")]


def test_a_program_that_is_broken_is_told_from_a_configuration(tmp_path):
    (tmp_path / "broken/synapse/app").mkdir(parents=True)
    for name in ("synapse/__init__.py", "synapse/app/__init__.py"):
        (tmp_path / "broken" / name).write_text("")
    (tmp_path / "broken/synapse/app/homeserver.py").write_text("raise RuntimeError('the package is broken')\n")
    assert try_all(str(tmp_path / "broken"), Homeserver(tmp_path / "one").asking()) == [
        ("program", "the package is broken")
    ]
