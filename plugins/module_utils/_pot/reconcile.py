# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The module pot: compare, change, prove.

This package is all knowledge of pot (0.16): its files, its command line, its escaping and its misleading exit codes.
The ground floor is pure functions on text: names, conf, network, options, mounts, output, state. machine reads pot's
files and runs commands; addressing, mounting, running, destruction and creation change something and prove every result
by looking at files, C(jls) and C(mount -p), because pot often exits 0 after a failure and 1 although the wanted state
holds. Every failure is a C(Sentence) for the user.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import read_text
from ansible_collections.potluck.matrix.plugins.module_utils._pot import (
    addressing,
    conflicts,
    creation,
    destruction,
    guarding,
    mounting,
    running,
)
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import PotConf, difference, view
from ansible_collections.potluck.matrix.plugins.module_utils._pot.facts import facts_of
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mount_plan import MountPlan, described
from ansible_collections.potluck.matrix.plugins.module_utils._pot.network import check_network
from ansible_collections.potluck.matrix.plugins.module_utils._pot.options import check_options, merge
from ansible_collections.potluck.matrix.plugins.module_utils._pot.state import State


@dataclasses.dataclass
class Plan:
    """What a run is about to do with a pot: its C(PotConf), lines to remove from and mounts to add to fscomp.conf,
    (path, text there, wanted text) of its resolv.conf or C(None), and whether it ran in the beginning.

    C(options) are the names of those that change in pot.conf. C(restart): it has to be restarted for that; C(stopping):
    it is stopped, for that or because it is asked for.
    """

    new: PotConf
    remove: list
    add: list
    resolv: tuple | None
    was_running: bool
    options: list = dataclasses.field(default_factory=list)
    restart: bool = False
    stopping: bool = False


def resolv_conf(machine, state, options, created):
    """(path, text there, wanted text) when the pot's own resolv.conf is not up to date, else C(None)."""
    dns, wanted = options["dns"] or "", options["resolv_conf"]
    if dns.startswith("custom:") and not created:
        wanted = read_text(dns.partition(":")[2])
        if wanted is None and not machine.check:
            raise Sentence("The file {} for dns does not exist on the host.".format(dns.partition(":")[2]))
    path = machine.home(state.name) + "/conf/resolv.conf"
    found = read_text(path)
    return None if wanted in (None, found) else (path, found or "", wanted)


class PotModule:
    """One run: compare, apply, prove. machine does everything that touches the host."""

    def __init__(self, options, machine, check):
        self.options = options
        self.machine = machine
        self.check = check
        self.before, self.after = {}, {}
        # In check mode: what the pot would look like.
        self.virtual = None
        self.pending = False
        self.mounts = MountPlan(machine, options)

    def run(self):
        """Bring the pot to O(state), or in check mode note what that takes: C(result). C(Sentence) when it does not get
        there.

        A broken pot that may hold something of value is refused, unless it is to be absent.
        """
        name = self.options["name"]
        state = running.settle(self.machine, self.machine.read(name))
        self.before["state"] = self.after["state"] = state.state
        if self.options["state"] == "absent":
            destruction.remove(self.machine, state)
            self.after["state"] = "absent"
            return self.result(self.machine.read(name), absent=True)
        if state.broken and not state.disposable:
            raise Sentence(
                f"Pot {name} cannot be used: {state.broken}. Look at it, then remove it with 'pot destroy -F -p "
                f"{name}'."
            )
        check_options(self.options)
        # Before anything is made or stopped: a source may be missing.
        conflicts.check(self.machine, name, self.options["ip"] or [], self.mounts.look())
        status, noted = state.status, len(self.machine.actions)
        state = running.repair(self.machine, state)
        if len(self.machine.actions) > noted:
            self.before["status"], self.after["status"] = f"{status}, but not really", "stopped"
        if not state.exists or state.broken:
            state = self.create(state)
        else:
            self.check_fixed(state)
        return self.configure(state)

    # -- creation

    def create(self, state):
        """Make the pot, in the place of a broken one if there is one: its State.

        Without base, pot_base, clone_from and image, the base is the host's own release. In check mode the State is
        made up from what pot would write.
        """
        name, options, machine = self.options["name"], dict(self.options), self.machine
        if not options["base"] and not (options["clone_from"] or options["image"] or options["pot_base"]):
            options["base"] = re.sub(r"-(RELEASE|STABLE|CURRENT).*", "", os.uname().release)
        options["network_type"] = options["network_type"] or (
            None if options["clone_from"] or options["image"] else "inherit"
        )
        check_network(options)
        creation.check_new(machine, options)
        conf = creation.expected_conf(machine, name, options)
        addressing.check_wanted_network(machine, options, conf)
        self.mounts.check_hidden(conf)
        if state.broken:
            destruction.destroy(machine, state)
        creation.create(machine, name, options)
        if self.check:
            self.virtual = conf
            state = State(name)
            state.exists, state.conf = True, conf
        else:
            state = machine.read(name)
        self.after["state"] = "stopped"
        self.before["state"] = "absent"
        shown = view(conf)
        shown.pop("env")
        self.after.update((option, value) for option, value in shown.items() if value not in ("", [], {}))
        self.after.pop("attributes")
        return state

    def check_fixed(self, state):
        """What pot cannot change in an existing pot."""
        kind, base = state.conf.text("pot.type", "multi"), state.conf.text("pot.base")
        if self.options["type"] and self.options["type"] != kind:
            raise Sentence(
                "Pot {} exists with type {}, which cannot be changed to {}.".format(
                    state.name, kind, self.options["type"]
                )
            )
        if self.options["base"] and self.options["base"] != base:
            self.machine.warnings.append(
                "Pot {} keeps its base {}; {} needs a new pot.".format(state.name, base, self.options["base"])
            )

    # -- configuration and run state

    def configure(self, state):
        """Bring a pot that exists to the wanted configuration, mounts and run state: C(result).

        A running pot is stopped only for O(state) or O(restart_on_change); otherwise what it does not have yet is left
        pending.
        """
        machine = self.machine
        created = self.before["state"] == "absent"
        new = merge(state.conf, self.options, machine.config["POT_EXTIF"])
        network = not created and {"network_type", "ip", "bridge", "network_stack"} & set(
            difference(view(state.conf), view(new))[1]
        )
        remove, add = self.mounts.changes(state, virtual=bool(self.virtual))
        plan = Plan(new, remove, add, resolv_conf(machine, state, self.options, created), state.running)
        guarding.ensure_host(machine)
        # A free address stays free only as long as nobody else looks for one.
        with machine.host_lock() if network else contextlib.nullcontext():
            if network:
                plan.new = self.new_network(state)
            self._decide(plan, state, created)
            former = state.conf.copy(), list(state.lines)
            if plan.stopping:
                state = running.stop(machine, state)
                self.after["state"] = "stopped"
                # The lines were read anew.
                plan.remove, plan.add = self.mounts.changes(state, virtual=bool(self.virtual))
            if plan.new.render() != state.conf.render():
                keep_mtime = plan.was_running and not plan.restart
                machine.write_conf(state, plan.new, plan.options or ["tidied"], keep_mtime=keep_mtime)
                state.conf = plan.new
        self._apply(plan, state)
        if self.options["state"] in ("started", "restarted") and (plan.stopping or not plan.was_running):
            state = self._start(plan, state, former)
        if not self.check and machine.actions:
            state = machine.again(state.name)
            self.verify(state, self.options["state"])
        return self.result(state)

    def _decide(self, plan, state, created):
        """Note what will differ, and whether the pot has to be restarted and is to be stopped for it."""
        options = self.options
        before, after, plan.restart = difference(view(state.conf), view(plan.new))
        if plan.resolv:
            before["resolv_conf"], after["resolv_conf"], plan.restart = plan.resolv[1], plan.resolv[2], True
        if not created:
            self.before.update(before)
        self.after.update(after)
        plan.options = sorted(after)
        if plan.remove or plan.add:
            self.before["mounts"], self.after["mounts"] = described(plan.remove, plan.add)
        missing = self.mounts.missing(state, plan.remove)
        plan.restart = plan.was_running and (
            plan.restart or state.restart_required or bool(missing or plan.remove or plan.add)
        )
        plan.stopping = plan.was_running and (
            options["state"] in ("stopped", "restarted")
            or (options["state"] == "started" and plan.restart and options["restart_on_change"])
        )
        if missing:
            self.before["missing_mounts"], self.after["missing_mounts"] = missing, [] if plan.stopping else missing
        if plan.was_running and not plan.stopping and "no_tmpfs" in after.get("attributes", {}):
            raise Sentence(f"Attribute no_tmpfs can only be changed while pot {state.name} is stopped.")

    def _apply(self, plan, state):
        """Write what lies beside pot.conf. A pot that goes on running has to look as if a restart were due."""
        machine, goes_on = self.machine, plan.was_running and not plan.stopping
        if plan.resolv:
            machine.edit(plan.resolv[0], plan.resolv[2], "resolv_conf")
            if goes_on:
                machine.touch(state.name)
        self.pending = plan.restart and not plan.stopping
        mounting.rewrite(machine, state, plan.remove, plan.add)
        guarding.ensure_pot(machine, state, {source for source, _target, _option in self.mounts.wanted})
        if goes_on and (plan.remove or plan.add):
            machine.touch(state.name)

    def _start(self, plan, state, former):
        """Start the pot: its State. One that ran with the former files gets these back when it does not start."""
        try:
            state = running.start(self.machine, state)
        except Sentence as exc:
            if plan.stopping:
                running.put_back(self.machine, state.name, former, exc)
            raise
        self.after["state"] = "started"
        if plan.stopping:
            self.before["run"], self.after["run"] = "running", "restarted"
        return state

    def new_network(self, state):
        """pot.conf with the wanted network, after everything it needs was found or made."""
        machine, options = self.machine, self.options
        addressing.check_wanted_network(machine, options, state.conf)
        bridge = options["bridge"] or state.conf.text("bridge")
        if bridge and (options["network_type"] or state.conf.text("network_type")) == "private-bridge":
            addressing.ensure_bridge(machine, bridge, options["bridge_hosts"])
        return merge(
            state.conf, options, machine.config["POT_EXTIF"], lambda bridge: addressing.next_ip(machine, bridge)
        )

    def verify(self, state, wanted):
        """C(Sentence) unless the pot can be used, its files need no further change, it runs or is stopped as wanted,
        and what it has mounted is what they say, unless that waits for a restart.
        """
        name = state.name
        if not state.exists or state.broken:
            raise Sentence(
                "Pot {} cannot be used after the changes: {}.".format(name, state.broken or "it does not exist")
            )
        left = merge(state.conf, self.options, self.machine.config["POT_EXTIF"])
        if left.render() != state.conf.render():
            names = sorted(difference(view(state.conf), view(left))[1])
            raise Sentence(
                "The configuration of pot {} does not hold what was written: {}.".format(name, ", ".join(names))
            )
        if any(self.mounts.changes(state)):
            raise Sentence(f"The mounts of pot {name} are not those that were written.")
        if self.after["state"] == "started" and state.running and not self.pending:
            wrong = [
                line.target for line, _place in mounting.missing_mounts(self.machine, state)
            ] + mounting.surplus_mounts(self.machine, state)
            if wrong:
                raise Sentence(
                    "Pot {} has other mounts than fscomp.conf says: look at {}.".format(name, ", ".join(wrong))
                )
        if wanted in ("started", "restarted") and not state.running:
            raise Sentence(f"Pot {name} does not run, although pot reported that it does.")
        if wanted == "stopped" and state.running:
            raise Sentence(f"Pot {name} still runs, although pot reported that it does not.")

    def result(self, state, absent=False):
        """What the module returns, as a dictionary: changed, pot, restart_required, actions, diff. changed means that
        there were actions.

        absent: of a pot that is gone only name, state and restart_required are told. In check mode the state is the one
        it would be in.
        """
        machine = self.machine
        before = {k: v for k, v in self.before.items() if k not in self.after or v != self.after[k]}
        after = {k: v for k, v in self.after.items() if k not in self.before or v != self.before[k]}
        required = not absent and bool(self.pending or (not self.check and state.restart_required))
        facts = {"name": state.name} if absent else facts_of(machine, state)
        facts["restart_required"] = required
        facts["state"] = self.after["state"] if self.check else state.state
        return {
            "changed": bool(machine.actions),
            "pot": facts,
            "restart_required": required,
            "actions": machine.actions,
            "diff": {"before": before, "after": after},
        }
