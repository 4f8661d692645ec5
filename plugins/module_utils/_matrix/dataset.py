# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A dataset that is mounted where it should be: made, corrected, proven, and never destroyed."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import tables, zfs
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import dataset_rules as rules


class Dataset:
    """One dataset of the host.

    C(actions), C(before) and C(after) collect what was done to it, or would be in check mode, C(warnings) what is worth
    a word. Properties are C({property: value}) as C(zfs get -p) prints them.
    """

    def __init__(self, runner: Runner, name: str, mountpoint: str, check: bool) -> None:
        self.runner, self.name, self.check = runner, name, check
        wrong = rules.check_name(name)
        if wrong:
            raise Sentence(f"'{name}' {wrong}", "name")
        self.mountpoint = mountpoint.rstrip("/")
        wrong = rules.check_mountpoint(self.mountpoint or "/")
        if wrong:
            raise Sentence(f"'{mountpoint}' {wrong}", "mountpoint")
        self.actions: list[str] = []
        self.warnings: list[str] = []
        self.before: dict[str, str | None] = {}
        self.after: dict[str, str] = {}

    # -- looking

    def read(self, *argv: str) -> str:
        """Standard output of a command that only reads, in check mode as well."""
        rc, out, err = self.runner.run(list(argv), zfs.TIMEOUT)
        if rc != 0:
            raise Sentence("'{}' failed: {}".format(" ".join(argv), err.strip()), "name")
        return out

    def current(self) -> dict[str, str] | None:
        """The properties of the dataset, or None when it does not exist."""
        argv = ["zfs", "get", "-H", "-p", "-o", "property,value", "all", self.name]
        rc, out, err = self.runner.run(argv, zfs.TIMEOUT)
        if rc == 0:
            return zfs.parse_properties(out)
        if "does not exist" in err:
            return None
        raise Sentence(f"{self.name} cannot be read: {err.strip()}", "name")

    def is_in_place(self, properties: t.Mapping[str, str] | None) -> bool:
        """Whether a dataset with these properties (None for no dataset) is mounted where it should be."""
        return properties is not None and properties["mounted"] == "yes" and properties["mountpoint"] == self.mountpoint

    # -- judging

    def check_pool(self) -> None:
        """C(Sentence) unless the pool that the name begins with is on the host."""
        pool = self.name.split("/", 1)[0]
        pools = self.read("zpool", "list", "-H", "-o", "name").split()
        if pool not in pools:
            there = ", ".join(pools) if pools else "no pool at all"
            raise Sentence(
                f"there is no pool '{pool}' on this host for the dataset {self.name}; it has {there}", "name"
            )

    def check_kind(self, properties: t.Mapping[str, str]) -> None:
        """C(Sentence) for a dataset that is no file system, is not mounted at boot or does not belong to the host.

        Nothing of that is changed here.
        """
        problem = ""
        if properties["type"] != "filesystem":
            problem = f"is a {properties['type']}, and a file system is needed; name another dataset"
        elif properties["canmount"] != "on":
            problem = (
                f"has canmount={properties['canmount']} and so is not mounted at boot; if it is meant to be used here, "
                f"run 'zfs set canmount=on {self.name}' on the host"
            )
        elif properties["mountpoint"] in ("legacy", "none"):
            problem = (
                f"has mountpoint={properties['mountpoint']}, so something else decides where it is mounted; if it is "
                f"meant to be used here, run 'zfs set mountpoint={self.mountpoint} {self.name}' on the host"
            )
        elif properties.get("jailed", "off") == "on":
            problem = "is delegated to a jail (jailed=on) and cannot be mounted on the host"
        elif properties.get("keystatus") == "unavailable":
            root = properties.get("encryptionroot", self.name)
            problem = (
                f"is locked, because its encryption key is not loaded; run 'zfs load-key {root}' on the host, "
                "then run again"
            )
        if problem:
            raise Sentence(f"{self.name} {problem}", "name")

    def check_mountpoint(self, properties: t.Mapping[str, str] | None) -> None:
        """C(Sentence) when something else is mounted at the mountpoint, claims it or lies in it; a warning for each
        dataset that mounts below.
        """
        path = os.path.realpath(self.mountpoint)
        mounts = tables.parse_mounts(self.read("mount", "-p"))
        columns = "name,mountpoint,canmount,mounted,origin"
        found = tables.parse_datasets(self.read("zfs", "list", "-H", "-o", columns, "-t", "filesystem"))
        datasets = [(name, each["mountpoint"], each["canmount"]) for name, each in found.items()]
        if os.path.lexists(path) and not os.path.isdir(path):
            raise Sentence(f"{self.mountpoint} is not a directory", "mountpoint")
        entries = os.listdir(path) if not self.is_in_place(properties) and os.path.isdir(path) else []
        conflict = rules.mountpoint_conflict(self.name, self.mountpoint, path, datasets, mounts, entries)
        if conflict:
            raise Sentence(conflict, "mountpoint")
        self.warnings += [
            f"{child} is mounted below {self.mountpoint}: a pot that gets that directory sees an empty one in its "
            "place unless it is mounted there as well"
            for child in rules.shadowed_children(self.name, self.mountpoint, datasets)
        ]

    def check_space(self, available: int, minimum: int) -> None:
        """C(Sentence) when fewer bytes are available than are needed."""
        if available < minimum:
            raise Sentence(
                f"{self.name} has {zfs.human(available)} free, less than the {zfs.human(minimum)} that are needed; "
                "free some space or raise its quota",
                "minimum_free",
            )

    def parent_space(self, wanted: t.Mapping[str, str]) -> int:
        """What a dataset that does not exist yet would have: the space of the nearest ancestor, cut by its own
        quota.
        """
        name = self.name
        while "/" in name:
            name = name.rsplit("/", 1)[0]
            rc, out, _err = self.runner.run(["zfs", "get", "-H", "-p", "-o", "value", "available", name], zfs.TIMEOUT)
            if rc == 0:
                quotas = [int(wanted[prop]) for prop in ("quota", "refquota") if wanted.get(prop, "none") != "none"]
                return min([int(out.strip()), *quotas])
        return 0

    def verify(self, wanted: t.Mapping[str, str], properties: t.Mapping[str, str] | None) -> t.Mapping[str, str]:
        """The properties; C(Sentence) unless they are of a dataset that exists, has the wanted ones and is mounted at
        the mountpoint.
        """
        if properties is None:
            raise Sentence(f"{self.name} does not exist although it was just created", "name")
        left = zfs.missing_properties(wanted, properties)
        if left:
            kept = ", ".join(f"{prop}={after} (it is {before})" for prop, (before, after) in sorted(left.items()))
            raise Sentence(f"{self.name} did not take {kept}", "properties")
        if not self.is_in_place(properties):
            locked = properties.get("keystatus") == "unavailable"
            reason = ": its encryption key is not loaded ('zfs load-key')" if locked else ""
            raise Sentence(f"{self.name} is not mounted on {self.mountpoint}{reason}", "name")
        return properties

    # -- changing

    def run(self, option: str, *arguments: str) -> None:
        """Run one zfs command unless in check mode; an error is blamed on the option."""
        self.actions.append("zfs " + " ".join(arguments))
        if self.check:
            return
        try:
            zfs.run_zfs(self.runner, *arguments)
        except Sentence as error:
            raise Sentence(str(error), option) from error

    def note(self, key: str, before: str | None, after: str) -> None:
        """Put a property, or what is shown like one, into the diff."""
        self.before[key] = before
        self.after[key] = after

    def create(self, wanted: t.Mapping[str, str]) -> None:
        """Make the dataset and the parents it lacks (C(zfs create -p)) with canonical properties."""
        arguments = ["create", "-p", "-o", "mountpoint=" + self.mountpoint]
        for prop, value in sorted(wanted.items()):
            arguments += ["-o", f"{prop}={value}"]
        self.run("properties", *arguments, self.name)
        self.note("state", "absent", "present")
        self.note("mountpoint", None, self.mountpoint)
        for prop, value in sorted(wanted.items()):
            self.note(prop, None, value)

    def update(self, wanted: t.Mapping[str, str], properties: t.Mapping[str, str]) -> None:
        """Set the mountpoint and those of the wanted properties that differ from those of now."""
        if properties["mountpoint"] != self.mountpoint:
            self.run("mountpoint", "set", "mountpoint=" + self.mountpoint, self.name)
            self.note("mountpoint", properties["mountpoint"], self.mountpoint)
        for prop, (before, after) in sorted(zfs.missing_properties(wanted, properties).items()):
            self.run("properties", "set", f"{prop}={after}", self.name)
            self.note(prop, before, after)

    def mount(self, properties: t.Mapping[str, str] | None) -> None:
        """Mount the dataset unless it is mounted; nothing is done for None, a dataset that check mode did not make."""
        if properties is not None and properties["mounted"] != "yes":
            self.run("name", "mount", self.name)
            self.note("mounted", "no", "yes")
