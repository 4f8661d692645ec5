# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dataset that holds a homeserver's data."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import accounts, names, storage
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.dataset_rules import canonical_properties
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.claim import Claim
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server


def properties(value) -> dict:
    """ZFS properties and their values."""
    if not isinstance(value, dict):
        raise ValueError(f"is {names.kind(value)} where a dictionary is expected")
    for name, setting in value.items():
        if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9:_.-]*", name):
            raise ValueError(f'has the key "{name}", which is not the name of a property')
        if name in ("mountpoint", "canmount", "jailed", "zoned"):
            raise ValueError(
                f'sets "{name}", which decides whether the data is found; matrix_dataset_mountpoint is for that'
            )
        if isinstance(setting, (dict, list)) or setting is None or setting == "":
            raise ValueError(f'gives "{name}" no usable value')
        try:
            canonical_properties({name: setting})
        except ValueError as error:
            raise ValueError(f"has a setting that cannot be: {error}") from None
    return dict(value)


VARIABLES = {
    "matrix_dataset": Variable(storage.dataset, "zroot/matrixdata", empty=False),
    "matrix_dataset_mountpoint": Variable(storage.mountpoint, "/mnt/matrixdata", empty=False),
    "matrix_dataset_properties": Variable(properties, "{compression: lz4, quota: 50G}", empty=False),
}
OPTIONS = {
    "zfs_dataset_mode": Variable(storage.mode, '"0750"', empty=False),
    "zfs_dataset_owner": Variable(accounts.system_account, "root", empty=False),
    "zfs_dataset_group": Variable(accounts.system_account, "wheel", empty=False),
    "zfs_dataset_minimum_free": Variable(storage.zfs_size, "1G", empty=False),
}


def dataset(server: Server) -> str | None:
    """POOL/NAME; None when the value is bad."""
    return server.effective("matrix_dataset")


def mountpoint(server: Server) -> str | None:
    """The dataset's directory on the host, one made of the dataset's name being unchecked; None when a bad value leaves
    it open.
    """
    return server.effective("matrix_dataset_mountpoint") if server.known("matrix_dataset") else None


def claims(server: Server) -> t.Iterator[Claim]:
    """The dataset, and where it is mounted."""
    name, directory, after = dataset(server), mountpoint(server), " on the same host already"
    if name:
        words = f'"{name}" is the dataset of '
        yield Claim("matrix_dataset", server.machine, "dataset", name, words, after, "zroot/matrixdata2")
    if directory:
        # One dataset for two servers is one mountpoint as well.
        yield Claim(
            "matrix_dataset_mountpoint",
            server.machine,
            "mountpoint",
            directory,
            f'"{directory}" is the mountpoint of ',
            after,
            "/mnt/matrixdata2",
            implied_by="dataset",
            overlaps="the mountpoint",
        )


def check(server: Server, controller: Controller) -> None:
    """Report what does not go together."""
    if (
        server["matrix_dataset"]
        and not server["matrix_dataset_mountpoint"]
        and server.known("matrix_dataset_mountpoint")
    ):
        try:
            storage.mountpoint(mountpoint(server))
        except ValueError as error:
            server.report(
                "matrix_dataset_mountpoint",
                f'is not set, and the one made from matrix_dataset, "{mountpoint(server)}", {error}',
            )
    # Where pot has its own files, unless its configuration says otherwise (a mountpoint in /opt/pot is refused anyway).
    settings = server.given.get("pot_jail_settings")
    settings = settings if isinstance(settings, dict) else {}
    pairs = (
        ("POT_FS_ROOT", "matrix_dataset_mountpoint", mountpoint(server)),
        ("POT_ZFS_ROOT", "matrix_dataset", dataset(server)),
    )
    for setting, name, value in pairs:
        root = settings.get(setting)
        if (
            isinstance(root, str)
            and root
            and value
            and ((value + "/").startswith(root + "/") or (root + "/").startswith(value + "/"))
        ):
            server.report(
                name,
                f'"{value}" and pot\'s own "{root}" ({setting} in pot_jail_settings) overlap',
            )
