# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot export-ports."""

from __future__ import annotations

from potlib.commandline import last, options, pot_option
from potlib.output import error, info, usage
from potlib.pots import replace, var


def main(args: list[str]) -> int:
    found, _rest = options("export-ports", args)
    ports = [value for letter, value in found if letter == "e"]
    for port in ports:
        words = port.split(":")
        if words[0] in ("tcp", "udp"):
            words.pop(0)
        for word in words or [""]:
            if not word.isdigit() or not 0 < int(word) < 65536:
                error(f"{word} is not a valid port number")
                raise usage("export-ports")
    if not ports and last(found, "p"):
        error("One port has to be exported at least")
        raise usage("export-ports")
    pot = pot_option("export-ports", found)
    if not var(pot, "network_type").endswith("bridge"):
        info(
            "Only public-bridge and private-bridge network type can export ports - this setting will be ignored during "
            "start"
        )
    replace(pot, "pot.export.ports", [" ".join(ports)])
    return 0
