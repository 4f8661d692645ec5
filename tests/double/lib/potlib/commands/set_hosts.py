# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot set-hosts."""

from __future__ import annotations

import os

from potlib.commandline import options, pot_option
from potlib.configuration import settings
from potlib.network import valid_address
from potlib.output import error, usage
from potlib.pots import replace


def main(args: list[str]) -> int:
    found, _rest = options("set-hosts", args)
    values = []
    for letter, value in found:
        if letter == "H":
            name, colon, address = value.partition(":")
            if not colon or not valid_address(address):
                error(f"Submitted ip {address} is not a valid one")
                raise usage("set-hosts")
            values.append(f"{address} {name}")
    pot = pot_option("set-hosts", found)
    path = settings.tmp + "/pot-set-hosts"
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        error("not able to create temporary file - set-hosts failed")
        return 1
    try:
        replace(pot, "pot.hosts", values)
    finally:
        os.unlink(path)
    return 0
