# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pot's way down."""

from __future__ import annotations

import contextlib
import os
import sys

import jail as jaillib
import net
import socketrules

from potlib.mounting import unmount_pot
from potlib.network import aliases
from potlib.output import complain, error
from potlib.pots import attribute, is_running, raw, root_of, var
from potlib.starting import run_hook
from potlib.states import set_status, status
from potlib.steps import fault


def stop_pot(pot: str) -> int:
    """The whole of stop once the pot is known to exist; 0, or 1 when the state machine refuses."""
    code = set_status(pot, "stopping")
    if code:
        error(
            f"pot {pot} is already stopping!" if code == 2 else f"pot {pot} is not in a state where it can be stopped"
        )
        return 1
    interfaces = status(pot)[1]
    found = jaillib.find(pot)
    if found and found[0] == pot:
        run_hook(pot, "prestop")
        stop = attribute_raw(pot, "exec_stop")
        timeout = int(attribute(pot, "stop_timeout") or "10")
        if fault("jail-remove"):
            complain(OSError(f"jail: {pot}: jail_remove: Operation timed out"))
        else:
            sys.stdout.flush()
            jaillib.remove(pot, ["/bin/sh", "-c", stop] if stop else None, timeout)
    kind = var(pot, "network_type")
    if kind == "alias":
        net.alias_down(pot, aliases(pot))
    for name in interfaces.split(":"):
        if name.startswith("epair"):
            net.epair_down(int(name[5:]))
    net.unredirect(pot)
    group = socketrules.group_of(pot)
    if os.path.isdir(group) and not is_running(pot):
        with contextlib.suppress(OSError):
            os.rmdir(group)
    run_hook(pot, "poststop")
    if var(pot, "pot.dns") != "off":
        with contextlib.suppress(OSError):
            os.unlink(root_of(pot) + "/etc/resolv.conf")
    unmount_pot(pot)
    set_status(pot, "stopped", "")
    return 0


def attribute_raw(pot: str, name: str) -> str:
    """exec_stop with its blanks, but cut at the first '=' it contains, as pot hands it to jail(8)."""
    values = raw(pot, "pot.attr." + name)
    return values[-1].partition("=")[0] if values else ""
