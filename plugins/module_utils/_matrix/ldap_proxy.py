# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run nginx with the configuration of a TCP proxy that is not in use yet, on a port of its own, for as long as it is
asked something."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

NGINX = "/usr/local/sbin/nginx"
# Seconds until it listens. It looks up the names of the servers first.
START_LIMIT = 15
# Seconds after which the system ends it, whatever has become of whoever started it.
LIFE = 120
# What the configuration has in the places of its own port and of the directory of its files.
PORT, DIRECTORY = "@PORT@", "@DIRECTORY@"


def _free_port(address: str) -> int:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise Sentence(f"nothing can listen at {address}: {error.strerror}") from error
        return probe.getsockname()[1]


def _listens(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), 1).close()
        return True
    except OSError:
        return False


@contextlib.contextmanager
def running(configuration: str, address: str, nginx: str = NGINX) -> t.Iterator[int]:
    """The port at which a proxy with that configuration listens at the address; Sentence when it does not start."""
    port = _free_port(address)
    directory = tempfile.mkdtemp(prefix="potluck-ldap-proxy-")
    process = None
    try:
        path = os.path.join(directory, "nginx.conf")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(configuration.replace(PORT, str(port)).replace(DIRECTORY, directory))
        with open(os.path.join(directory, "said"), "w+b") as said:
            try:
                process = subprocess.Popen(
                    ["timeout", str(LIFE), nginx, "-c", path, "-g", "daemon off;"],
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=said,
                    cwd="/",
                )
            except OSError as error:
                raise Sentence(f"nginx cannot be run: {error.strerror}") from error
            deadline = time.monotonic() + START_LIMIT
            while not _listens(address, port):
                if process.poll() is not None or time.monotonic() > deadline:
                    said.seek(0)
                    lines = [line for line in said.read().decode("utf-8", "replace").splitlines() if "[emerg]" in line]
                    raise Sentence(
                        lines[-1].partition("[emerg] ")[2].replace(directory, "") if lines else "nginx does not start"
                    )
                time.sleep(0.05)
            yield port
    finally:
        if process is not None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(directory, ignore_errors=True)
