# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Snapshots of datasets and of all that is below them: of one moment, and by their exact names."""

from __future__ import annotations

import dataclasses
import re

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.zfs import is_dataset, run_zfs

# A comma or a percent sign would make "zfs destroy" take several snapshots.
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}")


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


@dataclasses.dataclass(frozen=True)
class Listing:
    """What there is: the transaction that made each dataset by its name, and all snapshots and bookmarks."""

    datasets: dict[str, int]
    moments: list[Moment]

    def tagged(self, tag: str) -> list[Moment]:
        """The snapshots of a name."""
        return [each for each in self.moments if each.name == f"{each.dataset}@{tag}"]

    def newer(self, than: Moment) -> list[Moment]:
        """Snapshots and bookmarks that a dataset got after one of its snapshots, oldest first."""
        found = [each for each in self.moments if each.dataset == than.dataset and each.transaction > than.transaction]
        return sorted(found, key=lambda each: (each.transaction, each.dataset, each.tag))


def parse_listing(text: str) -> Listing:
    """The output of C(zfs list -H -p -t filesystem,volume,snapshot,bookmark -o name,used,creation,createtxg)."""
    listing = Listing({}, [])
    for line in text.splitlines():
        name, used, created, transaction = line.split("\t")
        dataset, *tag = re.split("[@#]", name, maxsplit=1)
        if tag:
            size = int(used) if used.isdigit() else 0
            listing.moments.append(Moment(name, dataset, tag[0], size, int(created), int(transaction)))
        else:
            listing.datasets[dataset] = int(transaction)
    return listing


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


def look(runner: Runner, datasets: list[str]) -> Listing:
    """What there is of the datasets and of those below them; C(Sentence) when one of them does not exist."""
    columns = "name,used,creation,createtxg"
    kinds = "filesystem,volume,snapshot,bookmark"
    try:
        return parse_listing(run_zfs(runner, "list", "-H", "-p", "-t", kinds, "-o", columns, "-r", *datasets))
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
        }
        for each in sorted(found, key=lambda each: (each.transaction, each.dataset, each.tag))
    ]


def some(names: list[str]) -> str:
    """At most three names for a message."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


class Snapshots:
    """The snapshots of one name of some datasets and of all below them.

    C(actions) are the commands that were run, or would be in check mode; C(before) and C(after) map what a command
    concerns to words; C(warnings) are sentences.
    """

    def __init__(self, runner: Runner, datasets: list[str], tag: str, check: bool) -> None:
        if not _TAG.fullmatch(tag):
            raise Sentence(
                f"'{tag}' is not the name of a snapshot; use letters, digits, '_', '-', '.' and ':', as in "
                "before-upgrade",
                "name",
            )
        self.runner, self.tag, self.check = runner, tag, check
        self.datasets = topmost(datasets)
        self.actions: list[str] = []
        self.before: dict[str, str] = {}
        self.after: dict[str, str] = {}
        self.warnings: list[str] = []

    def ensure(self, state: str, force_newer: bool = False) -> list[Moment]:
        """Reach a state (C(present), C(absent) or C(rolled_back)); the snapshots of the name as they are then."""
        listing = look(self.runner, self.datasets)
        if state == "rolled_back":
            self._roll_back(listing, force_newer)
        elif state == "absent":
            self._destroy(listing)
        else:
            self._take(listing)
        if self.actions and not self.check:
            listing = look(self.runner, self.datasets)
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
            return
        self._act("snapshot", "-r", *[f"{dataset}@{self.tag}" for dataset in self.datasets])
        for dataset in listing.datasets:
            self._note(f"{dataset}@{self.tag}", "absent", "present")

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
        for target in targets.values():
            self._act("rollback", target.name)
            self._note(target.dataset, "as it is now", f"as it was in {target.name}")

    def _verify(self, listing: Listing, state: str) -> None:
        """C(Sentence) unless zfs has done what it reported to have done."""
        found = listing.tagged(self.tag)
        if state == "absent":
            wrong = f"{found[0].name} is still there" if found else ""
        elif not found:
            wrong = f"there is no snapshot {self.tag}"
        elif state == "present":
            wrong = self._broken(listing)
        else:
            newer = [each.name for target in found for each in listing.newer(target)]
            wrong = f"{some(newer)} came after the snapshot {self.tag} and is still there" if newer else ""
        if wrong:
            raise Sentence(f"zfs reported success, and yet {wrong}")
