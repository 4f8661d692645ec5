# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the commands about snapshots share."""

from __future__ import annotations

from potlib.commandline import last
from potlib.configuration import settings
from potlib.output import error, usage
from potlib.pots import dataset, is_pot
from potlib.steps import datasets


def snapshot_target(command: str, found: list[tuple[str, str]]) -> tuple[str, str]:
    """(pot or '', dataset)."""
    pot, fscomp = last(found, "p"), last(found, "f")
    if bool(pot) == bool(fscomp):
        error("Options -p and -f are mutually exclusive" if pot else "One of -p and -f has to be used")
        raise usage(command)
    if pot:
        if not is_pot(pot):
            raise usage(command)
        return pot, dataset(pot)
    name = f"{settings.zfs}/fscomp/{fscomp}"
    if name not in datasets():
        error(f"fscomp {fscomp} is not valid")
        raise usage(command)
    return "", name
