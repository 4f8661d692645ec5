# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests marked as thorough say at another moment, or with another value, what one beside them says: left out unless
THOROUGH is set.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from thorough import THOROUGH


def pytest_configure(config):
    config.addinivalue_line("markers", "thorough: left out unless THOROUGH is set in the environment")


def pytest_collection_modifyitems(config, items):
    left_out = [item for item in items if item.get_closest_marker("thorough") and not THOROUGH]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
