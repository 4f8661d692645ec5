# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots as streams of this double's own form."""

from __future__ import annotations

import json
import os
import subprocess

from zfs.errors import ZfsError
from zfs.facts import Facts
from zfs.files import copy_tree, empty
from zfs.mounting import TOOLS, mount, mountable
from zfs.pool import (
    check_name,
    children,
    data_of,
    edit,
    files_of,
    load,
    need,
    new_entry,
    next_ids,
    parent_of,
    snapshot_files,
)
from zfs.properties import check

MAGIC = b"potluck-zfs-stream\n"


def send(name: str, replicate: bool, properties: bool, since: str | None, out) -> None:
    """Write a snapshot (with replicate: of all descendants too, all their snapshots) as a stream of this double's own
    form.
    """
    state = load()
    dataset, _separator, tag = name.partition("@")
    need(state, name)
    if not tag:
        raise ZfsError("Error: Unsupported flag with filesystem or bookmark.")
    out.write(MAGIC)
    for each in [dataset] + (children(state, dataset) if replicate else []):
        entry = state["datasets"][each]
        tags = list(entry["snaps"])
        if tag not in tags:
            continue
        chosen = tags[: tags.index(tag) + 1] if replicate else [tag]
        if since:
            base = since.rpartition("@")[2]
            if base not in tags:
                raise ZfsError(f"cannot send '{name}': incremental source ({since}) does not exist")
            chosen = [item for item in tags[: tags.index(tag) + 1] if tags.index(item) > tags.index(base)]
            chosen = chosen if replicate else [tag]
        for item in chosen:
            head = {
                "name": each[len(dataset) :],
                "from": each,
                "tag": item,
                "created": entry["snaps"][item]["created"],
                "guid": entry["snaps"][item]["guid"],
                "incremental": bool(since),
                "props": {key: value[0] for key, value in entry["props"].items()} if replicate or properties else {},
                "snap_props": {key: value[0] for key, value in entry["snaps"][item]["props"].items()},
            }
            line = json.dumps(head).encode() + b"\n"
            out.write(b"H%d\n" % len(line) + line)
            with subprocess.Popen(
                [
                    TOOLS + "tar",
                    "--numeric-owner",
                    "--sparse",
                    "--acls",
                    "--xattrs",
                    "-cf",
                    "-",
                    "-C",
                    snapshot_files(each, item),
                    ".",
                ],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as tar:
                while chunk := tar.stdout.read(1 << 20):
                    out.write(b"D%d\n" % len(chunk) + chunk)
            out.write(b"D0\n")
    out.write(b"E0\n")
    out.flush()


def receive(
    target: str,
    stream,
    force: bool,
    mounting: bool,
    keep_path: str | None,
    options: dict[str, str],
    excluded: list[str],
) -> None:
    """Read a stream into a new dataset (or, forced, over an existing one). keep_path: None, 'd' or 'e' as the options
    -d and -e.
    """
    if os.path.exists("/.double/run/faults/zfs-receive"):
        while stream.read(1 << 20):
            pass
        raise ZfsError("cannot receive new filesystem stream: checksum mismatch or incomplete stream")
    if stream.readline(len(MAGIC)) != MAGIC:
        raise ZfsError("cannot receive: invalid stream (bad magic number)")
    wanted, _separator, wanted_tag = target.partition("@")
    received: list[str] = []
    while True:
        mark = stream.readline()
        if not mark or mark[:1] == b"E":
            break
        head = json.loads(stream.read(int(mark[1:])))
        base = wanted
        if keep_path == "d":
            base = wanted + "/" + head["from"].partition("/")[2]
        elif keep_path == "e":
            base = wanted + "/" + (head["from"].rpartition("/")[2] if not head["name"] else "")
        name = base if keep_path == "d" else base.rstrip("/") + head["name"]
        tag = wanted_tag or head["tag"]
        with edit() as state:
            check_name(state, name, "receive")
            entry = state["datasets"].get(name)
            if entry and not head["incremental"] and name not in received:
                if not force:
                    _drain(stream)
                    raise ZfsError(
                        f"cannot receive new filesystem stream: destination '{name}' exists\nmust specify -F to "
                        "overwrite it"
                    )
                if entry["snaps"]:
                    _drain(stream)
                    raise ZfsError(
                        "cannot receive new filesystem stream: destination has snapshots (eg. "
                        f"{name}@{next(iter(entry['snaps']))})\n"
                        "must destroy them to overwrite it"
                    )
            if not entry:
                if parent_of(name) not in state["datasets"]:
                    if keep_path != "d":
                        _drain(stream)
                        raise ZfsError(
                            f"cannot receive new filesystem stream: destination '{name}' does not exist"
                            if not parent_of(name)
                            else f"cannot open '{parent_of(name)}': dataset does not exist"
                        )
                    missing = []
                    up = parent_of(name)
                    while up not in state["datasets"]:
                        missing.insert(0, up)
                        up = parent_of(up)
                    for up in missing:
                        os.makedirs(files_of(up), exist_ok=True)
                        state["datasets"][up] = new_entry(*next_ids(state))
                os.makedirs(files_of(name), exist_ok=True)
                entry = state["datasets"][name] = new_entry(*next_ids(state))
                entry["props"] = {
                    key: [value, "received"]
                    for key, value in head["props"].items()
                    if key not in excluded and key not in ("quota", "refquota")
                }
                for key, value in options.items():
                    stored = check(key, value, True)
                    entry["props"][stored[0]] = [stored[1], "local"]
            else:
                empty(files_of(name))
            received.append(name)
            with subprocess.Popen(
                [
                    TOOLS + "tar",
                    "--numeric-owner",
                    "--same-owner",
                    "-p",
                    "--acls",
                    "--xattrs",
                    "-xf",
                    "-",
                    "-C",
                    files_of(name),
                ],
                stdin=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as tar:
                complete = False
                while mark := stream.readline():
                    size = int(mark[1:])
                    if not size:
                        complete = True
                        break
                    tar.stdin.write(stream.read(size))
            if not complete:
                raise ZfsError("cannot receive new filesystem stream: incomplete stream")
            os.makedirs(data_of(name) + "/=snap", exist_ok=True)
            copy_tree(files_of(name), snapshot_files(name, tag))
            txg, objset = next_ids(state)
            entry["snaps"][tag] = {
                "created": head["created"],
                "guid": head["guid"],
                "txg": txg,
                "objset": objset,
                "props": {key: [value, "received"] for key, value in head["snap_props"].items()},
            }
            if mounting and mountable(state, name) and not Facts(state).mounted_at(name):
                mount(state, name)


def _drain(stream) -> None:
    while stream.read(1 << 20):
        pass
