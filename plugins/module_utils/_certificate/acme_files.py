# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The settings that acme.sh keeps in files which it lets a shell read.

The files are the acme user's, and read and written as that user, so that nothing planted in its directory makes root
touch another file.
"""

from __future__ import annotations

import os
import re
import subprocess

from ansible_collections.potluck.matrix.plugins.module_utils._certificate.changes import Changes
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.commands import last_line, run
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence

# What acme.sh and its port write: a comment, or one setting without anything that a shell would carry out.
WELL_FORMED = re.compile(r"""\s*(#.*|export\s+|)(\w+=('[^']*'|"[^"`$\\]*"|[\w./:@%+,=-]*))?\s*\Z""")
_WRITE = 'umask 077; mkdir -p "$(dirname "$1")" && cat > "$1.new" && mv "$1.new" "$1"'


class AcmeFiles:
    """user: who owns the files."""

    def __init__(self, user: str, changes: Changes) -> None:
        self.user = user
        self.changes = changes

    def run(
        self, *argv: str, text: str | None = None, environment: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess:
        """A finished process of the user's, with its output as text."""
        return run(*argv, text=text, environment=environment, user=self.user, cwd="/", umask=0o027)

    def read(self, path: str) -> str:
        """The text of a file; empty when the user can read none."""
        done = self.run("cat", path)
        return done.stdout if done.returncode == 0 else ""

    def remove(self, path: str) -> None:
        """Remove a file of the user's; Sentence when it is still there."""
        done = self.run("rm", "-f", path)
        if done.returncode != 0:
            raise Sentence(f"user {self.user} cannot remove {path}: {last_line(done.stderr)}")

    def settings(self, path: str) -> dict[str, str]:
        """What the lines of NAME='value' say."""
        return dict(re.findall(r"^(\w+)='(.*)'$", self.read(path), re.MULTILINE))

    def change(self, path: str, wanted: dict[str, str | None]) -> bool:
        """Set settings, None removes one; whether there was anything to do.

        A line that the shell cannot read (a value with an apostrophe) ends every run of acme.sh: it goes.
        """
        wrong = [name for name, value in wanted.items() if value is not None and not _well_formed(name, value)]
        if wrong:
            raise Sentence(f"acme.sh's files cannot hold the value of {wrong[0]}: it contains an apostrophe")
        lines = self.read(path).splitlines()
        kept = [line for line in lines if WELL_FORMED.match(line) and line.partition("=")[0] not in wanted]
        new = kept + [f"{name}='{value}'" for name, value in wanted.items() if value is not None]
        if sorted(new) == sorted(lines):
            return False
        if not self.changes.check:
            self._write(path, "".join(line + "\n" for line in new))
        return True

    def _write(self, path: str, text: str) -> None:
        done = self.run("/bin/sh", "-c", _WRITE, "sh", path, text=text)
        if done.returncode != 0:
            raise Sentence(f"user {self.user} cannot write {path}: {last_line(done.stderr)}")


def own(path: str, mode: int, uid: int, gid: int, changes: Changes, user: str) -> None:
    """Make a directory, or give one that Potluck or an earlier life left, with all in it, to the user of these ids."""
    if not os.path.isdir(path):
        os.makedirs(path)
        os.chmod(path, mode)
        changes.note("created " + path)
    if os.stat(path).st_uid != uid:
        # Links are not followed, neither here nor on the way down.
        for parent, directories, files in os.walk(path, topdown=False):
            for name in directories + files:
                os.chown(os.path.join(parent, name), uid, gid, follow_symlinks=False)
        os.chown(path, uid, gid)
        changes.note(f"gave {path} to user {user}")


def _well_formed(name: str, value: str) -> bool:
    return bool(WELL_FORMED.match(f"{name}='{value}'"))
