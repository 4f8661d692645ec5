# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files on their way into a pot and out of it, in pieces, through the standard input and output of a command in it."""

from __future__ import annotations

import contextlib
import os
import posixpath
import re
import secrets
import shlex
import tempfile
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleError, AnsibleFileNotFound
from ansible.module_utils.common.text.converters import to_bytes, to_text

MIB = 1024 * 1024
# The outer plugin holds one piece in memory, some of them several times over while they collect output.
PUT_PIECE = 32 * MIB
FETCH_PIECE = 8 * MIB

Answer = tuple[int, bytes, bytes]


class Connection(t.Protocol):
    """What is needed of the connection to a pot."""

    @property
    def pot(self) -> str:
        """Name of the pot."""

    @property
    def host(self) -> str:
        """Name of the host."""

    def ready(self) -> t.Any:
        """The plugin that reaches the host."""

    def run(
        self, command: str, in_data: bytes | None = ..., *, stdin_path: str | None = ..., output_limit: int = ...
    ) -> Answer:
        """Run a command in the pot. stdin_path: a file on the host."""


def put(connection: Connection, in_path: str, out_path: str) -> None:
    """Copy a file of the controller into the pot, mode 0600; the target appears complete or not at all."""
    b_in_path = to_bytes(in_path, errors="surrogate_or_strict")
    if not os.path.exists(b_in_path):
        raise AnsibleFileNotFound(f"file or module does not exist: {to_text(in_path)}")
    target = _path(out_path)
    names = "o={}; t={}; ".format(
        shlex.quote(target), shlex.quote(f"{posixpath.dirname(target)}/.ansible-put-{secrets.token_hex(8)}")
    )
    with open(b_in_path, "rb") as source:
        size = os.fstat(source.fileno()).st_size
        offset = 0
        while True:
            piece = source.read(PUT_PIECE)
            # With seek a piece that is sent again after a lost connection lands where it belongs.
            take = 'dd of="$t" obs=%d seek=%d conv=notrunc' % (MIB, offset // MIB) if piece else ': > "$t"'
            end = offset + len(piece)
            last = len(piece) < PUT_PIECE or end >= size
            script = f'umask 077; {names}test ! -d "$o" || {{ echo "$o is a directory" >&2; exit 1; }}; '
            script += 'if %s && test $(wc -c < "$t") -eq %d%s; then exit 0; fi; rm -f "$t"; exit 1' % (
                take,
                end,
                ' && mv -f "$t" "$o"' if last else "",
            )
            _feed(connection, script, piece, target)
            if last:
                return
            offset = end


def _feed(connection: Connection, script: str, data: bytes, path: str) -> None:
    """Run a script in the pot with C(data) as its standard input."""
    outer = connection.ready()
    if outer.has_pipelining or not data:
        rc, _stdout, stderr = connection.run(script, in_data=data or None)
    else:
        rc, _stdout, stderr = _feed_from_host(connection, outer, script, data)
    if rc != 0:
        reason = _complaint(stderr) or "it did not arrive complete"
        raise AnsibleError(f'failed to write {path} in pot "{connection.pot}": {reason}')


def _feed_from_host(connection: Connection, outer: t.Any, script: str, data: bytes) -> Answer:
    # mktemp(1) makes it 0600, so nobody else on the host reads what may be a secret.
    rc, stdout, stderr = outer.exec_command("mktemp /tmp/pot-transfer.XXXXXXXXXX", sudoable=False)
    path = to_text(stdout).strip()
    if rc != 0 or not re.match(r"/tmp/pot-transfer\.\w+\Z", path):
        raise AnsibleError(f'cannot make a temporary file on host "{connection.host}": {to_text(stderr).strip()}')
    try:
        with tempfile.NamedTemporaryFile(dir=C.DEFAULT_LOCAL_TMP) as local:
            local.write(data)
            local.flush()
            outer.put_file(local.name, path)
        return connection.run(script, stdin_path=path)
    finally:
        outer.exec_command("rm -f " + path, sudoable=False)


def fetch(connection: Connection, in_path: str, out_path: str, limit: int) -> None:
    """Copy a file of the pot to the controller, up to its end; the target appears complete or not at all.

    limit: how many MiB it may have. Whatever size the pot states is not asked for.
    """
    name = _path(in_path)
    b_out_path = to_bytes(out_path, errors="surrogate_or_strict")
    b_part = b_out_path + b".part-" + secrets.token_hex(8).encode()
    try:
        with open(b_part, "xb") as target:
            offset = 0
            while offset % FETCH_PIECE == 0:
                rc, piece, stderr = connection.run(
                    "dd if=%s bs=%d skip=%d count=%d" % (shlex.quote(name), MIB, offset // MIB, FETCH_PIECE // MIB),
                    output_limit=FETCH_PIECE,
                )
                if rc != 0:
                    raise AnsibleError(f'failed to read {name} in pot "{connection.pot}": {_complaint(stderr)}')
                if not piece:
                    break
                offset += len(piece)
                if offset > limit * MIB:
                    raise AnsibleError(
                        f'{name} in pot "{connection.pot}" has more than the {limit} MiB that are fetched; '
                        "if it is meant to, set ansible_pot_fetch_limit to more"
                    )
                target.write(piece)
        os.replace(b_part, b_out_path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(b_part)


def _path(path: str) -> str:
    """A path in the pot that no command takes for an option."""
    path = to_text(path, errors="surrogateescape")
    return path if path.startswith("/") else "./" + path


def _complaint(stderr: bytes) -> str:
    """What a failed script said, without the statistics that dd prints."""
    lines = [line for line in to_text(stderr).splitlines() if not re.match(r"\d+\+\d+ records|\d+ bytes", line)]
    return "; ".join(lines).strip()
