# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a homeserver's dataset may be, where it may be mounted and whose it is. Nothing here runs a command."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import zfs
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import storage

# The user property that says which homeserver's data a dataset holds. It is set when they are there, so that their
# absence is noticed.
HOMESERVER = "potluck.matrix:homeserver"

_RESERVED = {
    **zfs.RESERVED,
    HOMESERVER: "it says whose data the dataset holds, and is set where that has been seen",
}

# What Potluck's layout has at the top of the dataset, and what ZFS shows there with snapdir=visible.
_LAYOUT = frozenset(("matrixdata", "acme", ".zfs"))

# Directories that are there for mountpoints, and that nobody misses when root alone can pass them.
_FOR_MOUNTS = frozenset(("/mnt", "/media", "/srv"))


def check_name(name: str) -> str | None:
    """Return None when C(POOL/NAME…) names a dataset below a pool that data may lie in, else why not, as the end of a
    sentence.
    """
    try:
        storage.dataset(name)
    except ValueError as error:
        return f"{error}; name one such as zroot/matrixdata (letters, digits, '_', '-', '.' and ':', no blanks)"
    return None


def check_mountpoint(path: str) -> str | None:
    """Return None when a dataset may be mounted on a path, else why not, as the end of a sentence that begins with the
    path.
    """
    try:
        storage.mountpoint(path)
    except ValueError as error:
        return f"{error}; name a directory such as /mnt/matrixdata"
    return None


def canonical_properties(properties: t.Mapping[str, object]) -> dict[str, str]:
    """The properties as C(zfs.canonical_properties) has them; ValueError also for what is said by an option of its
    own.
    """
    return zfs.canonical_properties(properties, _RESERVED)


def parse_marks(text: str) -> dict[str, tuple[str, str]]:
    """C({dataset: (homeserver, source)}) from C(zfs get -H -o name,value,source -s local,received -t filesystem
    potluck.matrix:homeserver).
    """
    return {
        fields[0]: (fields[1], fields[2])
        for fields in (line.split("\t") for line in text.splitlines())
        if len(fields) == 3
    }


def mountpoint_conflict(
    name: str,
    mountpoint: str,
    real_path: str,
    datasets: t.Iterable[tuple[str, str, str]],
    mounts: t.Iterable[tuple],
    entries: list[str],
) -> str | None:
    """Why dataset C(name) must not be mounted at C(mountpoint), as a sentence, or None.

    C(real_path) is the mount point with symbolic links resolved, C(datasets) are all as (name, mountpoint, canmount),
    C(mounts) is as of C(tables.parse_mounts); C(entries) are the names in that directory when something other than the
    dataset itself holds them (an empty list when the dataset is already mounted there).
    """
    for other, other_mountpoint, canmount in datasets:
        if other != name and other_mountpoint == mountpoint and canmount != "off":
            return f"{mountpoint} is already the mountpoint of the dataset {other}"
    at_path = [mount[0] for mount in mounts if mount[1] == real_path]
    if at_path and at_path[-1] != name:
        return f"{at_path[-1]} is mounted on {mountpoint} already"
    if entries:
        hint = "" if strangers(entries) else " (a pot that ran without its dataset has written there)"
        return (
            f"the directory {mountpoint} is not empty ({listed(entries)}); mounting {name} there would hide its "
            f"content{hint}, so move that away first"
        )
    return None


def listed(names: list[str]) -> str:
    """At most three names for a message; what a pot may have put into them for a terminal is not passed on."""
    shown = [re.sub(r"[^ -~]", "?", name)[:60] for name in sorted(names)[:3]]
    return ", ".join(shown) + (" …" if len(names) > 3 else "")


def strangers(entries: t.Iterable[str], data_directory: str = "") -> list[str]:
    """The names at the top of a dataset that are not a homeserver's, C(data_directory) being the path of Synapse's data
    from there.
    """
    return sorted(set(entries) - _LAYOUT - {data_directory.split("/")[0]})


def somebody_elses(
    name: str,
    homeserver: str,
    marks: t.Mapping[str, tuple[str, str]],
    entries: t.Iterable[str],
    data_directory: str,
    server_name: str,
) -> tuple[str, str] | None:
    """Why dataset C(name) must not become, or is not, that of C(homeserver): the option at fault and a sentence, or
    None.

    C(marks) is as of parse_marks(); C(entries) are the names at the top of the dataset, C(data_directory) is the path
    of Synapse's data from there, and C(server_name) the homeserver that they say they belong to (empty when they do
    not say).
    """
    own = marks.get(name, ("", ""))[0]
    for found in (own, server_name):
        if found and found != homeserver:
            return "homeserver", (
                f"{name} holds the homeserver {listed([found])}, which cannot be renamed to {homeserver}; set it back, "
                "or give the new homeserver a dataset of its own (matrix_dataset: zroot/matrix-new)"
            )
    if own:
        return None
    # A replica that was received here is no other home of the homeserver.
    others = sorted(
        dataset
        for dataset, (mark, source) in marks.items()
        if mark == homeserver and source == "local" and dataset != name
    )
    if others:
        return "name", (
            f"the homeserver {homeserver} lives on the dataset {others[0]}, and would get a new identity on {name}; "
            f"name {others[0]}, or, if it is given up or was copied from there, run "
            f"'zfs inherit {HOMESERVER} {others[0]}' on the host"
        )
    # What an administrator has put beside the homeserver's own data is his.
    others = [] if server_name == homeserver else strangers(entries, data_directory)
    if others:
        return "name", (
            f"{name} holds something else than a homeserver's data ({listed(others)}), and a pot would get all of it; "
            "name a dataset that is empty or does not exist yet, as in zroot/matrixdata"
        )
    return None


def why_open(parent: str, owner: int, neighbours: list[str]) -> str | None:
    """Why the directory C(parent) of a mountpoint cannot be closed to other users of the host, as part of a
    sentence, or None.

    C(owner) is its user id; C(neighbours) are the names in it that belong to nothing that this collection mounts there.
    """
    if parent not in _FOR_MOUNTS and check_mountpoint(parent):
        return "others need"
    if owner != 0:
        return "is not root's"
    if neighbours:
        return f"holds {listed(neighbours)} as well"
    return None


def shadowed_children(name: str, mountpoint: str, datasets: t.Iterable[tuple[str, str, str]]) -> list[str]:
    """Names of the datasets mounted below C(mountpoint): a pot that gets the directory sees them as empty
    directories.
    """
    prefix = mountpoint.rstrip("/") + "/"
    return [
        other
        for other, other_mountpoint, canmount in datasets
        if other != name and canmount == "on" and other_mountpoint.startswith(prefix)
    ]
