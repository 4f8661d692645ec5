# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The mounts that a pot is to have, against those it has."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._pot import mounting
from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import PotConf, view
from ansible_collections.potluck.matrix.plugins.module_utils._pot.machine import Machine
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mounts import FscompLine, Mount, plan_mounts
from ansible_collections.potluck.matrix.plugins.module_utils._pot.state import State


def described(remove: list[FscompLine], add: list[Mount]) -> tuple[list[str], list[str]]:
    """The planned changes as diff mode shows them: (before, after)."""

    def words(source: str, target: str, option: str) -> str:
        return "{} on {}{}".format(source, target, " (read-only)" if option == "ro" else "")

    return [words(line.source, line.target, line.option) for line in remove], [words(*mount) for mount in add]


class MountPlan:
    """O(mounts) and O(mounts_exact) of the module pot; C(wanted) is what look() has found."""

    def __init__(self, machine: Machine, options: t.Mapping[str, t.Any]) -> None:
        self.machine, self.options = machine, options
        self.wanted: list[Mount] = []

    def look(self) -> list[Mount]:
        """The wanted mounts; C(Sentence) when a source is missing, but in check mode."""
        self.wanted = mounting.wanted_mounts(self.machine, self.options["mounts"] or [])
        return self.wanted

    def changes(self, state: State, virtual: bool = False) -> tuple[list[FscompLine], list[Mount]]:
        """([lines to remove], [mounts to add]) as C(plan_mounts) has them; two empty lists when neither O(mounts) nor
        O(mounts_exact) is given.

        virtual: the pot is one that check mode has made up.
        """
        machine, options = self.machine, self.options
        if options["mounts"] is None and not options["mounts_exact"]:
            return [], []
        self.check_hidden(state.conf)
        resolve = (lambda path: path) if virtual else mounting.resolver(machine, state)
        return plan_mounts(
            state.lines,
            self.wanted,
            options["mounts_exact"],
            resolve,
            lambda source: mounting.effective(machine, source),
            machine.own_prefixes(),
        )

    def check_hidden(self, conf: PotConf) -> None:
        """C(Sentence) for a mount on /tmp or below, where pot mounts its tmpfs after all others, unless no_tmpfs is or
        will be set.
        """
        no_tmpfs = (self.options["attributes"] or {}).get("no_tmpfs")
        if no_tmpfs is None:
            no_tmpfs = view(conf)["attributes"]["no_tmpfs"]
        for _source, target, _option in self.wanted:
            if not no_tmpfs and (target + "/").startswith("/tmp/"):
                raise Sentence(
                    f"A mount at {target} would be hidden: pot mounts a tmpfs on /tmp last (see attributes.no_tmpfs)."
                )

    def missing(self, state: State, remove: list[FscompLine]) -> list[str]:
        """Targets that a running pot should have mounted and has not, other than those to be removed; each with a
        warning.
        """
        targets = []
        for line, place in mounting.missing_mounts(self.machine, state):
            if line not in remove:
                targets.append(line.target)
                outdated = mounting.outdated_mount(self.machine, state.name, place)
                self.machine.warnings.append(
                    f"{line.source} at {line.target} in the running pot is the directory from before something was "
                    "mounted there; it needs a restart."
                    if outdated
                    else f"{line.source} is not mounted at {line.target} in the running pot; it needs a restart."
                )
        return targets
