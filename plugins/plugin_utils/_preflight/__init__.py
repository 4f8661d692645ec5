# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that can be known to be wrong before a host is contacted.

Pure functions over the variables of all servers; files are read through the path they name, nothing else is touched.
"""

from __future__ import annotations

from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.engine import problems, role_problems
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.options import Role, strangers
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.parts import VARIABLES
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.report import Problem, is_secret, report
from ansible_collections.potluck.matrix.plugins.plugin_utils._preflight.variable import Unusable, Variable

__all__ = [
    "VARIABLES",
    "Problem",
    "Role",
    "Unusable",
    "Variable",
    "is_secret",
    "problems",
    "report",
    "role_problems",
    "strangers",
]
