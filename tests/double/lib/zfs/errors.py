# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What zfs refuses."""

from __future__ import annotations


class ZfsError(Exception):
    """A message for stderr and the exit code."""

    def __init__(self, message: str, code: int = 1):
        super().__init__(message)
        self.code = code
