# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What pot says and writes about its state."""

from __future__ import annotations

import re


def parse_status(text):
    """State in a C(pot_status_NAME) file: C(pot.status=STATE,IFACES), the last line counts."""
    states = re.findall(r"^pot\.status=([a-z]*)", text, re.M)
    return states[-1] if states else ""


def pot_errors(out, err=""):
    """What went wrong, from a pot command's output: its C(###>) lines and standard error, without usage texts."""
    found = []
    for line in out.split("\n"):
        match = re.match(r"###>\s+(?:(?:NO|no)\s+)?(.*)", line)
        if match:
            found.append(match.group(1).strip())
    for line in err.split("\n"):
        if line.strip() and not re.match(r"\s*use '-", line):
            found.append(line.strip())
    unique = []
    for line in found:
        if line not in unique:
            unique.append(line)
    return "; ".join(unique[-6:])[:800]
