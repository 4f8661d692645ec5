# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver, a PostgreSQL and the module, all on this machine: what the module needs is no whole deployment."""

from __future__ import annotations

import json
import os
import pathlib
import pwd
import shutil
import socket
import sqlite3
import subprocess
import time

import requests
import yaml

TOP = pathlib.Path(__file__).resolve().parents[3]
HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("POTLUCK_CACHE") or pathlib.Path.home() / ".cache/potluck-matrix") / "packages"
# Debian's Python, for which the double's packages are, and psycopg2 of Debian's or of the double's packages.
PYTHON = "/usr/bin/python3"
SYNAPSE = "synapse-1.163.2"
# Whom Synapse runs as, and whom PostgreSQL knows by that name.
ACCOUNT = "nobody"
DOMAIN = "example.org"
PROGRAMS = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))


def require(condition, sentence):
    if not condition:
        raise AssertionError(sentence)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def linked(source, target):
    """A copy of a tree that shares its files, readable for everybody on the way."""

    def link(old, new):
        try:
            os.link(old, new)
        except OSError:
            shutil.copy2(old, new)

    shutil.copytree(source, target, symlinks=True, copy_function=link)


def libraries(place):
    """PYTHONPATH with which PYTHON has Synapse and psycopg2, where ACCOUNT can read it."""
    require((CACHE / SYNAPSE / "site").is_dir(), "tests/double/prepare has not run")
    linked(CACHE / SYNAPSE / "site", place / "site")
    paths = [str(place / "site")]
    found = [path.parent for path in CACHE.glob("*/**/psycopg2") if path.is_dir()]
    if found:
        linked(found[0], place / "psycopg2")
        paths.append(str(place / "psycopg2"))
    path = os.pathsep.join(paths)
    environment = {**os.environ, "PYTHONPATH": path}
    known = subprocess.run([PYTHON, "-c", "import psycopg2"], env=environment, check=False, capture_output=True)
    require(known.returncode == 0, "no psycopg2: apt-get install python3-psycopg2")
    return path


class Cluster:
    """A PostgreSQL at a unix socket, whose users are those of the system."""

    def __init__(self, place):
        require(PROGRAMS, "no PostgreSQL: apt-get install postgresql")
        self.programs, self.data, self.socket = PROGRAMS[-1], place / "cluster", place / "socket"
        self.log = place / "postgresql.log"
        for path in (self.data, self.socket):
            path.mkdir()
            shutil.chown(path, "postgres")
        self.socket.chmod(0o755)
        self.log.touch()
        shutil.chown(self.log, "postgres")
        self._as_postgres(
            "initdb", "--pgdata", self.data, "--auth", "peer", "--encoding", "UTF8", "--locale", "C", "--no-sync"
        )
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as stream:
            stream.write(f"listen_addresses = ''\nunix_socket_directories = '{self.socket}'\nfsync = off\n")
        self.start()
        self.ask(f"CREATE ROLE {ACCOUNT} LOGIN")

    def _as_postgres(self, program, *arguments):
        subprocess.run(
            ["runuser", "-u", "postgres", "--", self.programs / program, *arguments],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
            timeout=120,
        )

    def start(self):
        self._as_postgres("pg_ctl", "--pgdata", self.data, "--log", self.log, "--wait", "start")

    def stop(self):
        self._as_postgres("pg_ctl", "--pgdata", self.data, "--wait", "--mode", "immediate", "stop")

    def ask(self, statement, database="postgres"):
        """Output of a statement, as the superuser."""
        return subprocess.run(
            [
                *("runuser", "-u", "postgres", "--", str(self.programs / "psql"), "-XAtq", "-h", str(self.socket)),
                *("-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement),
            ],
            check=True,
            cwd="/",
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout.strip()

    def database(self, name, options="ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"):
        self.ask(f"CREATE DATABASE {name} OWNER {ACCOUNT} TEMPLATE template0 {options}")
        return {"host": str(self.socket), "dbname": name, "user": ACCOUNT}


class Homeserver:
    """A Synapse that people use, with the dataset it has its data on."""

    def __init__(self, place, path):
        self.place, self.path, self.port = place, path, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data, self.config, self.sqlite = place / "data", place / "homeserver.d", place / "data/homeserver.db"
        self.process = None
        self.python = place / "python"
        self.python.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {PYTHON} "$@"\n')
        self.python.chmod(0o755)
        self.config.mkdir()
        for directory in (self.data, place / "media"):
            directory.mkdir(exist_ok=True)
            shutil.chown(directory, ACCOUNT)
        (place / "signing.key").write_text("ed25519 a_test Hg1CxkDXzXTjyHrCWp0Lf7zFGsxcGrLdt2qBmK5hJ3Y\n")
        unlimited = {"per_second": 10000, "burst_count": 10000}
        self.settings = {
            "server_name": DOMAIN,
            "report_stats": False,
            "signing_key_path": str(place / "signing.key"),
            "macaroon_secret_key": "x" * 40,
            "form_secret": "y" * 40,
            "media_store_path": str(place / "media"),
            "suppress_key_server_warning": True,
            "trusted_key_servers": [],
            # Those of a new database are a minute of sleep.
            "background_updates": {"sleep_enabled": False},
            "enable_registration": True,
            "enable_registration_without_verification": True,
            "pid_file": str(self.data / "homeserver.pid"),
            "user_directory": {"search_all_users": True},
            "rc_message": unlimited,
            "rc_registration": unlimited,
            "rc_login": {"address": unlimited, "account": unlimited, "failed_attempts": unlimited},
            "rc_invites": {"per_room": unlimited, "per_user": unlimited, "per_issuer": unlimited},
            "rc_joins": {"local": unlimited, "remote": unlimited},
            "listeners": [
                {
                    "port": self.port,
                    "type": "http",
                    "bind_addresses": ["127.0.0.1"],
                    "resources": [{"names": ["client", "federation"]}],
                }
            ],
        }
        self.use({"name": "sqlite3", "args": {"database": str(self.sqlite)}})

    def use(self, database):
        """Let it have this database from its next start on."""
        (self.config / "homeserver.yaml").write_text(yaml.safe_dump({**self.settings, "database": database}))

    def start(self):
        user = pwd.getpwnam(ACCOUNT)
        with open(self.place / "homeserver.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.python), "-B", "-m", "synapse.app.homeserver", "-c", str(self.config)],
                cwd="/",
                user=user.pw_uid,
                group=user.pw_gid,
                extra_groups=[],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 300
        while True:
            try:
                if requests.get(f"{self.url}/health", timeout=5).status_code == 200:
                    return
            except requests.RequestException:
                pass
            said = (self.place / "homeserver.log").read_text(errors="replace")[-2000:]
            require(self.process.poll() is None, f"Synapse has ended: {said}")
            require(time.monotonic() < deadline, f"Synapse does not answer: {said}")
            time.sleep(0.1)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(60)
            self.process = None

    close = stop

    def await_updates(self):
        """Wait until a Synapse that runs on SQLite has ended its background updates."""
        deadline = time.monotonic() + 300
        while True:
            connection = sqlite3.connect(self.sqlite, timeout=30)
            found = connection.execute("SELECT update_name FROM background_updates").fetchall()
            connection.close()
            if not found:
                return
            require(time.monotonic() < deadline, f"background updates do not end: {found}")
            time.sleep(0.5)

    def call(self, method, path, token=None, expected=200, **more):
        """The answer to a request of a client."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = requests.request(method, self.url + path, headers=headers, timeout=120, **more)
        require(answer.status_code == expected, f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if "json" in answer.headers.get("Content-Type", "") else answer.content

    def register(self, name):
        return self.call(
            "POST",
            "/_matrix/client/v3/register",
            json={"username": name, "password": f"secret of {name}", "auth": {"type": "m.login.dummy"}},
        )


class Module:
    """The module, run for one homeserver and one database of PostgreSQL."""

    def __init__(self, homeserver, postgresql, directory):
        self.homeserver, self.postgresql, self.directory = homeserver, postgresql, directory
        site = next((TOP / ".venv/lib").glob("python3*/site-packages"))
        collections = TOP / ".ansible/collections"
        self.environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(collections), homeserver.path, str(site)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PATH": f"{HERE / 'bin'}:{os.environ['PATH']}",
        }

    def start(self, state, moment="", **more):
        arguments = {
            "state": state,
            "sqlite": str(self.homeserver.sqlite),
            "postgresql": self.postgresql,
            "directory": str(self.directory),
            "config": str(self.homeserver.config),
            "python": str(self.homeserver.python),
            "user": ACCOUNT,
            "_ansible_diff": True,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
            **more,
        }
        file = self.homeserver.place / "arguments.json"
        file.write_text(json.dumps(arguments))
        return subprocess.Popen(
            [PYTHON, str(HERE / "run_module.py"), str(file), *([moment] if moment else [])],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, state, **more):
        """The module's result."""
        process = self.start(state, **more)
        out, err = process.communicate(timeout=1800)
        try:
            return json.loads(out)
        except ValueError as error:
            raise AssertionError(f"{out}\n{err}") from error

    def fine(self, state, **more):
        result = self.run(state, **more)
        require(not result.get("failed"), json.dumps(result, indent=1))
        return result

    def killed(self, state, moment):
        """Let it be killed at a moment of run_module.py."""
        process = self.start(state, moment)
        out, err = process.communicate(timeout=1800)
        require(process.returncode == -9, f"it was not killed: {out}\n{err}")

    def marker(self):
        file = self.directory / "marker.json"
        return json.loads(file.read_text()) if file.exists() else {"phase": ""}
