"""Closes a run with the report of what is covered, missing and different."""

from __future__ import annotations

import pytest
import replay
import report


def pytest_terminal_summary(config: pytest.Config) -> None:
    """Print the report of the files that were replayed."""
    report.report(config.stash.get(replay.REPLAYS, {}))
