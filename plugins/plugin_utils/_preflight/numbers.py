# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers that YAML 1.1 reads otherwise than people write them."""

from __future__ import annotations

import re

import yaml


def written(lines: list[str], line: int, column: int, value: int | float) -> str | None:
    """What stands in a file where a number was read, when that is not how the number is written; None when it is or
    nobody can tell.

    lines: those of the file; line, column: counted from 1. Octal (010), hexadecimal and binary numbers, underscores,
    base 60 (22:22) and a zero at the end (14.10) are what gets lost.
    """
    if not 0 < line <= len(lines):
        return None
    found = re.match(r"[+-]?[0-9.][0-9A-Za-z_.:+-]*", lines[line - 1][column - 1 :])
    if not found:
        return None
    given = found.group().rstrip(":")
    try:
        # A file that has changed, or is a vault, or is JSON with something else there, tells nothing.
        if type(yaml.safe_load(given)) is not type(value + 0) or yaml.safe_load(given) != value:
            return None
    except (yaml.YAMLError, ValueError):
        return None
    return None if given.lstrip("+") in (str(value + 0), "-0") else given
