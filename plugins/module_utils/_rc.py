# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rc.conf variables and rc services of FreeBSD, through sysrc(8) and service(8).

Only facts that hold from FreeBSD 13.2 on are used. An exit code of 0 is never taken for success of a change (C(start) of a disabled
service and C(sysrc) itself end with 0 whatever happened): what matters is what a second look shows.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time

SYSRC = '/usr/sbin/sysrc'
SERVICE = '/usr/sbin/service'
PS = '/bin/ps'
DEFAULTS = '/etc/defaults/rc.conf'
RUN = '/var/run'

# Seconds. The system's own scripts wait without end for a daemon that does not stop.
LIMIT = 600
POLL_INTERVAL = 0.2
# A daemon that does not handle SIGHUP is killed by it, but not before the reload command has ended.
RELOAD_SETTLE = 0.5

_VARIABLE = re.compile(r'[A-Za-z_][A-Za-z0-9_]*\Z')
_SERVICE_NAME = re.compile(r'[A-Za-z0-9_][A-Za-z0-9_.+-]*\Z')
# sysrc writes the value raw between double quotes, where sh evaluates these; its awk eats backslashes; a newline ends the assignment.
# rc.subr starts a service that has a user of its own with "su -m", which runs root's csh, and that takes ! for its history.
_NOT_CARRIED = re.compile(r'["$`\\!\x00-\x1f\x7f]')
_TRUE = ('yes', 'true', 'on', '1')


class RcError(Exception):
    """What went wrong, one sentence."""


def rc_name(service):
    """The name of a service in rc.conf variables: C(syslog-ng) becomes C(syslog_ng)."""
    return re.sub(r'[^A-Za-z0-9_]', '_', service)


def is_true(value):
    """Whether rc.subr's checkyesno takes a value (None for a variable that is not set) for yes."""
    return value is not None and value.lower() in _TRUE


def check_service_name(name):
    """RcError for what cannot be the file name of an rc script; whether there is one is not looked at."""
    if not _SERVICE_NAME.match(name):
        raise RcError('%r cannot be the name of a service' % name)


def check_variable(name, value=''):
    """Refuse a name that is none and a value that rc.conf cannot carry through sysrc."""
    if not _VARIABLE.match(name):
        raise RcError('%r cannot be the name of an rc.conf variable' % name)
    found = _NOT_CARRIED.search(value)
    if found:
        raise RcError('the value of %s contains %r, which rc.conf cannot carry to a service: no double quotes, dollar signs, backticks, '
                      'backslashes, exclamation marks or control characters' % (name, found.group(0)))


def run(argv):
    """Run a command with the environment that service(8) gives: (exit code, stdout, stderr) as text. RcError after LIMIT seconds.

    A daemon that the command leaves behind keeps its standard files open; as these are files and not pipes, nobody waits for it.
    """
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd='/', start_new_session=True,
                                   env={'HOME': '/', 'PATH': '/sbin:/bin:/usr/sbin:/usr/bin'})
        try:
            rc = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise RcError("'%s' did not end within %d seconds" % (' '.join(argv), LIMIT)) from None
        texts = []
        for stream in (stdout, stderr):
            stream.seek(0)
            texts.append(stream.read().decode('utf-8', 'surrogateescape'))
    return rc, texts[0], texts[1]


def said(stdout, stderr):
    """All a command said, on one line."""
    return '; '.join(line.strip() for line in (stderr + '\n' + stdout).splitlines() if line.strip()) or 'it said nothing'


class Variables:
    """rc.conf variables of one file, or of the files that sysrc(8) chooses."""

    def __init__(self, path=None):
        self._sysrc = [SYSRC] + (['-f', path] if path else [])

    def _query(self, flags, names):
        rc, stdout, stderr = run(self._sysrc + [flags] + names)
        # With -i an unknown variable is silent, yet the exit code is 1: only a message tells of an error.
        if rc not in (0, 1) or stderr.strip():
            raise RcError('sysrc cannot read the configuration: %s' % said('', stderr))
        values = {}
        last = None
        for line in stdout.rstrip('\n').split('\n'):
            name, separator, value = line.partition(': ')
            if not separator and line.endswith(':'):
                name, separator, value = line[:-1], ':', ''
            if separator and name in names and name not in values:
                values[name] = value
                last = name
            elif last:  # a value of several lines, which somebody else wrote
                values[last] += '\n' + line
        return values

    def read(self, names):
        """Values by name, defaults included; None for what is not set. One process for any number of names."""
        values = self._query('-i', names) if names else {}
        return {name: values.get(name) for name in names}

    def present(self, names):
        """Those of the names that are set in a file other than the defaults."""
        files = self._query('-iF', names) if names else {}
        return [name for name in names if files.get(name, DEFAULTS) != DEFAULTS]

    def write(self, values):
        """Set variables; RcError unless they read back as wanted."""
        if values:
            dummy, stdout, stderr = run(self._sysrc + ['%s=%s' % item for item in sorted(values.items())])
            after = self.read(sorted(values))
            wrong = sorted(name for name in values if after[name] != values[name])
            if wrong:
                raise RcError('sysrc did not set %s: %s' % (', '.join(wrong), said(stdout, stderr)))

    def delete(self, names):
        """Remove variables; RcError unless they are gone."""
        if names:
            dummy, stdout, stderr = run(self._sysrc + ['-x'] + names)
            left = self.present(names)
            if left:
                raise RcError('sysrc did not remove %s: %s' % (', '.join(left), said(stdout, stderr)))


def pending(name):
    """The file that says that a running service has not read its new variables yet. /var/run is emptied at boot, when it reads them."""
    return '%s/potluck-%s.restart' % (RUN, name)


def newer(paths, pid):
    """True when one of the files was changed after the process started; a file that is not there was not."""
    if not paths:
        return False
    rc, stdout, dummy = run([PS, '-o', 'etimes=', '-p', str(pid)])
    if rc != 0 or not stdout.strip().isdigit():
        return False  # it has just ended, which its status will tell
    # ps subtracts the second of the start from the second of now. A file of that very second was most likely written just before
    # the service was started because of it.
    started = int(time.time()) - int(stdout)
    return any(os.path.exists(path) and os.stat(path).st_mtime >= started + 1 for path in paths)


class Status:
    """What C(onestatus) said: C(exists), C(running) and the first C(pid) it named, if any."""

    def __init__(self, rc, stdout, stderr):
        # onestatus instead of status: on 13.2 the status of a disabled service is 0 whether it runs or not.
        self.exists = 'does not exist in /etc/rc.d' not in stdout
        self.running = rc == 0
        found = re.search(r'running as pids? (\d+)', stdout)
        self.pid = int(found.group(1)) if found and self.running else None
        self.text = said(stdout, stderr)


class Service:
    """One rc service."""

    def __init__(self, name, timeout=30):
        self.name = name
        self._timeout = timeout

    def _verb(self, verb):
        return run([SERVICE, self.name, verb])

    def status(self):
        """The Status of the service now, whether it is enabled or not; see its C(exists) for one that is not there."""
        return Status(*self._verb('onestatus'))

    def enabled(self):
        """What the rc script itself thinks, after rc.conf.d and its own defaults."""
        return self._verb('enabled')[0] == 0

    def _wait(self, running):
        deadline = time.monotonic() + self._timeout
        while True:
            status = self.status()
            if status.running == running or time.monotonic() >= deadline:
                return status
            time.sleep(POLL_INTERVAL)

    def start(self):
        """Start a service that does not run, enabled or not."""
        rc, stdout, stderr = self._verb('onestart')
        # A script that says it failed is believed, unless something else started the service meanwhile.
        status = self._wait(True) if rc == 0 else self.status()
        if not status.running:
            raise RcError('service %s did not start: %s' % (self.name, said(stdout, stderr)))
        return status

    def stop(self):
        """Stop a service that runs."""
        dummy, stdout, stderr = self._verb('onestop')
        status = self._wait(False)
        if status.running:
            raise RcError('service %s did not stop: %s' % (self.name, said(stdout, stderr)))
        return status

    def restart(self, before):
        """Restart a service that runs; C(before) is its Status until now."""
        rc, stdout, stderr = self._verb('onerestart')
        status = self._wait(True) if rc == 0 else self.status()
        if not status.running:
            raise RcError('service %s was stopped but did not start again: %s' % (self.name, said(stdout, stderr)))
        if status.pid is not None and status.pid == before.pid:
            raise RcError('service %s did not restart, the old process still runs: %s' % (self.name, said(stdout, stderr)))
        if rc != 0:
            raise RcError('service %s runs, but its restart failed: %s' % (self.name, said(stdout, stderr)))
        return status

    def reload(self):
        """Make a service that runs read its configuration again."""
        rc, stdout, stderr = self._verb('onereload')
        if 'unknown directive' in stderr:
            raise RcError('service %s has no reload: use restarted instead' % self.name)
        if rc != 0:
            raise RcError('service %s did not reload: %s' % (self.name, said(stdout, stderr)))
        time.sleep(RELOAD_SETTLE)
        status = self.status()
        if not status.running:
            raise RcError('service %s ended when it was told to reload: use restarted instead' % self.name)
        return status
