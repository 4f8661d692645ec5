# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What runs of site cost: first ones and those that change nothing, for 1, 4 and 16 servers, near and far."""

from __future__ import annotations

import collections
import json
import sys
from pathlib import Path

import ansible_mitogen
import controller
import stock

TOP = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tests"), str(TOP / "tests/tools")]

from fleet import Fleet, delayed, disconnect

FAR = 0.05
# what: the run; servers: how many; delay: seconds there and back; cost: controller.Cost.
Measured = collections.namedtuple("Measured", "what servers delay cost")
# Remote operations and tasks of each server.
SECOND_RUN_SMALLEST = (24, 60)
SECOND_RUN_EVERYTHING = (36, 80)
FIRST_RUN_EVERYTHING_OPERATIONS = 100
# How much more of the controller's time each of sixteen servers may take than one that is alone.
MORE_EACH = 1.15
# How many times as long as a second run far away stock modules take, with everything on.
FASTER_THAN_STOCK = 3.0
# What the names of runs over a homeserver with everything on end with.
EVERYTHING = ", everything on"

# Ways to run a second run over four servers far away, as variables of the environment.
WAYS = {
    "second, ssh without pipelining": {"ANSIBLE_PIPELINING": "false"},
    "second, a new ssh connection for each operation": {
        "ANSIBLE_SSH_ARGS": "-C -o ControlMaster=no -o ControlPath=none"
    },
    "second, with Mitogen": {
        "ANSIBLE_STRATEGY": "mitogen_linear",
        "ANSIBLE_STRATEGY_PLUGINS": str(Path(ansible_mitogen.__file__).parent / "plugins/strategy"),
    },
    "second, forks = 1": {"ANSIBLE_FORKS": "1"},
    "second, forks = 2": {"ANSIBLE_FORKS": "2"},
}


COUNTING = {
    "ANSIBLE_CALLBACK_PLUGINS": str(TOP / "tests/tools/callback"),
    "ANSIBLE_CALLBACKS_ENABLED": "count_operations",
}


def listing(path):
    """Variables of the environment by which a run lists what it does, too."""
    return {"ANSIBLE_CALLBACKS_ENABLED": "count_operations,list_operations", "LIST_OPERATIONS_FILE": str(path)}


def listed(path, server):
    """The operations of one server in such a list."""
    operations = [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
    return [each for each in operations if each["server"] == server]


class Doubles(Fleet):
    """Homeservers on doubles, and what runs over them cost."""

    def run(self, servers, *arguments, delay=0.0, options="", playbook="potluck.matrix.site", **environment):
        """Run a playbook over the first so many servers, over new connections; its Cost."""
        self.disconnect()
        command = self.command(playbook, self.inventory(servers, delay, options), *arguments)
        return controller.run(command, {**self.environment(**COUNTING), **environment}, self.place)


class Notes:
    """All Measured so far; say() is told of each."""

    def __init__(self, say):
        self.found, self.say = [], say

    def add(self, what, servers, delay, cost):
        self.found.append(Measured(what, servers, delay, cost._replace(output="")))
        self.say(self.found[-1])


def measure(place, sizes, say):
    """All Measured of homeservers of the smallest kind; say() is told of each."""
    notes = Notes(say)
    fleet = Doubles(place, max(sizes))
    operations = fleet.place / "operations.jsonl"
    fleet.start()
    try:
        for servers in sizes:
            for delay in (FAR, 0.0):
                fleet.empty()
                notes.add("first", servers, delay, fleet.run(servers, delay=delay))
                notes.add("second", servers, delay, fleet.run(servers, delay=delay, **listing(operations)))
            if servers == 1:
                name = fleet.names[0]
                homeserver = stock.Homeserver(fleet.domains[name], fleet.jails[name], listed(operations, name))
                playbook = stock.write(place, fleet.machines[0], name, homeserver)
                for delay in (FAR, 0.0):
                    notes.add("stock modules", 1, delay, fleet.run(1, playbook=playbook, delay=delay))
            if servers == 4:
                for what, environment in WAYS.items():
                    notes.add(what, servers, FAR, fleet.run(servers, delay=FAR, **environment))
        return notes.found
    finally:
        fleet.stop()


def measure_everything(place, say):
    """All Measured of one homeserver with everything switched on; say() is told of each."""
    # It is the one that the tests of the neighbours have.
    from system.neighbours.conftest import Site

    notes = Notes(say)
    place = Path(place)
    connections, operations, inventory = (place / name for name in ("cp", "operations.jsonl", "everything.json"))
    site = Site(place / "everything")

    def run(what, delay, playbook="potluck.matrix.site", **environment):
        disconnect(connections)
        common = delayed(site.server["ansible_ssh_common_args"], delay)
        hosts = {site.machine: {**site.server, "ansible_ssh_common_args": common}}
        inventory.touch(mode=0o600)
        inventory.write_text(json.dumps({"matrix": {"hosts": hosts}}), encoding="utf-8")
        command = [TOP / ".venv/bin/ansible-playbook", "-i", inventory, playbook]
        more = {**COUNTING, "ANSIBLE_SSH_CONTROL_PATH_DIR": str(connections), **environment}
        notes.add(what + EVERYTHING, 1, delay, controller.run(command, site.environment(**more), place))

    site.stop()
    try:
        site.start()
        run("first", 0.0)
        run("second", 0.0, **listing(operations))
        run("second", FAR)
        homeserver = stock.Homeserver(site.domain, site.jail, listed(operations, site.machine))
        playbook = stock.write(place, site, site.machine, homeserver)
        for delay in (0.0, FAR):
            run("stock modules", delay, playbook)
        return notes.found
    finally:
        disconnect(connections)
        site.stop()


def beside_stock(found):
    """(kind of homeserver, delay, seconds of a second run, seconds of stock modules) of all that were measured; the
    kind is empty or EVERYTHING.
    """
    known = {(each.what, each.servers, each.delay): each.cost.wall for each in found}
    return [
        (kind, delay, known["second" + kind, 1, delay], known["stock modules" + kind, 1, delay])
        for kind in ("", EVERYTHING)
        for delay in (0.0, FAR)
        if ("second" + kind, 1, delay) in known and ("stock modules" + kind, 1, delay) in known
    ]


def broken_budgets(found):
    """The budgets that were not met, one sentence each."""
    known = {(each.what, each.servers, each.delay): each.cost for each in found}
    problems = []

    def most(what, counts, limit, kind):
        if max(counts.values()) > limit:
            problems.append(f"{what}: {max(counts.values())} {kind} on one server, more than {limit}")

    for each in found:
        if each.what == "second":
            most("second run, smallest", each.cost.operations, SECOND_RUN_SMALLEST[0], "remote operations")
            most("second run, smallest", each.cost.tasks, SECOND_RUN_SMALLEST[1], "tasks")
        elif each.what == "second" + EVERYTHING:
            most(each.what, each.cost.operations, SECOND_RUN_EVERYTHING[0], "remote operations")
            most(each.what, each.cost.tasks, SECOND_RUN_EVERYTHING[1], "tasks")
        elif each.what == "first" + EVERYTHING:
            most(each.what, each.cost.operations, FIRST_RUN_EVERYTHING_OPERATIONS, "remote operations")
        if each.what.startswith(("second", "stock modules")) and each.cost.changed:
            problems.append(f"{each.what}: {each.cost.changed} changes")
    for what in ("first", "second"):
        one, many = known.get((what, 1, 0.0)), known.get((what, 16, 0.0))
        if one and many and many.cpu / 16 > MORE_EACH * one.cpu:
            problems.append(
                f"{what} run: each of 16 servers takes the controller {many.cpu / 16:.1f} s, one {one.cpu:.1f} s"
            )
    for kind, delay, ours, theirs in beside_stock(found):
        if kind and delay and theirs < FASTER_THAN_STOCK * ours:
            problems.append(
                f"second{kind}, at {delay * 1000:.0f} ms: {ours:.1f} s, stock modules {theirs:.1f} s, less than"
                f" {FASTER_THAN_STOCK:.0f} times as long"
            )
    return sorted(set(problems))
