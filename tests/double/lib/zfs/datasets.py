# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datasets made, changed, renamed and destroyed."""

from __future__ import annotations

import contextlib
import os
import sys

import mounts
import mounttable
import shared

from zfs.errors import ZfsError
from zfs.facts import EMPTY, Facts, mountpoint
from zfs.files import copy_tree, remove
from zfs.mounting import image_down, mount, mount_options, mountable, mountable_now, unmount
from zfs.pool import (
    check_name,
    children,
    clones_of,
    data_of,
    edit,
    files_of,
    need,
    new_entry,
    next_ids,
    parent_of,
    snapshot_files,
)
from zfs.properties import NOT_INHERITED, NOT_SET, PROPERTIES, canonical, check, is_user
from zfs.quotas import apply_quotas, limit_of
from zfs.snapshots import destroy_snapshots


def create(
    dataset: str, options: dict[str, str], parents: bool = False, mounting: bool = True, origin: str | None = None
) -> None:
    """zfs create / zfs clone. options: property: value as given. With parents an existing target is success and options
    are ignored.
    """
    verb = f"cannot create '{dataset}'"
    with edit() as state:
        check_name(state, dataset, "create")
        parsed = {}
        for name, value in options.items():
            try:
                key, stored = check(name, value, True)
            except ZfsError as error:
                raise ZfsError(f"{verb}: {error}") from None
            parsed[key] = [stored, "local"]
        if dataset in state["datasets"]:
            if parents:
                return
            raise ZfsError(f"{verb}: dataset already exists")
        if "@" in dataset:
            raise ZfsError(f"{verb}: snapshot delimiter '@' is not expected here")
        missing = []
        name = parent_of(dataset)
        while name and name not in state["datasets"]:
            missing.insert(0, name)
            name = parent_of(name)
        if missing and not parents:
            raise ZfsError(f"{verb}: parent does not exist")
        for limit in ("quota", "refquota"):
            if limit in parsed and parsed[limit][0] < EMPTY:
                raise ZfsError(f"{verb}: size is less than current used or reserved space")
        for name in missing + [dataset]:
            os.makedirs(data_of(name), exist_ok=True)
            last = name == dataset
            if last and origin:
                base, _separator, snapshot = origin.partition("@")
                copy_tree(snapshot_files(base, snapshot), files_of(name))
            else:
                os.makedirs(files_of(name), exist_ok=True)
            state["datasets"][name] = new_entry(*next_ids(state))
            if last:
                state["datasets"][name]["props"] = parsed
                state["datasets"][name]["origin"] = origin
            if limit_of(state, name):
                apply_quotas(state, name)
            if mounting and mountable(state, name):
                try:
                    mount(state, name)
                except OSError as error:
                    print(
                        f"cannot mount '{mountpoint(state, name)}': {error.strerror}\nfilesystem successfully "
                        "created, but not mounted",
                        file=sys.stderr,
                    )


def destroy(name: str, recursive: bool, dependents: bool, force: bool) -> None:
    """zfs destroy of a dataset or of snapshots (tag lists 'a,b' are understood, ranges 'a%b' too)."""
    dataset, _separator, tags = name.partition("@")
    with edit() as state:
        if tags:
            destroy_snapshots(state, name, dataset, tags, recursive, dependents)
            return
        entry = need(state, dataset)
        if "/" not in dataset and not (recursive or dependents):
            pass
        below = children(state, dataset)
        own = [f"{each}@{tag}" for each in [dataset] + below for tag in state["datasets"][each]["snaps"]]
        group = {dataset, *below}
        clones = [clone for snap in own for clone in clones_of(state, snap) if clone not in group]
        listing = [f"{dataset}@{tag}" for tag in entry["snaps"]]
        for each in below:
            listing += [each] + [f"{each}@{tag}" for tag in state["datasets"][each]["snaps"]]
        if listing and not (recursive or dependents):
            if clones:
                raise ZfsError(
                    f"cannot destroy '{dataset}': filesystem has dependent clones\nuse '-R' to destroy the following "
                    f"datasets:\n" + "\n".join(clones + listing)
                )
            raise ZfsError(
                f"cannot destroy '{dataset}': filesystem has children\nuse '-r' to destroy the following datasets:\n"
                + "\n".join(listing)
            )
        if clones and not dependents:
            raise ZfsError(
                f"cannot destroy '{dataset}': filesystem has dependent clones\nuse '-R' to destroy the following "
                f"datasets:\n" + "\n".join(clones)
            )
        everything = []
        for clone in clones:
            everything += [clone] + children(state, clone)
        if "/" not in dataset:
            raise ZfsError(
                f"cannot destroy '{dataset}': operation does not apply to pools\n"
                f"use 'zfs destroy -r {dataset}' to destroy all datasets in the pool\n"
                f"use 'zpool destroy {dataset}' to destroy the pool itself"
            )
        ordered = [each for each in everything if each in state["datasets"]] + [dataset] + below
        ordered = list(reversed(list(dict.fromkeys(ordered))))
        for each in ordered:
            unmount(each, force)
        for each in ordered:
            remove(state, each, force)


def set_properties(dataset: str, pairs: dict[str, str], remounting: bool = True) -> None:
    """zfs set."""
    with edit() as state:
        base = dataset.partition("@")[0]
        entry = need(state, dataset)
        parsed = {}
        for name, value in pairs.items():
            try:
                key, stored = check(name, value, False)
            except ZfsError as error:
                raise ZfsError(f"cannot set property for '{dataset}': {error}", NOT_SET) from None
            if "@" in dataset and not is_user(key):
                raise ZfsError(
                    f"cannot set property for '{dataset}': this property can not be modified for snapshots", NOT_SET
                )
            parsed[key] = stored
        if base != dataset:
            for key, stored in parsed.items():
                entry["props"][key] = [stored, "local"]
            return
        facts = Facts(state)
        for limit in ("quota", "refquota"):
            if parsed.get(limit):
                used = facts.used(dataset) if limit == "quota" else facts.own(dataset)
                if parsed[limit] < used:
                    raise ZfsError(
                        f"cannot set property for '{dataset}': size is less than current used or reserved space",
                        NOT_SET,
                    )
        for limit in ("reservation", "refreservation"):
            if parsed.get(limit, 0) > facts.available(dataset):
                raise ZfsError(f"cannot set property for '{dataset}': size is greater than available space", NOT_SET)
        apply_change(
            state,
            dataset,
            remounting,
            lambda: entry["props"].update({key: [stored, "local"] for key, stored in parsed.items()}),
            set(parsed),
        )


def inherit(dataset: str, name: str, recursive: bool) -> None:
    """zfs inherit [-r]."""
    with edit() as state:
        entry = need(state, dataset)
        if not is_user(name):
            name = canonical(name)
            if name not in PROPERTIES:
                raise ZfsError(f"invalid property '{name}'", 2)
            if PROPERTIES[name][1] in ("ro", "fixed"):
                raise ZfsError(f"'{name}' property cannot be inherited", 1)
            if name in NOT_INHERITED and name not in ("canmount", "volmode"):
                raise ZfsError(
                    (
                        f"'{name}' property cannot be inherited\nuse 'zfs set {name}=none' to clear it"
                        if "quota" in name or "reserv" in name
                        else f"'{name}' property cannot be inherited"
                    ),
                    1,
                )

        def change() -> None:
            for each in [dataset] + (children(state, dataset) if recursive else []):
                state["datasets"][each]["props"].pop(name, None)

        if "@" in dataset:
            entry["props"].pop(name, None)
        else:
            apply_change(state, dataset, True, change, {name})


def apply_change(state: dict, dataset: str, remounting: bool, change, names: set[str]) -> None:
    """Apply a property change; what depends on it (mounts, quota) follows."""
    affected = [dataset] + children(state, dataset)
    facts = Facts(state)
    moving = names & {"mountpoint", "canmount"} and remounting
    before = [name for name in affected if facts.mounted_at(name)]
    old = {name: mountpoint(state, name) for name in affected}
    could = {name: mountable_now(state, name) for name in affected}
    change()
    if moving:
        moved = [name for name in affected if mountpoint(state, name) != old[name] or not mountable_now(state, name)]
        mounted = [name for name in before if name in moved]
        for name in reversed(mounted):
            unmount(name)
            if old[name].startswith("/"):
                with contextlib.suppress(OSError):
                    os.rmdir(old[name])
        for name in affected:
            # zfs mounts a dataset whose mountpoint has just become a path, and one set to canmount=on
            became = (
                name not in before
                and mountable(state, name)
                and (not could[name] or (name == dataset and "mountpoint" in names))
            )
            if (name in mounted and mountable_now(state, name)) or became:
                mount(state, name)
    if names & {"readonly", "atime", "exec", "setuid"}:
        for name in before:
            path = facts.mounted_at(name)
            options, flags = mount_options(state, name)
            mounts.mount("none", path, None, mounts.MS_BIND | mounts.MS_REMOUNT | flags)
            with shared.editing(mounttable.TABLE, []) as table:
                for entry in table:
                    if entry["device"] == name and entry["fstype"] == "zfs":
                        entry["options"] = options
    if names & {"quota", "refquota"}:
        apply_quotas(state, dataset)


def rename(old: str, new: str, parents: bool, mounting: bool, force: bool, recursive: bool) -> None:
    """zfs rename of a dataset with its children, or of a snapshot."""
    with edit() as state:
        if "@" in old:
            dataset, _separator, tag = old.partition("@")
            need(state, old)
            other, _separator, name = new.rpartition("@")
            if other and other != dataset:
                raise ZfsError(f"cannot rename to '{new}': snapshots must be part of same dataset")
            for each in [dataset] + (children(state, dataset) if recursive else []):
                snaps = state["datasets"][each]["snaps"]
                if tag not in snaps:
                    continue
                if name in snaps:
                    raise ZfsError(f"cannot rename '{old}': dataset already exists")
                os.rename(snapshot_files(each, tag), snapshot_files(each, name))
                state["datasets"][each]["snaps"] = {name if key == tag else key: value for key, value in snaps.items()}
                for entry in state["datasets"].values():
                    if entry["origin"] == f"{each}@{tag}":
                        entry["origin"] = f"{each}@{name}"
            return
        need(state, old)
        check_name(state, new, "create")
        if new in state["datasets"]:
            raise ZfsError(f"cannot rename '{old}': dataset already exists")
        if new.startswith(old + "/"):
            raise ZfsError(f"cannot rename '{old}': New dataset name cannot be a descendant of current dataset name")
        missing = []
        name = parent_of(new)
        while name and name not in state["datasets"]:
            missing.insert(0, name)
            name = parent_of(name)
        if missing and not parents:
            raise ZfsError(f"cannot rename '{old}': parent does not exist")
        for name in missing:
            os.makedirs(files_of(name), exist_ok=True)
            state["datasets"][name] = new_entry(*next_ids(state))
            if mountable(state, name):
                mount(state, name)
        affected = [old] + children(state, old)
        facts = Facts(state)
        mounted = [name for name in affected if facts.mounted_at(name)]
        was = {name: mountpoint(state, name) for name in affected}
        names = {name: new + name[len(old) :] for name in affected}
        for name in reversed(mounted):
            unmount(name, force)
            with contextlib.suppress(OSError):
                os.rmdir(was[name])
        for name in affected:
            image_down(name)
        os.rename(data_of(old), data_of(new))
        state["datasets"] = {names.get(name, name): entry for name, entry in state["datasets"].items()}
        for entry in state["datasets"].values():
            if entry["origin"]:
                dataset, _separator, tag = entry["origin"].partition("@")
                entry["origin"] = f"{names.get(dataset, dataset)}@{tag}"
        for name in mounted:
            if mounting and mountable_now(state, names[name]):
                mount(state, names[name])


def promote(dataset: str) -> None:
    """zfs promote: the clone takes over the origin's snapshots up to the one it was cloned from."""
    with edit() as state:
        entry = need(state, dataset)
        if not entry["origin"]:
            raise ZfsError(f"cannot promote '{dataset}': not a cloned filesystem")
        source, _separator, tag = entry["origin"].partition("@")
        parent = state["datasets"][source]
        tags = list(parent["snaps"])
        moving = tags[: tags.index(tag) + 1]
        for name in moving:
            if name in entry["snaps"]:
                raise ZfsError(
                    f"cannot promote '{dataset}': snapshot name '{name}' from origin \n conflicts with '{name}' from "
                    "target"
                )
        os.makedirs(data_of(dataset) + "/=snap", exist_ok=True)
        taken = {}
        for name in moving:
            os.rename(snapshot_files(source, name), snapshot_files(dataset, name))
            taken[name] = parent["snaps"].pop(name)
            for other in state["datasets"].values():
                if other["origin"] == f"{source}@{name}":
                    other["origin"] = f"{dataset}@{name}"
        entry["snaps"] = {**taken, **entry["snaps"]}
        entry["origin"], parent["origin"] = parent["origin"], f"{dataset}@{tag}"
