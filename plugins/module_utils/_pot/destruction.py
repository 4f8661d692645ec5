# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Destroying a pot, and nothing that lies behind it."""

from __future__ import annotations

import os
import shutil

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import read_text
from ansible_collections.potluck.matrix.plugins.module_utils._pot import addressing, mounting, pf, running
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import PotConf
from ansible_collections.potluck.matrix.plugins.module_utils._pot.machine import holds_nothing


def check_destroy(machine, state):
    """Raise one sentence for everything that makes destroying this pot impossible or dangerous."""
    name, dataset = state.name, machine.dataset(state.name)
    clones = sorted(
        d
        for d, p in machine.datasets.items()
        if not d.startswith(dataset + "/")
        and (p["origin"].startswith(dataset + "@") or p["origin"].startswith(dataset + "/"))
    )
    if clones:
        raise Sentence(
            "Cannot destroy pot {}: {} depends on its snapshots; destroy that first.".format(name, ", ".join(clones))
        )
    if state.conf.text("pot.type") == "multi" and state.conf.text("pot.level") == "0":
        raise Sentence(
            "Cannot destroy pot {}: it belongs to base {}; use 'pot destroy -b {}'.".format(
                name, state.conf.text("pot.base"), state.conf.text("pot.base")
            )
        )
    users = [
        other
        for other in machine.names()
        if other != name
        and PotConf(read_text(machine.home(other) + "/conf/pot.conf") or "").text("pot.potbase") == name
    ]
    if users:
        raise Sentence("Cannot destroy pot {}: {} is built on it; destroy that first.".format(name, ", ".join(users)))
    foreign = sorted(
        d
        for d in machine.datasets
        if d.startswith(dataset + "/") and d[len(dataset) + 1 :] not in ("m", "usr.local", "custom")
    )
    if foreign:
        raise Sentence(
            "Cannot destroy pot {}: dataset {} lies below it and was not made by pot; move or destroy it first.".format(
                name, ", ".join(foreign)
            )
        )


def remove(machine, state):
    """Destroy a pot if there is one, and remove what one has left that is gone, by hand or by a run that was cut
    off.
    """
    if state.exists:
        destroy(machine, state)
    else:
        forget(machine, state.name)


def destroy(machine, state):
    """Destroy a pot that exists. Refuses as long as something of the user's is mounted below it."""
    check_destroy(machine, state)
    with machine.host_lock():
        if state.running and state.broken:
            # pot stops nothing it does not take for a pot, so that its clean-up is left to do as well.
            addresses = [] if machine.check else addressing.jail_addresses(machine, state.name)
            machine.act(["jail", "-r", state.name])
            if not machine.check:
                state = machine.again(state.name)
                mounting.unmount_leftovers(machine, state)
                addressing.remove_addresses(machine, addresses)
        elif state.running or (not state.broken and state.status not in ("", "stopped")):
            state = running.stop(machine, state)
        destroy_stopped(machine, state)


def destroy_stopped(machine, state):
    name, home, dataset = state.name, machine.home(state.name), machine.dataset(state.name)
    if not machine.check:
        inside = os.path.realpath(home) + "/"
        own = {dataset} | {d for d in machine.datasets if d.startswith(dataset + "/")}
        mounted = [
            path
            for source, path, kind, _o in machine.mounts
            if path.startswith(inside) and not (kind == "zfs" and source in own)
        ]
        if mounted:
            # pot ends with "rm -rf" of the directory, which would go through the mount into the user's files.
            raise Sentence(
                "Cannot destroy pot {}: {} is still mounted below it; unmount it first.".format(
                    name, ", ".join(mounted)
                )
            )
    if dataset in machine.datasets:
        rc, out, err = machine.act(["pot", "destroy"] + (["-F"] if state.broken else []) + ["-p", name])
    else:
        if not holds_nothing(home):
            raise Sentence(
                f"Cannot destroy pot {name}: {home} is no dataset of pot and holds files; look at them and remove the "
                "directory yourself."
            )
        machine.actions.append(f"remove directory {home}")
        rc, out, err = 0, "", ""
    if machine.check:
        return
    after = machine.again(name)
    if after.exists and not after.running and dataset not in machine.datasets and holds_nothing(home):
        shutil.rmtree(home)
        after = machine.again(name)
    if after.exists:
        raise Sentence(f"Cannot destroy pot {name}: {machine.explain(rc, out, err)}")
    # No change of its own: it is a part of that one.
    noted = len(machine.actions)
    forget(machine, name)
    del machine.actions[noted:]


def forget(machine, name):
    """Remove what the host has left of a pot that is gone: the files that say what state it is in, its redirections in
    the packet filter and its limits.

    pot itself flushes the redirections when it stops a pot, and leaves the limits, which rctl(8) keeps by the jail's
    name. What other pots have stays, as does what belongs to all of them (pot's configuration, its bridges, the packet
    filter's own rules).
    """
    for path in (machine.marker_path(name), machine.status_path(name)):
        if os.path.lexists(path):
            machine.actions.append(f"remove {path}")
            if not machine.check:
                os.unlink(path)
    anchor = pf.anchor_of(name)
    # pfctl complains of what is not there, and of a packet filter that is not loaded, and ends with 0 or 1.
    if _said(machine, ["pfctl", "-a", anchor, "-s", "nat"]):
        machine.act(["pfctl", "-a", anchor, "-F", "nat"])
    subject = f"jail:{name}"
    if _said(machine, ["rctl", subject]):
        rc, _out, err = machine.act(["rctl", "-r", subject])
        if rc != 0:
            machine.warnings.append(f"The limits of pot {name} are still there: {err.strip()}")


def _said(machine, argv):
    """Standard output of a command that only reads, whatever it ends with; empty where there is no such command."""
    try:
        return machine.runner.run(argv)[1].strip()
    except Sentence:
        return ""
