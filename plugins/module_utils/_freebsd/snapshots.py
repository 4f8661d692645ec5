# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots of datasets and of all that is below them: of one moment, and by their exact names."""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.zfs import (
    canonical_properties,
    human,
    is_dataset,
    run_zfs,
)

# A comma or a percent sign would make "zfs destroy" take several snapshots.
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")
# A user property of the datasets for as long as they go back to the snapshot that it names. zfs(8) goes back with one
# dataset at a time, and a rollback leaves properties alone: who finds it knows that some have gone and others have not.
GOING_BACK = "potluck.matrix:going-back"


@dataclasses.dataclass(frozen=True)
class Moment:
    """A snapshot (C(DATASET@TAG)) or a bookmark (C(DATASET#TAG)) of one dataset."""

    name: str
    dataset: str
    tag: str
    used: int
    """Bytes that only this snapshot holds."""
    created: int
    """Seconds since 1970."""
    transaction: int
    """Number of the pool's transaction; the snapshots that one command takes share it."""
    holds: int = 0
    """How many have asked to keep it; it cannot be destroyed before they let it go."""
    properties: dict[str, str] = dataclasses.field(default_factory=dict)
    """Those user properties that were asked for and that it has."""


@dataclasses.dataclass(frozen=True)
class Listing:
    """What there is: the transaction that made each dataset by its name, and all snapshots and bookmarks."""

    datasets: dict[str, int]
    moments: list[Moment]
    going_back: str = ""
    """The snapshot to which some of the datasets have gone back and others have not; empty as a rule."""

    def tagged(self, tag: str) -> list[Moment]:
        """The snapshots of a name."""
        return [each for each in self.moments if each.name == f"{each.dataset}@{tag}"]

    def newer(self, than: Moment) -> list[Moment]:
        """Snapshots and bookmarks that a dataset got after one of its snapshots, oldest first."""
        found = [each for each in self.moments if each.dataset == than.dataset and each.transaction > than.transaction]
        return sorted(found, key=lambda each: (each.transaction, each.dataset, each.tag))


def parse_listing(text: str, properties: t.Sequence[str] = ()) -> Listing:
    """The output of C(zfs list -H -p -t filesystem,volume,snapshot,bookmark -o NAMES), the names as in look()."""
    datasets, moments, going_back = {}, [], ""
    for line in text.splitlines():
        name, used, created, transaction, holds, going, *values = line.split("\t")
        dataset, *tag = re.split("[@#]", name, maxsplit=1)
        if tag:
            known = {prop: value for prop, value in zip(properties, values) if value != "-"}
            size, held = (int(number) if number.isdigit() else 0 for number in (used, holds))
            moments.append(Moment(name, dataset, tag[0], size, int(created), int(transaction), held, known))
        else:
            datasets[dataset] = int(transaction)
            going_back = going_back or ("" if going == "-" else going)
    return Listing(datasets, moments, going_back)


def topmost(datasets: list[str]) -> list[str]:
    """The datasets without those below another one, in order; C(Sentence) for what is none, and for two pools."""
    if not datasets:
        raise Sentence("the list is empty; name a dataset such as zroot/matrixdata", "datasets")
    for name in datasets:
        if not is_dataset(name):
            raise Sentence(
                f"'{name}' is not the name of a dataset below a pool; name one such as zroot/matrixdata", "datasets"
            )
    names = sorted(set(datasets))
    strangers = [name for name in names if name.split("/")[0] != names[0].split("/")[0]]
    if strangers:
        raise Sentence(
            f"{names[0]} and {strangers[0]} are in different pools, of which no snapshot can be of one moment; "
            "name datasets of one pool, such as zroot/matrixdata and zroot/pot/jails/matrix1",
            "datasets",
        )
    return [name for name in names if not any(name.startswith(other + "/") for other in names)]


def look(runner: Runner, datasets: list[str], properties: t.Sequence[str] = ()) -> Listing:
    """What there is of the datasets and of those below them, with these user properties of the snapshots; C(Sentence)
    when one of the datasets does not exist.
    """
    columns = ",".join(["name,used,creation,createtxg,userrefs", GOING_BACK, *properties])
    kinds = "filesystem,volume,snapshot,bookmark"
    try:
        return parse_listing(
            run_zfs(runner, "list", "-H", "-p", "-t", kinds, "-o", columns, "-r", *datasets), properties
        )
    except Sentence as error:
        missing = re.search(r"cannot open '([^']+)': dataset does not exist", str(error))
        if missing:
            raise Sentence(
                f"{missing.group(1)} does not exist on this host; 'zfs list' shows what does", "datasets"
            ) from error
        raise


def facts(moments: list[Moment], prefix: str = "") -> list[dict]:
    """What a module returns about those snapshots whose name begins with a prefix, oldest first."""
    found = [each for each in moments if each.name.startswith(f"{each.dataset}@{prefix}")]
    return [
        {
            "name": each.tag,
            "dataset": each.dataset,
            "snapshot": each.name,
            "created": each.created,
            "used": each.used,
            "properties": each.properties,
        }
        for each in sorted(found, key=lambda each: (each.transaction, each.dataset, each.tag))
    ]


def require_room(runner: Runner, rewritten: list[str]) -> None:
    """C(Sentence) when the pool, or a quota, has less space than all that is in these datasets and below them takes: so
    much is there twice when it is written anew while a snapshot keeps what there was.
    """
    for top in topmost(rewritten):
        rows = run_zfs(runner, "list", "-H", "-p", "-t", "filesystem", "-o", "available,referenced", "-r", top)
        sizes = [[int(number) for number in line.split("\t")] for line in rows.splitlines()]
        wanted, there = sum(size[1] for size in sizes), min(size[0] for size in sizes)
        if there < wanted:
            raise Sentence(
                f"{human(there)} are free for {top}, and {human(wanted)} are needed to write what is in it anew while "
                "a snapshot keeps what there was; make room in the pool, for example by destroying old snapshots, or "
                "raise its quota",
                "room_for",
            )


def some(names: list[str]) -> str:
    """At most three names for a message."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


class Snapshots:
    """The snapshots of one name of some datasets and of all below them.

    C(actions) are the commands that were run, or would be in check mode; C(before) and C(after) map what a command
    concerns to words; C(warnings) are sentences.
    """

    def __init__(
        self,
        runner: Runner,
        datasets: list[str],
        tag: str,
        check: bool,
        properties: t.Mapping[str, object] | None = None,
    ) -> None:
        """properties: user properties that a snapshot that is there has to have."""
        if not _TAG.fullmatch(tag):
            raise Sentence(
                f"'{tag}' is not the name of a snapshot; use letters, digits, '_', '-', '.' and ':', as in "
                "before-upgrade",
                "name",
            )
        try:
            self.properties = canonical_properties(properties or {})
        except ValueError as error:
            raise Sentence(str(error), "properties") from error
        native = [name for name in self.properties if ":" not in name]
        if native:
            raise Sentence(
                f"{native[0]} is none that a snapshot can be given; name one with a colon, as in example.com:why",
                "properties",
            )
        self.runner, self.tag, self.check = runner, tag, check
        self.datasets = topmost(datasets)
        self.actions: list[str] = []
        self.before: dict[str, str] = {}
        self.after: dict[str, str] = {}
        self.warnings: list[str] = []

    def _look(self) -> Listing:
        return look(self.runner, self.datasets, list(self.properties))

    def ensure(self, state: str, force_newer: bool = False) -> list[Moment]:
        """Reach a state (C(present), C(absent) or C(rolled_back)); the snapshots of the name as they are then."""
        listing = self._look()
        if state == "rolled_back":
            self._roll_back(listing, force_newer)
        elif state == "absent":
            self._destroy(listing)
        else:
            self._take(listing)
        if self.actions and not self.check:
            listing = self._look()
            self._verify(listing, state)
        return listing.tagged(self.tag)

    def _act(self, *arguments: str) -> None:
        self.actions.append("zfs " + " ".join(arguments))
        if not self.check:
            run_zfs(self.runner, *arguments)

    def _note(self, name: str, before: str, after: str) -> None:
        self.before[name], self.after[name] = before, after

    def _broken(self, listing: Listing) -> str:
        """Why the snapshots of the name are not those of one moment, as a sentence; empty when they are.

        A dataset that was made later has no part in it, unless it is one that was asked for.
        """
        found = listing.tagged(self.tag)
        last = max(each.transaction for each in found)
        lacking = [
            dataset
            for dataset, made in listing.datasets.items()
            if dataset not in {each.dataset for each in found} and (dataset in self.datasets or made < last)
        ]
        if lacking:
            return f"there is a snapshot {found[0].name}, but none of that name of {some(lacking)}"
        earlier = [each.name for each in found if each.transaction != last]
        if earlier:
            later = next(each.name for each in found if each.transaction == last)
            return f"the snapshots {earlier[0]} and {later} are not of one moment"
        return ""

    def _take(self, listing: Listing) -> None:
        if listing.tagged(self.tag):
            broken = self._broken(listing)
            if broken:
                raise Sentence(f"{broken}; give another name, such as {self.tag}-2, or destroy them first", "name")
            self._tell(listing)
            return
        properties = [word for name, value in self.properties.items() for word in ("-o", f"{name}={value}")]
        self._act("snapshot", "-r", *properties, *[f"{dataset}@{self.tag}" for dataset in self.datasets])
        for dataset in listing.datasets:
            self._note(f"{dataset}@{self.tag}", "absent", "present")

    def _tell(self, listing: Listing) -> None:
        """Give snapshots that are there the properties that they lack."""
        for name, value in self.properties.items():
            others = [each for each in listing.tagged(self.tag) if each.properties.get(name) != value]
            if others:
                self._act("set", f"{name}={value}", *[each.name for each in others])
            for each in others:
                self._note(f"{name} of {each.name}", each.properties.get(name, "-"), value)

    def _destroy(self, listing: Listing) -> None:
        found = listing.tagged(self.tag)
        for dataset in self.datasets:
            if any(each.dataset == dataset or each.dataset.startswith(dataset + "/") for each in found):
                # The name of a snapshot and nothing else: whatever is wrong with it, no dataset can be destroyed.
                self._act("destroy", "-r", f"{dataset}@{self.tag}")
        for each in found:
            self._note(each.name, "present", "absent")

    def _roll_back(self, listing: Listing, force_newer: bool) -> None:
        targets = {each.dataset: each for each in listing.tagged(self.tag)}
        for dataset in self.datasets:
            if dataset not in targets:
                known = [each["name"] for each in facts(listing.moments) if each["dataset"] == dataset]
                has = f"it has {some(known[::-1])}" if known else "it has no snapshot at all"
                raise Sentence(f"{dataset} has no snapshot {self.tag}; {has}", "name")
        newer = [each for target in targets.values() for each in listing.newer(target)]
        if newer and not force_newer:
            raise Sentence(
                f"going back to {self.tag} would destroy what came after it ({some([each.name for each in newer])}); "
                "go back to the newest, or set force_newer: true to lose these",
                "force_newer",
            )
        left = [dataset for dataset in listing.datasets if dataset not in targets]
        if left:
            self.warnings.append(f"{some(left)} came after the snapshot {self.tag} and stays as it is")
        # All of these first: one that is held or that a clone needs ends it while no file has changed yet.
        for each in newer:
            self._act("destroy", each.name)
            self._note(each.name, "present", "absent")
        self._act("set", f"{GOING_BACK}={self.tag}", *self.datasets)
        for target in targets.values():
            self._act("rollback", target.name)
            self._note(target.dataset, "as it is now", f"as it was in {target.name}")
        self._act("inherit", GOING_BACK, *self.datasets)

    def _verify(self, listing: Listing, state: str) -> None:
        """C(Sentence) unless zfs has done what it reported to have done."""
        found = listing.tagged(self.tag)
        if state == "absent":
            wrong = f"{found[0].name} is still there" if found else ""
        elif not found:
            wrong = f"there is no snapshot {self.tag}"
        elif state == "present":
            lacking = [each.name for each in found if each.properties != self.properties]
            wrong = self._broken(listing) or (f"{some(lacking)} did not take its properties" if lacking else "")
        else:
            newer = [each.name for target in found for each in listing.newer(target)]
            wrong = f"{some(newer)} came after the snapshot {self.tag} and is still there" if newer else ""
        if wrong:
            raise Sentence(f"zfs reported success, and yet {wrong}")
