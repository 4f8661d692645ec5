# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A pot that is put aside, so that a new one can take its name, its address and its data, until that is proven."""

from __future__ import annotations

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._pot import destruction, guarding, running
from ansible_collections.potluck.matrix.plugins.module_utils._pot.machine import Machine
from ansible_collections.potluck.matrix.plugins.module_utils._pot.names import check_name, former_name
from ansible_collections.potluck.matrix.plugins.module_utils._pot.state import State

_AT_BOOT = "pot.attr.start-at-boot"


def put_aside(machine: Machine, name: str) -> None:
    """Stop a pot, so that nothing starts it any more, not even a boot, and give it the name of a former one.

    Nothing is done when that has happened already; C(Sentence) when there are both, or none.
    """
    former = check_name(former_name(name))
    state, aside = machine.read(name), machine.read(former)
    if aside.exists and not state.exists:
        return
    if aside.exists:
        raise Sentence(f"Pot {name} cannot be put aside, since there is a pot {former} already.")
    _check_usable(state)
    if state.running or state.status not in ("", "stopped"):
        state = running.stop(machine, state)
    conf = state.conf.copy()
    conf.set(_AT_BOOT, "NO")
    if conf.render() != state.conf.render():
        machine.write_conf(state, conf, ["start_at_boot"], keep_mtime=False)
    _rename(machine, name, former)


def bring_back(machine: Machine, name: str) -> None:
    """Give the former pot its name again; it is stopped, and not started at boot. The new one has to be gone.

    Nothing is done when there is none.
    """
    former = former_name(name)
    aside = machine.read(former)
    if not aside.exists:
        return
    if machine.read(name).exists:
        raise Sentence(f"Pot {former} cannot become pot {name} again, since there is one; remove that first.")
    _check_usable(aside)
    if aside.running:
        running.stop(machine, aside)
    _rename(machine, former, name)


def _check_usable(state: State) -> None:
    if not state.exists:
        raise Sentence(f"There is no pot {state.name}.")
    if state.broken:
        raise Sentence(f"Pot {state.name} cannot be used: {state.broken}.")


def _rename(machine: Machine, name: str, wanted: str) -> None:
    """pot reports success also when ZFS did not do it, and leaves the file with the pot's state behind."""
    rc, out, err = machine.act(["pot", "rename", "-p", name, "-n", wanted])
    if machine.check:
        return
    state = machine.again(wanted)
    if machine.dataset(name) in machine.datasets or not state.exists or state.broken:
        raise Sentence(f"Cannot rename pot {name} to {wanted}: {state.broken or machine.explain(rc, out, err)}")
    noted = len(machine.actions)
    destruction.forget(machine, name)
    guarding.ensure_pot(machine, state)
    del machine.actions[noted:]
