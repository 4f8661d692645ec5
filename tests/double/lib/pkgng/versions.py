# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package versions in pkg's order: epoch, then the version proper, then the port's revision."""

from __future__ import annotations

import re

# pkg knows these words inside a version; each sorts before the release it leads to.
_STAGES = {"pl": 0, "alpha": -4, "beta": -3, "pre": -2, "rc": -1}


def key(version: str) -> tuple:
    """A sortable form of 2.1_1,1."""
    version, _separator, epoch = version.partition(",")
    version, _separator, revision = version.partition("_")
    parts = []
    for word, number in re.findall(r"([a-z]+)|(\d+)", version.lower()):
        parts.append((1, int(number)) if number else (0, _STAGES.get(word, ord(word[0]) - 200)))
    # A release sorts after its own pre-releases: 1.0 after 1.0.rc1.
    parts.append((0, 0))
    return int(epoch or 0), tuple(parts), int(revision or 0)


def compare(left: str, right: str) -> str:
    """'<', '=' or '>'."""
    if key(left) == key(right):
        return "="
    return "<" if key(left) < key(right) else ">"
