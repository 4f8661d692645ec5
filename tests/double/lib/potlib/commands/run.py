# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pot run."""

from __future__ import annotations

from potlib.commands import term


def main(args: list[str]) -> int:
    return term.main(["-f", *args])
