# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot exec."""

from __future__ import annotations

import os
import subprocess
import sys

from potlib.commandline import has, last, need_root, options
from potlib.output import error, usage
from potlib.pots import is_pot, is_running


def main(args: list[str]) -> int:
    found, rest = options("exec", args)
    pot = last(found, "p")
    if not pot:
        error("A pot name is mandatory")
        raise usage("exec")
    if not rest:
        error("A command is mandatory")
        raise usage("exec")
    if has(found, "u") and has(found, "U"):
        error("Options -u and -U are mutually exclusive")
        raise usage("exec")
    if not is_pot(pot, None) or not is_running(pot):
        error("The pot is not running")
        return 1
    need_root()
    argv = ["/usr/sbin/jexec", "-l"]
    for letter in "uU":
        if has(found, letter):
            argv += ["-" + letter, last(found, letter)]
    extra = [value for letter, value in found if letter == "e"]
    argv += [pot, *(["env", *extra] if extra else []), *rest]
    sys.stdout.flush()
    if has(found, "d"):
        with open(os.devnull, "r+b") as null:
            subprocess.Popen(argv, stdin=null, stdout=null, stderr=null, start_new_session=True)
        return 0
    os.execv(argv[0], argv)
    return None
