# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running commands: an environment that is known, no pipe that a daemon could keep open, an end in any case."""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import signal
import subprocess
import tempfile
import time
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import CommandTimeout, Sentence

PATH = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
# What fetch(1) reads; only commands that download get them.
FETCH_ENVIRONMENT = (
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "no_proxy",
    "http_proxy_auth",
    "http_auth",
    "ssl_ca_cert_file",
    "ssl_ca_cert_path",
)


class Runner:
    """Runs commands with a known environment and without a pipe that a daemon could keep open."""

    def environment(self, download: bool = False) -> dict[str, str]:
        """All that a command finds in its environment: PATH and HOME, for a download also what FETCH_ENVIRONMENT names
        in either case.
        """
        environment = {"PATH": PATH, "HOME": "/root"}
        if download:
            environment.update({k: v for k, v in os.environ.items() if k.lower() in FETCH_ENVIRONMENT})
        return environment

    def inherited(self, **more: str) -> dict[str, str]:
        """The environment that the task was given, with all of FreeBSD's directories of programs in its PATH."""
        path = os.environ.get("PATH", "")
        return {**os.environ, "PATH": f"{path}:{PATH}" if path else PATH, **more}

    def run(
        self,
        argv: list[str],
        timeout: float = 120,
        download: bool = False,
        cwd: str = "/",
        until: t.Callable[[], t.Any] | None = None,
        environment: dict[str, str] | None = None,
        user: pwd.struct_passwd | None = None,
        umask: int = 0o022,
        errors: str = "replace",
    ) -> tuple[int | None, str, str]:
        """(rc, stdout, stderr). rc is C(None) when until() became true and the command was left running.

        environment: in the place of environment(). user: whom the command runs as, with no group but that user's; only
        root can choose. errors: what becomes of bytes that are not UTF-8, as in C(bytes.decode). C(Sentence) for a
        command that cannot be run, C(CommandTimeout) after that many seconds.
        """
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            # What goes on running must not fill a file nobody can see any more.
            streams: tuple[t.Any, t.Any] = (subprocess.DEVNULL, subprocess.DEVNULL) if until else (out, err)
            identity: dict[str, t.Any] = {}
            if user and os.geteuid() == 0:
                identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [user.pw_gid]}
            try:
                process = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=streams[0],
                    stderr=streams[1],
                    cwd=cwd,
                    umask=umask,
                    env=self.environment(download) if environment is None else environment,
                    start_new_session=True,
                    **identity,
                )
            except OSError as exc:
                raise Sentence(f"Cannot run {argv[0]}: {exc.strerror}.") from exc
            rc = self._wait(process, argv, timeout, until)
            texts = []
            for handle in (out, err):
                handle.seek(0)
                texts.append(handle.read().decode("utf-8", errors))
            return rc, texts[0], texts[1]

    def _wait(
        self,
        process: subprocess.Popen[bytes],
        argv: list[str],
        timeout: float,
        until: t.Callable[[], t.Any] | None,
    ) -> int | None:
        deadline = time.monotonic() + timeout
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(timeout=min(0.5 if until else timeout, max(0.01, deadline - time.monotonic())))
            if until and until():
                return None
            if time.monotonic() >= deadline:
                self._kill(process)
                raise CommandTimeout("'%s' did not end within %d seconds." % (shlex.join(argv), timeout))

    @staticmethod
    def _kill(process: subprocess.Popen[bytes]) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
