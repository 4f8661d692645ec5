# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The end of a homeserver's dataset: the only thing of this collection that destroys one, and only what was named."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import read_text
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.dataset import Dataset
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.dataset_home import Home
from ansible_collections.potluck.matrix.plugins.module_utils._pot.machine import Machine
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mounting import effective
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mounts import parse_fscomp
from ansible_collections.potluck.matrix.plugins.module_utils._pot.names import former_name


class Removal:
    """A dataset that is to be destroyed with those of the homeserver's below it.

    home: the dataset as the homeserver's; below: {dataset: mountpoint} of those that go with it, whether they are there
    or not; pot: the homeserver's own pot, whose mounts do not count, since it goes first, as does one that was put
    aside for it.
    """

    def __init__(self, machine: Machine, home: Home, below: t.Mapping[str, str], pot: str) -> None:
        self.machine, self.home, self.pot = machine, home, pot
        self.dataset: Dataset = home.dataset
        self.mountpoints = {self.dataset.name: self.dataset.mountpoint, **below}

    def run(self) -> bool:
        """Destroy it unless it is gone already, and the directories that it was mounted on; whether there was anything
        to do. C(Sentence) for what stands against that, before anything is done.
        """
        properties = self.dataset.current()
        if properties is not None:
            self._check(properties)
            self._destroy()
        self._remove_directories()
        return bool(self.dataset.actions)

    def _check(self, properties: t.Mapping[str, str]) -> None:
        name = self.dataset.name
        if properties["type"] != "filesystem":
            raise Sentence(f"{name} is a {properties['type']} and no homeserver's dataset", "name")
        self.home.check_owner(dict(properties))
        listed = self.dataset.read("zfs", "list", "-H", "-r", "-t", "filesystem,volume", "-o", "name", name).split("\n")
        strange = sorted(set(filter(None, listed)) - set(self.mountpoints))
        if strange:
            raise Sentence(
                f"{', '.join(strange)} would be destroyed with {name} and is none of the homeserver's; move it away "
                "with 'zfs rename', or destroy it yourself",
                "name",
            )
        clones = [other for other, each in self.machine.datasets.items() if self._within(each["origin"].split("@")[0])]
        strange = sorted(set(clones) - set(self.mountpoints))
        if strange:
            raise Sentence(f"{', '.join(strange)} is a clone of {name}; run 'zfs promote {strange[0]}' first", "name")
        self._check_use()

    def _within(self, dataset: str) -> bool:
        return dataset == self.dataset.name or dataset.startswith(self.dataset.name + "/")

    def _check_use(self) -> None:
        """C(Sentence) when a pot, running or not, or somebody on the host has mounted what would be gone."""
        name = self.dataset.name
        datasets = self.machine.datasets
        places = [os.path.realpath(datasets[each]["mountpoint"]) for each in self.mountpoints if each in datasets]
        for pot in self.machine.names():
            own = pot in (self.pot, former_name(self.pot))
            text = "" if own else read_text(self.machine.home(pot) + "/conf/fscomp.conf") or ""
            for line in parse_fscomp(text, self.machine.root(pot)):
                if line.source and (self._within(line.source) or _inside(effective(self.machine, line.source), places)):
                    raise Sentence(
                        f"pot {pot} mounts {line.source}, which would be destroyed with {name}; take that from the "
                        "pot, or remove the pot, first",
                        "name",
                    )
        inside = os.path.realpath(self.machine.home(self.pot)) + "/"
        for source, path, kind, _options in self.machine.mounts:
            if not path.startswith(inside) and kind != "zfs" and (_inside(source, places) or _inside(path, places)):
                raise Sentence(f"{source} is mounted on {path}; unmount that first", "name")

    def _destroy(self) -> None:
        dataset = self.dataset
        dataset.run("name", "destroy", "-r", dataset.name)
        dataset.note("state", "present", "absent")
        if not dataset.check and dataset.current() is not None:
            raise Sentence(f"{dataset.name} is still there, although zfs reported that it was destroyed", "name")

    def _remove_directories(self) -> None:
        """What the datasets were mounted on, where nothing is left in it. In check mode what still is mounted counts as
        empty.
        """
        for path in self.mountpoints.values():
            mounted = os.path.ismount(path)
            if not os.path.isdir(path) or os.path.islink(path):
                continue
            if self.dataset.check and self.dataset.actions if mounted else not os.listdir(path):
                self.dataset.actions.append(f"rmdir {path}")
                if not self.dataset.check:
                    os.rmdir(path)


def _inside(path: str, places: t.Iterable[str]) -> bool:
    return any((path + "/").startswith(place + "/") for place in places)
