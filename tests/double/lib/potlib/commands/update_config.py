# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot update-config."""

from __future__ import annotations

from potlib.commandline import has, options, pot_option
from potlib.configuration import settings
from potlib.mounting import normalise_mounts
from potlib.pots import JAIL_ATTRIBUTES, all_pots, lines_of, write_lines


def main(args: list[str]) -> int:
    found, _rest = options("update-config", args)
    names = all_pots() if has(found, "a") else [pot_option("update-config", found)]
    for pot in names:
        lines = lines_of(pot)
        known = {line.partition("=")[0] for line in lines}
        for key, value in (
            ("pot.type", "multi"),
            ("pot.attr.early.start-at-boot", "NO"),
            ("pot.attr.no-tmpfs", "NO"),
            ("pot.stack", settings["POT_NETWORK_STACK"]),
        ):
            if key not in known:
                lines.append(f"{key}={value}")
        for name, (_rest, default) in JAIL_ATTRIBUTES.items():
            if f"pot.attr.{name}" not in known and name != "exec_stop":
                lines.append(f"pot.attr.{name}={default}")
        lines.append("pot.attr.exec_stop=")
        write_lines(pot, [line for line in lines if not line.startswith("pot.rss.cpuset=")])
        normalise_mounts(pot)
    return 0
