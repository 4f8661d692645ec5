# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot signal."""

from __future__ import annotations

import os
import re
import signal as signals

import jail as jaillib

from potlib.commandline import has, last, options
from potlib.output import error, say, usage
from potlib.pots import attribute, is_pot, is_running


def main(args: list[str]) -> int:
    found, _rest = options("signal", args)
    pot, name, pid, pattern = last(found, "p"), last(found, "s", "INFO"), last(found, "P"), last(found, "m")
    if not pot or not is_pot(pot):
        if not pot:
            error("A pot name is mandatory")
        raise usage("signal")
    forced = 0 if has(found, "f") else 1
    if not is_running(pot):
        error(f"The pot {pot} is not running")
        return forced
    if attribute(pot, "persistent") != "NO" and not pid and not pattern:
        error("Persistent pots need either -P or -m")
        return forced
    jail = jaillib.find(pot)[1]
    number = (
        int(name) if name.isdigit() else getattr(signals, "SIG" + name.upper().removeprefix("SIG"), signals.SIGUSR1)
    )
    targets = []
    for each in jaillib.processes(jail):
        with open(f"/proc/{each}/status", encoding="utf-8", errors="replace") as stream:
            inner = next((line.split()[-1] for line in stream if line.startswith("NSpid:")), "")
        with open(f"/proc/{each}/cmdline", "rb") as stream:
            words = stream.read().replace(b"\0", b" ").decode(errors="replace")
        if (pid and pid in (inner, str(each))) or (pattern and re.search(pattern, words)) or (not pid and not pattern):
            targets.append(each)
    if has(found, "C") or has(found, "l"):
        for each in targets:
            say(str(each))
        return 0
    for each in targets:
        os.kill(each, number)
    return 0 if targets else forced
