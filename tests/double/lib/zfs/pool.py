# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the pool knows of its datasets, and where their files lie."""

from __future__ import annotations

import os
import re
import time

import shared

from zfs.errors import ZfsError
from zfs.properties import NEWER

DISK = "/.double/disk"

POOL_DATA = DISK + "/zpool"

META = DISK + "/meta/zfs.json"


def new_state(pool: str = "zroot") -> dict:
    """The state of a fresh pool with its root dataset only."""
    root = new_entry(1, 54)
    if NEWER:
        # The recorded pool was made with it, as the installer makes pools.
        root["props"]["atime"] = ["off", "local"]
    return {
        "pool": {"name": pool, "guid": new_guid(), "created": int(time.time()), "altroot": None},
        "txg": 4,
        "objset": 53,
        "datasets": {pool: root},
    }


def new_guid() -> int:
    return int.from_bytes(os.urandom(8), "big")


def new_entry(txg: int, objset: int) -> dict:
    return {
        "created": int(time.time()),
        "guid": new_guid(),
        "txg": txg,
        "objset": objset,
        "props": {},
        "origin": None,
        "snaps": {},
    }


def load() -> dict:
    """The pool's metadata for reading."""
    state = shared.load(META, None)
    if state is None:
        with edit() as state:
            pass
    return state


def edit():
    """The pool's metadata for changing, under a lock; makes the pool on first use."""
    if not os.path.exists(META):
        os.makedirs(os.path.dirname(META), exist_ok=True)
        state = new_state()
        os.makedirs(files_of(state["pool"]["name"]), exist_ok=True)
        shared.store(META, state)
    return shared.editing(META, None)


def next_ids(state: dict) -> tuple[int, int]:
    state["txg"] += 1
    state["objset"] += 1
    return state["txg"], state["objset"]


def data_of(dataset: str) -> str:
    """The directory that holds a dataset's =fs, =snap, =img and its children."""
    return POOL_DATA + "/" + dataset


def files_of(dataset: str) -> str:
    """The dataset's files, mounted or not."""
    return data_of(dataset) + "/=fs"


def snapshot_files(dataset: str, snapshot: str) -> str:
    return data_of(dataset) + "/=snap/" + snapshot


def children(state: dict, dataset: str) -> list[str]:
    """Descendants, parents first, in zfs' order."""
    prefix = dataset + "/"
    return sorted((name for name in state["datasets"] if name.startswith(prefix)), key=lambda name: name.split("/"))


def in_order(state: dict) -> list[str]:
    return sorted(state["datasets"], key=lambda name: name.split("/"))


def clones_of(state: dict, snapshot: str) -> list[str]:
    return [name for name in in_order(state) if state["datasets"][name]["origin"] == snapshot]


def need(state: dict, dataset: str, verb: str = "open") -> dict:
    """The entry of an existing dataset or snapshot, or zfs' words that it is missing."""
    base, _separator, snapshot = dataset.partition("@")
    entry = state["datasets"].get(base)
    if entry is None or (snapshot and snapshot not in entry["snaps"]):
        raise ZfsError(f"cannot {verb} '{dataset}': dataset does not exist")
    return entry["snaps"][snapshot] if snapshot else entry


def parent_of(dataset: str) -> str:
    return dataset.rpartition("/")[0]


def check_name(state: dict, dataset: str, verb: str) -> None:
    """Refuse names zfs refuses, and other pools."""
    pool = dataset.split("/")[0].split("@")[0]
    if dataset.endswith("/"):
        raise ZfsError(f"cannot {verb} '{dataset}': trailing slash in name")
    if dataset.startswith("/"):
        raise ZfsError(f"cannot {verb} '{dataset}': leading slash in name")
    if "//" in dataset:
        raise ZfsError(f"cannot {verb} '{dataset}': empty component in name")
    if len(dataset) > 255:
        raise ZfsError(f"cannot {verb} '{dataset}': name is too long")
    bad = re.search(r"[^A-Za-z0-9_.: /@-]", dataset)
    if bad:
        raise ZfsError(f"cannot {verb} '{dataset}': invalid character '{bad.group()}' in name")
    if pool != state["pool"]["name"]:
        raise ZfsError(f"cannot {verb} '{dataset}': no such pool '{pool}'")
