# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a server that is removed loses."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import storage, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.rules import tls, zfs_dataset
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable, text

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server

VARIABLES = {
    "matrix_remove": text("matrix1"),
    "matrix_remove_dataset": Variable(storage.dataset, "zroot/matrixdata"),
    "matrix_remove_certificate": Variable(values.choice("keep", "revoke"), "keep", empty=False),
}
OPTIONS: dict[str, Variable] = {}


def check(server: Server, controller: Controller) -> None:
    """Report a dataset that is to be destroyed and is not the server's own."""
    named, own = server["matrix_remove_dataset"], zfs_dataset.dataset(server)
    if named and own and named != own:
        server.report(
            "matrix_remove_dataset",
            f'"{named}" is not the dataset of this server, which is "{own}" (matrix_dataset)',
            f"matrix_remove_dataset: {own}",
        )
    mode = tls.mode(server)
    if server["matrix_remove_certificate"] == "revoke" and mode not in (None, "acme"):
        server.report(
            "matrix_remove_certificate",
            f"only an ACME CA can be asked to revoke a certificate, and matrix_tls_mode is {mode}",
            "matrix_remove_certificate: keep",
        )
