# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Running commands, as root or as a user who owns less."""

from __future__ import annotations

import os
import pwd
import subprocess

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import PATH


def run(
    *argv: str, text: str | None = None, user: str | None = None, environment: dict[str, str] | None = None, **more
) -> subprocess.CompletedProcess:
    """The finished process with its output as text. text: its standard input. user: who runs it, with a clean
    environment and what is in environment.
    """
    if user is not None:
        entry = pwd.getpwnam(user)
        more["env"] = {**(environment or {}), "PATH": PATH, "HOME": entry.pw_dir, "USER": user, "LOGNAME": user}
        if os.geteuid() == 0 and entry.pw_uid != 0:
            more.update(user=entry.pw_uid, group=entry.pw_gid, extra_groups=[])
    source = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
    return subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False, **source, **more)


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"
