# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all neighbours share: a directory for their state, processes that outlive the caller and end at stop, addresses.

A neighbour's state lies in ${POTLUCK_DOUBLE_DIR:-/var/tmp/potluck-double}/neighbours/KIND-NAME; info.json in it says
where the neighbour answers and is what start prints. stop ends its processes and removes the directory.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
STATE = Path(os.environ.get("POTLUCK_DOUBLE_DIR") or "/var/tmp/potluck-double") / "neighbours"
CACHE = Path(os.environ.get("POTLUCK_CACHE") or Path.home() / ".cache" / "potluck-matrix") / "packages"
BRIDGE = "potluck0"
GATEWAY = "10.199.0.1"
START_SECONDS = 60
STOP_SECONDS = 10


class Failure(Exception):
    """What the caller is told; no traceback."""


def _started(pid: int) -> str | None:
    """When the process started, in clock ticks since boot: tells it from a later one with the same id."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


class Neighbour:
    """One running (or not running) neighbour."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.directory = STATE / f"{kind}-{name}"

    def _record(self, file: str, default):
        try:
            return json.loads((self.directory / file).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return default

    def _store(self, file: str, value) -> None:
        (self.directory / file).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")

    def begin(self, *addresses: str) -> None:
        """Make an empty state directory and see that the addresses exist on this machine."""
        if self.running():
            raise Failure(f"{self.directory.name} is running already")
        self.stop()
        self.directory.mkdir(parents=True)
        added = []
        for address in addresses:
            if address.startswith("127.") or _has_address(address):
                continue
            result = subprocess.run(
                ["ip", "address", "add", *_on_bridge(address)], capture_output=True, text=True, check=False
            )
            if result.returncode != 0:
                raise Failure(
                    f"{address} is no address of this machine and cannot be added to {BRIDGE}: {result.stderr.strip()}"
                )
            added.append(address)
            self._store("addresses.json", added)

    def spawn(self, *argv: object, log: str = "log", env: dict[str, str] | None = None) -> int:
        """Start a program in a session of its own; its output goes to a file of the state directory."""
        with open(self.directory / log, "ab") as output:
            process = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.directory,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        self._store("pids.json", [*self._record("pids.json", []), [process.pid, _started(process.pid)]])
        return process.pid

    def _alive(self) -> list[int]:
        return [
            pid for pid, started in self._record("pids.json", []) if started is not None and _started(pid) == started
        ]

    def running(self) -> bool:
        """Whether all of its processes are there."""
        pids = self._record("pids.json", [])
        return bool(pids) and len(self._alive()) == len(pids)

    def wait(self, ready: Callable[[], bool], what: str) -> None:
        """Poll until ready; Failure with the log's end if a process dies or time runs out."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            if ready():
                return
            if not self.running() or time.monotonic() > deadline:
                logs = "".join(
                    path.read_text(encoding="utf-8", errors="replace")[-2000:]
                    for path in sorted(self.directory.glob("log*"))
                )
                self.stop()
                raise Failure(f"{self.kind} did not get ready ({what}):\n{logs}")
            time.sleep(0.05)

    def wait_for_ports(self, *ports: tuple[str, int]) -> None:
        """Wait until all these (address, TCP port) pairs accept connections."""
        for address, port in ports:
            self.wait(lambda address=address, port=port: listening(address, port), f"{address}:{port}")

    def announce(self, info: dict) -> None:
        """Store and print where the neighbour answers."""
        self._store("info.json", info)
        print(json.dumps(info, indent=1))

    def info(self) -> dict:
        """What start announced. Raises Failure when it does not run."""
        if not self.running():
            raise Failure(f"{self.directory.name} is not running")
        return self.announced()

    def announced(self) -> dict:
        """What start announced, whether it runs now or not. Raises Failure when it was never started."""
        info = self._record("info.json", None)
        if info is None:
            raise Failure(f"{self.directory.name} is not there")
        return info

    def pause(self) -> None:
        """Kill the processes but keep the state: whoever talks to the neighbour sees it down."""
        self.info()
        self._end((signal.SIGKILL,))
        self._store("pids.json", [])

    def _end(self, signals: tuple[signal.Signals, ...]) -> None:
        for number in signals:
            for pid in self._alive():
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(pid, number)
            deadline = time.monotonic() + STOP_SECONDS
            while self._alive() and time.monotonic() < deadline:
                time.sleep(0.02)

    def stop(self) -> None:
        """End the processes and remove every trace; no error if there is none."""
        if not self.directory.exists():
            return
        self._end((signal.SIGTERM, signal.SIGKILL))
        for address in self._record("addresses.json", []):
            subprocess.run(["ip", "address", "del", *_on_bridge(address)], capture_output=True, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)


def _on_bridge(address: str) -> list[str]:
    """An address of the bridge, as words of ip(8). Nobody else on it has it, so that there is no need to ask."""
    return [f"{address}/64", "dev", BRIDGE, "nodad"] if ":" in address else [f"{address}/24", "dev", BRIDGE]


def _has_address(address: str) -> bool:
    shown = subprocess.run(
        ["ip", "-brief", "address", "show", "to", address], capture_output=True, text=True, check=True
    )
    return bool(shown.stdout.strip())


def listening(address: str, port: int) -> bool:
    """Whether a TCP connection is accepted."""
    try:
        socket.create_connection((address, port), timeout=1).close()
    except OSError:
        return False
    return True


def http(url: str, body: dict | None = None, context=None) -> str | None:
    """The answer's text, or None if there is no good answer. A body makes it a POST of JSON."""
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None


def own_python() -> str:
    """The Python of the test environment, which has the test packages; else whatever runs this."""
    venv = HERE.parents[2] / ".venv" / "bin" / "python"
    return str(venv) if venv.exists() else sys.executable


def hosts(words: list[str]) -> dict[str, str]:
    """NAME=ADDRESS words as a dictionary of lower-case names without a trailing dot."""
    table = {}
    for word in words:
        name, mark, address = word.partition("=")
        if not mark:
            raise Failure(f"{word!r} is not NAME=ADDRESS")
        table[name.lower().rstrip(".")] = address
    return table


def parser(kind: str, description: str | None) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """(parser, parser of start): a command line with start, stop and status, each with --name."""
    top = argparse.ArgumentParser(
        prog=kind, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = top.add_subparsers(dest="verb", required=True)
    start = None
    for verb in ("start", "stop", "status"):
        added = verbs.add_parser(verb)
        added.add_argument("--name", default="default", help="tells several of a kind apart")
        if verb == "start":
            start = added
    top.verbs = verbs
    return top, start


def run(kind: str, top: argparse.ArgumentParser, start: Callable, others: dict[str, Callable] | None = None) -> None:
    """Parse and carry out; start and the others get (neighbour, arguments)."""
    arguments = top.parse_args()
    neighbour = Neighbour(kind, arguments.name)
    try:
        if arguments.verb == "start":
            try:
                start(neighbour, arguments)
            except BaseException:
                neighbour.stop()
                raise
        elif arguments.verb == "stop":
            neighbour.stop()
        elif arguments.verb == "status":
            print(json.dumps(neighbour.info(), indent=1))
        else:
            others[arguments.verb](neighbour, arguments)
    except Failure as problem:
        sys.exit(f"{kind}: {problem}")
