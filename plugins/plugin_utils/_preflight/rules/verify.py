# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is looked at in the end."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._matrix import network, values
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Variable, boolean

if t.TYPE_CHECKING:
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.files import Controller
    from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.server import Server

VARIABLES = {
    "matrix_verify_address": Variable(network.one_or_more(network.host), "192.0.2.20"),
    "matrix_verify_outside": boolean("true"),
    "matrix_certificate_warning_days": Variable(values.days, "7", empty=False),
}
OPTIONS = {
    "verify_attempts": Variable(values.whole_number(1, 1000), "15", empty=False),
}


def check(server: Server, controller: Controller) -> None:
    """Nothing here depends on anything else."""
