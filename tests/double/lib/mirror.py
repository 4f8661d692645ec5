# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package mirror for those who ask for it by other means than pkg, which plays it: it has a name and answers, where
name servers are configured.
"""

from __future__ import annotations

import re

ADDRESS = "192.0.2.80"
NAME = re.compile(r"(?:(?:[\w-]+\.)?pkg\.freebsd\.org|pkg\.example\.test)\.?", re.IGNORECASE)


def resolves(host: str) -> bool:
    """Whether a name is the mirror's, and there is somebody to ask for it."""
    if not NAME.fullmatch(host):
        return False
    try:
        with open("/etc/resolv.conf", encoding="utf-8", errors="replace") as stream:
            return any(line.split()[:1] == ["nameserver"] for line in stream)
    except OSError:
        return False
