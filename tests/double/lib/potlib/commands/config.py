# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot config."""

from __future__ import annotations

from potlib.commandline import has, last, options
from potlib.configuration import PREFIX, settings
from potlib.output import error, say, usage


def main(args: list[str]) -> int:
    found, _rest = options("config", args)
    name = last(found, "g")
    values = {
        "fs_root": ("fs_root", settings.fs),
        "zfs_root": ("zfs_root", settings.zfs),
        "gateway": ("gateway", settings["POT_GATEWAY"]),
        "syslogd": ("syslogd flags", f"-b 127.0.0.1 -b {settings['POT_GATEWAY']} -a {settings['POT_NETWORK']}"),
        "pot_prefix": ("pot prefix", PREFIX),
        "fscomp_prefix": ("fscomp prefix", f"{settings.zfs}/fscomp"),
        "network_stack": ("network stack", settings["POT_NETWORK_STACK"]),
    }
    if name not in values:
        error(f"NO {name} is not a valid name" if name else "option -g is mandatory")
        raise usage("config")
    label, value = values[name]
    say(value if has(found, "q") else f"{label} = {value}")
    return 0
