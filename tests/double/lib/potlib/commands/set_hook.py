# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot set-hook."""

from __future__ import annotations

import os
import shutil

from potlib.commandline import options, pot_option
from potlib.output import error, usage
from potlib.pots import directory


def main(args: list[str]) -> int:
    found, _rest = options("set-hook", args)
    names = {"s": "prestart", "S": "poststart", "t": "prestop", "T": "poststop"}
    hooks = []
    for letter, value in found:
        if letter in names:
            if os.path.isfile(value) and os.access(value, os.X_OK):
                hooks.append((names[letter], value))
            else:
                error(f"{value} not a valid hook")
    if not hooks:
        error("No hooks provided")
        raise usage("set-hook")
    pot = pot_option("set-hook", found)
    for name, path in hooks:
        shutil.copyfile(path, f"{directory(pot)}/conf/{name}.sh")
        os.chmod(f"{directory(pot)}/conf/{name}.sh", 0o755)
    return 0
