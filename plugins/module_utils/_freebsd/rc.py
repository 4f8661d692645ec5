# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rc.conf variables and rc services of FreeBSD, through sysrc(8) and service(8).

Only facts that hold from FreeBSD 13.2 on are used. An exit code of 0 is never taken for success of a change (C(start)
of a disabled service and C(sysrc) itself end with 0 whatever happened): what matters is what a second look shows.
"""

from __future__ import annotations

import os
import re
import time

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import CommandTimeout, Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner

SYSRC = "/usr/sbin/sysrc"
SERVICE = "/usr/sbin/service"
PS = "/bin/ps"
DEFAULTS = "/etc/defaults/rc.conf"
RUN = "/var/run"
ENVIRONMENT = {"HOME": "/", "PATH": "/sbin:/bin:/usr/sbin:/usr/bin"}

# Seconds. The system's own scripts wait without end for a daemon that does not stop.
LIMIT = 600
POLL_INTERVAL = 0.2
# A daemon that does not handle SIGHUP is killed by it, but not before the reload command has ended.
RELOAD_SETTLE = 0.5

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_SERVICE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*\Z")
# sysrc writes the value raw between double quotes, where sh evaluates these; its awk eats backslashes; a newline ends
# the assignment.
# rc.subr starts a service that has a user of its own with "su -m", which runs root's csh, and that takes ! for its
# history.
_NOT_CARRIED = re.compile(r'["$`\\!\x00-\x1f\x7f]')
_TRUE = ("yes", "true", "on", "1")


class NoReload(Sentence):
    """A service whose script knows no reload."""


def rc_name(service: str) -> str:
    """The name of a service in rc.conf variables: C(syslog-ng) becomes C(syslog_ng)."""
    return re.sub(r"[^A-Za-z0-9_]", "_", service)


def is_true(value: str | None) -> bool:
    """Whether rc.subr's checkyesno takes a value (None for a variable that is not set) for yes."""
    return value is not None and value.lower() in _TRUE


def check_service_name(name: str) -> None:
    """Sentence for what cannot be the file name of an rc script; whether there is one is not looked at."""
    if not _SERVICE_NAME.match(name):
        raise Sentence(f"{name!r} cannot be the name of a service")


def check_variable(name: str, value: str = "") -> None:
    """Refuse a name that is none and a value that rc.conf cannot carry through sysrc."""
    if not _VARIABLE.match(name):
        raise Sentence(f"{name!r} cannot be the name of an rc.conf variable")
    found = _NOT_CARRIED.search(value)
    if found:
        raise Sentence(
            f"the value of {name} contains {found.group(0)!r}, which rc.conf cannot carry to a service: no double "
            "quotes, dollar signs, backticks, "
            "backslashes, exclamation marks or control characters"
        )


def run(argv: list[str]) -> tuple[int | None, str, str]:
    """Run a command with the environment that service(8) gives: (exit code, stdout, stderr) as text. C(CommandTimeout)
    after LIMIT seconds.
    """
    try:
        return Runner().run(argv, LIMIT, environment=ENVIRONMENT, errors="surrogateescape")
    except CommandTimeout as error:
        # What is said of a service goes on after that.
        raise CommandTimeout(str(error).rstrip(".")) from None


def said(stdout: str, stderr: str) -> str:
    """All a command said, on one line."""
    return (
        "; ".join(line.strip() for line in (stderr + "\n" + stdout).splitlines() if line.strip()) or "it said nothing"
    )


class Variables:
    """rc.conf variables of one file, or of the files that sysrc(8) chooses."""

    def __init__(self, path: str | None = None) -> None:
        self._sysrc = [SYSRC] + (["-f", path] if path else [])

    def _query(self, flags: str, names: list[str]) -> dict[str, str]:
        rc, stdout, stderr = run(self._sysrc + [flags] + names)
        # With -i an unknown variable is silent, yet the exit code is 1: only a message tells of an error.
        if rc not in (0, 1) or stderr.strip():
            raise Sentence("sysrc cannot read the configuration: {}".format(said("", stderr)))
        values: dict[str, str] = {}
        last = None
        for line in stdout.rstrip("\n").split("\n"):
            name, separator, value = line.partition(": ")
            if not separator and line.endswith(":"):
                name, separator, value = line[:-1], ":", ""
            if separator and name in names and name not in values:
                values[name] = value
                last = name
            elif last:  # a value of several lines, which somebody else wrote
                values[last] += "\n" + line
        return values

    def read(self, names: list[str]) -> dict[str, str | None]:
        """Values by name, defaults included; None for what is not set. One process for any number of names."""
        values = self._query("-i", names) if names else {}
        return {name: values.get(name) for name in names}

    def present(self, names: list[str]) -> list[str]:
        """Those of the names that are set in a file other than the defaults."""
        files = self._query("-iF", names) if names else {}
        return [name for name in names if files.get(name, DEFAULTS) != DEFAULTS]

    def write(self, values: dict[str, str]) -> None:
        """Set variables; Sentence unless they read back as wanted."""
        if values:
            dummy, stdout, stderr = run(self._sysrc + ["{}={}".format(*item) for item in sorted(values.items())])
            after = self.read(sorted(values))
            wrong = sorted(name for name in values if after[name] != values[name])
            if wrong:
                raise Sentence("sysrc did not set {}: {}".format(", ".join(wrong), said(stdout, stderr)))

    def delete(self, names: list[str]) -> None:
        """Remove variables; Sentence unless they are gone."""
        if names:
            dummy, stdout, stderr = run(self._sysrc + ["-x"] + names)
            left = self.present(names)
            if left:
                raise Sentence("sysrc did not remove {}: {}".format(", ".join(left), said(stdout, stderr)))


def pending(name: str) -> str:
    """The file that says that a running service has not read its new variables yet. /var/run is emptied at boot, when
    it reads them.
    """
    return f"{RUN}/potluck-{name}.restart"


def newer(paths: list[str], pid: int) -> bool:
    """True when one of the files was changed after the process started; a file that is not there was not."""
    if not paths:
        return False
    rc, stdout, dummy = run([PS, "-o", "etimes=", "-p", str(pid)])
    if rc != 0 or not stdout.strip().isdigit():
        return False  # it has just ended, which its status will tell
    # ps subtracts the second of the start from the second of now. A file of that very second was most likely written
    # just before
    # the service was started because of it.
    started = int(time.time()) - int(stdout)
    return any(os.path.exists(path) and os.stat(path).st_mtime >= started + 1 for path in paths)


def bring_to_now(paths: list[str]) -> None:
    """Give files that seem to be of the future, because the clock was set back, the present time: else newer() would be
    true for that long.
    """
    now = time.time()
    for path in paths:
        if os.path.exists(path) and os.stat(path).st_mtime > now:
            os.utime(path)


class Status:
    """What C(onestatus) said: C(exists), C(running) and the first C(pid) it named, if any."""

    def __init__(self, rc: int | None, stdout: str, stderr: str) -> None:
        # onestatus instead of status: on 13.2 the status of a disabled service is 0 whether it runs or not.
        self.exists = "does not exist in /etc/rc.d" not in stdout
        self.running = rc == 0
        # The second way is pg_ctl's.
        found = re.search(r"running (?:as pids? |\(PID: )(\d+)", stdout)
        self.pid = int(found.group(1)) if found and self.running else None
        self.text = said(stdout, stderr)


class Service:
    """One rc service."""

    def __init__(self, name: str, timeout: float = 30) -> None:
        self.name = name
        self._timeout = timeout

    def _verb(self, verb: str) -> tuple[int | None, str, str]:
        return run([SERVICE, self.name, verb])

    def status(self) -> Status:
        """The Status of the service now, whether it is enabled or not; see its C(exists) for one that is not there."""
        return Status(*self._verb("onestatus"))

    def enabled(self) -> bool:
        """What the rc script itself thinks, after rc.conf.d and its own defaults."""
        return self._verb("enabled")[0] == 0

    def _wait(self, running: bool) -> Status:
        deadline = time.monotonic() + self._timeout
        while True:
            status = self.status()
            if status.running == running or time.monotonic() >= deadline:
                return status
            time.sleep(POLL_INTERVAL)

    def start(self) -> Status:
        """Start a service that does not run, enabled or not."""
        rc, stdout, stderr = self._verb("onestart")
        # A script that says it failed is believed, unless something else started the service meanwhile.
        status = self._wait(True) if rc == 0 else self.status()
        if not status.running:
            raise Sentence(f"service {self.name} did not start: {said(stdout, stderr)}")
        return status

    def stop(self) -> Status:
        """Stop a service that runs."""
        dummy, stdout, stderr = self._verb("onestop")
        status = self._wait(False)
        if status.running:
            raise Sentence(f"service {self.name} did not stop: {said(stdout, stderr)}")
        return status

    def restart(self, before: Status) -> Status:
        """Restart a service that runs; C(before) is its Status until now."""
        rc, stdout, stderr = self._verb("onerestart")
        status = self._wait(True) if rc == 0 else self.status()
        if not status.running:
            raise Sentence(f"service {self.name} was stopped but did not start again: {said(stdout, stderr)}")
        if status.pid is not None and status.pid == before.pid:
            raise Sentence(f"service {self.name} did not restart, the old process still runs: {said(stdout, stderr)}")
        if rc != 0:
            raise Sentence(f"service {self.name} runs, but its restart failed: {said(stdout, stderr)}")
        return status

    def reload(self) -> Status:
        """Make a service that runs read its configuration again."""
        rc, stdout, stderr = self._verb("onereload")
        if "unknown directive" in stderr:
            raise NoReload(f"service {self.name} has no reload: use restarted instead")
        if rc != 0:
            raise Sentence(f"service {self.name} did not reload: {said(stdout, stderr)}")
        time.sleep(RELOAD_SETTLE)
        status = self.status()
        if not status.running:
            raise Sentence(f"service {self.name} ended when it was told to reload: use restarted instead")
        return status
