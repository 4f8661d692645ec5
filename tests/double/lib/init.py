# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Process 1 of a host double: starts the machine, adopts orphans, ends it.

Run as ``python3 -IS /.double/lib/init.py``; SIGTERM means halt, SIGINT means reboot, as for FreeBSD's init(8).
Exit status 0: halted, 3: reboot wanted.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys

sys.path.insert(0, "/.double/lib")

import contextlib

import title

HALTED, REBOOT = 0, 3
ENVIRONMENT = {"HOME": "/", "PATH": "/sbin:/bin:/usr/sbin:/usr/bin"}

_wanted: list[int] = []


def _console() -> int:
    return os.open("/var/log/console.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _run(script: str, argument: str) -> subprocess.Popen:
    output = _console()
    try:
        return subprocess.Popen(
            ["/bin/sh", script, argument],
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd="/",
        )
    finally:
        os.close(output)


def _wait(process: subprocess.Popen) -> None:
    """Wait for one child and reap whatever else ends meanwhile."""
    while True:
        try:
            pid, status = os.wait()
        except ChildProcessError:
            return
        if pid == process.pid:
            process.returncode = status
            return


def main() -> int:
    title.set_title(["/sbin/init"])
    signal.signal(signal.SIGTERM, lambda *_: _wanted.append(HALTED))
    signal.signal(signal.SIGINT, lambda *_: _wanted.append(REBOOT))
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    open("/.double/run/booting", "w", encoding="utf-8").close()
    _wait(_run("/etc/rc", "autoboot"))
    os.rename("/.double/run/booting", "/.double/run/booted")
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD))
    while not _wanted:
        number = signal.sigwait((signal.SIGTERM, signal.SIGINT, signal.SIGCHLD))
        if number == signal.SIGTERM:
            _wanted.append(HALTED)
        elif number == signal.SIGINT:
            _wanted.append(REBOOT)
        while True:
            try:
                if os.waitpid(-1, os.WNOHANG)[0] == 0:
                    break
            except ChildProcessError:
                break
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _wait(_run("/etc/rc.shutdown", "reboot" if _wanted[0] == REBOOT else "halt"))
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGTERM)
    os.sync()
    return _wanted[0]


if __name__ == "__main__":
    sys.exit(main())
