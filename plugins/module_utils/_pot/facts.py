# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What modules tell about a pot."""

from __future__ import annotations

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import decode_env, view
from ansible_collections.potluck.matrix.plugins.module_utils._pot.machine import Machine
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mounts import FscompLine
from ansible_collections.potluck.matrix.plugins.module_utils._pot.state import State


def look(names: list[str] | None, include_env: bool = False) -> list[dict]:
    """What collect() finds on this host; C(Sentence) when that cannot be read."""
    try:
        return collect(Machine(check=True), names, include_env)
    except PermissionError as error:
        raise Sentence(f"Cannot read {error.filename}: pots can only be read as root, use become.") from error


def collect(machine: Machine, names: list[str] | None, include_env: bool) -> list[dict]:
    """Facts of the named pots, of all when C(None)."""
    pots = []
    for name in machine.names() if names is None else names:
        state = machine.read(name)
        pots.append(
            facts_of(machine, state, include_env)
            if state.exists
            else {"name": name, "state": "absent", "restart_required": False}
        )
    return pots


def facts_of(machine: Machine, state: State, include_env: bool = False) -> dict:
    """The public description of a pot, as both modules return it."""
    facts = view(state.conf)
    env = facts.pop("env")
    if include_env:
        facts["env"] = dict(decode_env(raw) for raw in env.values())
    limits = facts["limits"]
    facts.update(
        name=state.name,
        state=state.state,
        valid=state.exists and not state.broken,
        broken=state.broken,
        jid=state.jid,
        path=machine.root(state.name),
        dataset=machine.dataset(state.name),
        env_names=list(env),
        limits={"cpus": limits["cpus"] or None, "memory": limits["memory"] or None},
        mounts=[mount_facts(machine, line) for line in state.lines if line.source],
        start_at_boot=facts["attributes"]["start_at_boot"],
        restart_required=state.restart_required,
    )
    return facts


def mount_facts(machine: Machine, line: FscompLine) -> dict:
    """{source, target, kind, read_only, own} of a C(FscompLine) with a source; own is true for what pot mounts by
    itself.

    kind is directory, dataset or fscomp; the source of an fscomp is its name without the datasets above it.
    """
    prefix = machine.zfs_root + "/fscomp/"
    if line.source.startswith("/"):
        kind, source = "directory", line.source
    elif line.source.startswith(prefix):
        kind, source = "fscomp", line.source[len(prefix) :]
    else:
        kind, source = "dataset", line.source
    return {
        "source": source,
        "target": line.target,
        "kind": kind,
        "read_only": line.option == "ro",
        "own": line.source.startswith(machine.own_prefixes()),
    }
