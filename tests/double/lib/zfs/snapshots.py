# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots made, held, gone back to and destroyed."""

from __future__ import annotations

import os
import re
import shutil
import time

from zfs.errors import ZfsError
from zfs.files import copy_tree, empty, remove
from zfs.mounting import TOOLS, run
from zfs.pool import children, clones_of, data_of, edit, files_of, need, new_guid, next_ids, snapshot_files
from zfs.properties import is_user

SNAPSHOT_NAME = re.compile(r"[A-Za-z0-9_.: -]+\Z")


def snapshot(names: list[str], recursive: bool, options: dict[str, str]) -> None:
    """zfs snapshot: all or nothing."""
    with edit() as state:
        todo = []
        for name in names:
            dataset, _separator, tag = name.partition("@")
            if not tag or not SNAPSHOT_NAME.match(tag):
                raise ZfsError(
                    f"cannot create snapshot '{name}': invalid character in name"
                    if tag
                    else f"cannot create snapshot '{name}': missing '@' delimiter in snapshot name"
                )
            if dataset not in state["datasets"]:
                raise ZfsError(
                    f"cannot open '{dataset}': dataset does not exist"
                    if not recursive
                    else f"cannot open '{dataset}': dataset does not exist"
                )
            for each in [dataset] + (children(state, dataset) if recursive else []):
                if tag in state["datasets"][each]["snaps"]:
                    raise ZfsError(
                        f"cannot create snapshot '{each}@{tag}': dataset already exists"
                        + ("\nno snapshots were created" if recursive else "")
                    )
                todo.append((each, tag))
        props = {}
        for key, value in options.items():
            if not is_user(key):
                raise ZfsError(f"cannot create snapshot '{names[0]}': property '{key}' cannot be modified")
            props[key] = [value, "local"]
        transaction = None
        for dataset, tag in todo:
            os.makedirs(data_of(dataset) + "/=snap", exist_ok=True)
            copy_tree(files_of(dataset), snapshot_files(dataset, tag))
            txg, objset = next_ids(state)
            # They are of one moment.
            transaction = transaction or txg
            state["datasets"][dataset]["snaps"][tag] = {
                "created": int(time.time()),
                "guid": new_guid(),
                "txg": transaction,
                "objset": objset,
                "props": dict(props),
            }


def rollback(name: str, newer: bool, clones: bool, force: bool) -> None:
    """zfs rollback."""
    dataset, _separator, tag = name.partition("@")
    with edit() as state:
        if not tag:
            raise ZfsError(
                f"cannot open '{name}': dataset does not exist"
                if dataset not in state["datasets"]
                else f"cannot open '{name}': operation not applicable to datasets of this type"
            )
        need(state, dataset)
        need(state, name)
        tags = list(state["datasets"][dataset]["snaps"])
        later = tags[tags.index(tag) + 1 :]
        if later and not (newer or clones):
            listing = "".join(f"\n{dataset}@{other}" for other in later)
            raise ZfsError(
                f"cannot rollback to '{name}': more recent snapshots or bookmarks exist\n"
                f"use '-r' to force deletion of the following snapshots and bookmarks:{listing}"
            )
        dependents = [clone for other in later for clone in clones_of(state, f"{dataset}@{other}")]
        if dependents and not clones:
            raise ZfsError(
                f"cannot rollback to '{name}': clones of previous snapshots exist\nuse '-R' to force deletion of the "
                f"following clones and dependents:\n" + "\n".join(dependents)
            )
        for clone in dependents:
            remove(state, clone, True)
        for other in later:
            shutil.rmtree(snapshot_files(dataset, other), ignore_errors=True)
            del state["datasets"][dataset]["snaps"][other]
        files = files_of(dataset)
        empty(files)
        run(TOOLS + "cp", "-a", snapshot_files(dataset, tag) + "/.", files)


def destroy_snapshots(state: dict, name: str, dataset: str, tags: str, recursive: bool, dependents: bool) -> None:
    need(state, dataset)
    found = []
    for each in [dataset] + (children(state, dataset) if recursive else []):
        known = list(state["datasets"][each]["snaps"])
        for item in tags.split(","):
            first, percent, last = item.partition("%")
            if percent:
                start = known.index(first) if first in known else 0
                end = known.index(last) if last in known else len(known) - 1
                found += [(each, tag) for tag in known[start : end + 1]]
            elif item in known:
                found.append((each, item))
    if not found:
        raise ZfsError("could not find any snapshots to destroy; check snapshot names.")
    for each, tag in found:
        if state["datasets"][each]["snaps"][tag].get("holds"):
            raise ZfsError(
                f"cannot destroy snapshot {each}@{tag}: it's being held. Run 'zfs holds -r {each}@{tag}' to see "
                "holders."
            )
        clones = clones_of(state, f"{each}@{tag}")
        if clones and not dependents:
            raise ZfsError(
                f"cannot destroy '{each}@{tag}': snapshot has dependent clones\nuse '-R' to destroy the following "
                f"datasets:\n" + "\n".join(clones)
            )
        for clone in clones:
            for child in reversed([clone] + children(state, clone)):
                remove(state, child, True)
    for each, tag in found:
        shutil.rmtree(snapshot_files(each, tag), ignore_errors=True)
        del state["datasets"][each]["snaps"][tag]


def hold(snapshot: str, tag: str, recursive: bool, releasing: bool) -> None:
    """zfs hold and zfs release: a snapshot that somebody holds cannot be destroyed."""
    with edit() as state:
        dataset, _separator, name = snapshot.partition("@")
        need(state, snapshot)
        for each in [dataset] + (children(state, dataset) if recursive else []):
            entry = state["datasets"][each]["snaps"].get(name)
            if entry is None:
                continue
            holds = entry.setdefault("holds", {})
            if releasing and tag not in holds:
                raise ZfsError(f"cannot release hold from snapshot '{each}@{name}': no such tag on this dataset")
            if not releasing and tag in holds:
                raise ZfsError(f"cannot hold snapshot '{each}@{name}': tag already exists on this dataset")
            if releasing:
                del holds[tag]
            else:
                holds[tag] = int(time.time())
