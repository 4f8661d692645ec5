# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in host: jexec, jls, pot and doas as small scripts, messages and exit codes as recorded on FreeBSD 13.2."""

from __future__ import annotations

import os

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._pot import entering

JEXEC = """#!/bin/sh
test "$1" = -l || { echo "usage: jexec" >&2; exit 1; }
pot=$2
shift 2
test -e HOST/denied && { echo "jexec: jail_attach(4): Operation not permitted" >&2; exit 1; }
test -e "HOST/running/$pot" || { echo "jexec: jail \\"$pot\\" not found" >&2; exit 1; }
cd "HOST/jails/$pot" || exit 1
exec env -i HOME=/root PATH=/sbin:/bin:/usr/sbin:/usr/bin USER=root "$@"
"""
JLS = """#!/bin/sh
test "$1" = -j && test -e "HOST/running/$2" && { echo 4; exit 0; }
echo "jls: jail \\"$2\\" not found" >&2
exit 1
"""
POT = """#!/bin/sh
test "$*" = "config -qg fs_root" && echo HOST
"""


class Host:
    """Directories of the stand-in host; C(running/NAME) makes a jail of that name run."""

    def __init__(self, path):
        self.path = path
        for name in ("jails", "running", "bin"):
            (path / name).mkdir()

    def pot(self, name, running=True):
        """Add a pot and return the directory its commands start in."""
        (self.path / "jails" / name).mkdir()
        if running:
            (self.path / "running" / name).touch()
        return self.path / "jails" / name

    def command(self, name, text):
        path = self.path / "bin" / name
        path.write_text(text.replace("HOST", str(self.path)))
        path.chmod(0o755)
        return path


@pytest.fixture
def host(tmp_path, monkeypatch):
    host = Host(tmp_path)
    monkeypatch.setattr(entering, "JEXEC", str(host.command("jexec", JEXEC)))
    monkeypatch.setattr(entering, "JLS", str(host.command("jls", JLS)))
    monkeypatch.setattr(entering, "POT", str(host.command("pot", POT)))
    monkeypatch.setenv("PATH", str(tmp_path / "bin") + os.pathsep + os.environ["PATH"])
    return host
