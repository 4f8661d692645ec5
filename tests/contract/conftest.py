# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Closes a run with the report of what is covered, missing and different."""

from __future__ import annotations

import pytest
import replay
import report


def pytest_terminal_summary(config: pytest.Config) -> None:
    """Print the report of the files that were replayed."""
    report.report(config.stash.get(replay.REPLAYS, {}))
