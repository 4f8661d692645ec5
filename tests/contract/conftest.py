# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options for a FreeBSD host in place of the double, and the report of what is covered, missing and different at a
run's end.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import replay
import report
from remote import Remote


def pytest_addoption(parser: pytest.Parser) -> None:
    """How the host is reached."""
    group = parser.getgroup("contract")
    group.addoption("--machine", metavar="root@HOST", help="compare this FreeBSD host with the captures of its release")
    group.addoption(
        "--ssh-option",
        action="append",
        metavar="WORD",
        help="another argument of ssh, such as --ssh-option=-i --ssh-option=KEY",
    )
    group.addoption("--disposable", action="store_true", help="run also the lines that change what the host had")


@pytest.fixture(scope="session")
def machine(pytestconfig: pytest.Config) -> Iterator[Remote | None]:
    """The host of --machine; None without it."""
    address = pytestconfig.getoption("machine")
    if not address:
        yield None
        return
    remote = Remote(address, pytestconfig.getoption("ssh_option"), pytestconfig.getoption("disposable"))
    yield remote
    remote.close()


def pytest_terminal_summary(config: pytest.Config) -> None:
    """Print the report of the files that were replayed."""
    report.report(config.stash.get(replay.REPLAYS, {}), machine=bool(config.getoption("machine")))
