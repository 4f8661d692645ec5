# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is no time for in every run of the suite: more moments, and more values, of what it shows anyway."""

from __future__ import annotations

import os

THOROUGH = bool(os.environ.get("THOROUGH"))


def some(everything, *usual):
    """All of a list or dictionary when the suite is thorough, else the usual ones."""
    assert set(usual) <= set(everything)
    return list(everything) if THOROUGH else list(usual)


def examples(number):
    """So many examples for a property when the suite is thorough, else a quarter of them."""
    return number if THOROUGH else number // 4
