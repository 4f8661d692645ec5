# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which snapshots are kept, by number and by age, and which are destroyed."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.snapshots import (
    Listing,
    Moment,
    Snapshots,
    look,
    topmost,
)
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.zfs import run_zfs

DAY = 24 * 3600


def superfluous(created: t.Mapping[str, int], number: int | None, days: int | None, now: float) -> list[str]:
    """Those names of snapshots (with the seconds since 1970 when each was taken) that are not kept, oldest first.

    A snapshot goes when nothing keeps it: neither being one of the newest C(number) nor being younger than C(days).
    What is None keeps nothing, but both None keep all. The newest stays in any case.
    """
    names = sorted(created, key=lambda name: (created[name], name))
    if number is None and days is None:
        return []
    kept = set(names[-max(number or 0, 1) :])
    if days is not None:
        kept |= {name for name in names if created[name] > now - days * DAY}
    return [name for name in names if name not in kept]


def origins(runner: Runner, pool: str) -> set[str]:
    """The snapshots of a pool of which there are clones."""
    return set(run_zfs(runner, "list", "-H", "-o", "origin", "-t", "filesystem,volume", "-r", pool).split()) - {"-"}


class Retention:
    """Snapshots of some datasets whose names begin with a prefix and that have a property, whatever its value; all
    others are left alone. C(actions), C(before), C(after) and C(warnings) as of C(Snapshots).
    """

    def __init__(self, runner: Runner, datasets: list[str], prefix: str, prop: str, check: bool) -> None:
        if not prefix or ":" not in prop:
            # Either alone would take snapshots that somebody else has taken.
            raise Sentence(
                "snapshots are known by the beginning of their names and by a user property, such as example.com:why",
                "property" if prefix else "prefix",
            )
        self.runner, self.prefix, self.prop, self.check = runner, prefix, prop, check
        self.datasets = topmost(datasets)
        self.actions: list[str] = []
        self.before: dict[str, str] = {}
        self.after: dict[str, str] = {}
        self.warnings: list[str] = []

    def _ours(self, listing: Listing) -> dict[str, list[Moment]]:
        """The snapshots of each name of which all are ours."""
        found: dict[str, list[Moment]] = {}
        for each in listing.moments:
            if each.name.startswith(f"{each.dataset}@{self.prefix}"):
                found.setdefault(each.tag, []).append(each)
        return {tag: moments for tag, moments in found.items() if all(self.prop in each.properties for each in moments)}

    def ensure(self, number: int | None, days: int | None, now: float) -> list[str]:
        """Destroy what is not kept; the names of it."""
        listing = look(self.runner, self.datasets, [self.prop])
        ours = self._ours(listing)
        going = superfluous({tag: moments[0].created for tag, moments in ours.items()}, number, days, now)
        cloned = origins(self.runner, self.datasets[0].split("/")[0]) if going else set()
        gone = []
        for tag in going:
            needed = [each.name for each in ours[tag] if each.holds or each.name in cloned]
            if needed:
                self.warnings.append(f"{needed[0]} is held or has a clone, so the snapshot {tag} stays")
                continue
            snapshots = Snapshots(self.runner, self.datasets, tag, self.check)
            try:
                snapshots.ensure("absent")
            finally:
                self.actions += snapshots.actions
            self.before.update(snapshots.before)
            self.after.update(snapshots.after)
            gone.append(tag)
        return gone
