# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether something is mounted at a directory, as a process in a pot can tell."""

from __future__ import annotations

import os

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner

DF = "/bin/df"


def landing_place(path: str, runner: Runner) -> str:
    """The file system where data would land that are written below a directory at which nothing is mounted; empty when
    something is.
    """
    # Devices do not tell: a directory of the same file system can be mounted there. In a jail df hides the names of all
    # mount points but the root's, and every other one counts then.
    rc, out, _err = runner.run([DF, "-P", path])
    shown = out.split()[-1] if rc == 0 and out.strip() else "/"
    return shown if shown.startswith("/") and shown not in (path, os.path.realpath(path)) else ""
