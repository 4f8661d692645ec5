# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What copy-in and copy-out share."""

from __future__ import annotations

import subprocess
import sys

from potlib.commandline import has, last, need_root, options
from potlib.output import Exit, error, info, usage
from potlib.pots import is_pot, is_running


def copy_options(command: str, args: list[str]) -> tuple[str, str, str, list[tuple[str, str]]]:
    found, _rest = options(command, args)
    pot, source, target = last(found, "p"), last(found, "s"), last(found, "d")
    if not pot:
        error("A pot name is mandatory")
        raise usage(command)
    if not source:
        error("A source is mandatory")
        raise usage(command)
    if not target:
        error("A destination is mandatory")
        raise usage(command)
    if not is_pot(pot):
        raise usage(command)
    need_root()
    if is_running(pot) and not has(found, "F"):
        error("Copying files on a running pot is discouraged, it can partially expose the host file system to the jail")
        info("Using the -F flag, the operation can be executed anyway, but we disagree")
        raise Exit(1)
    return pot, source, target, found


def copy(source: str, target: str) -> bool:
    sys.stdout.flush()
    return subprocess.run(["/bin/cp", "-a", source, target], check=False).returncode == 0
