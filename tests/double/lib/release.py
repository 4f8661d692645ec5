# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which FreeBSD the double is."""

from __future__ import annotations

import mounts

# What follows "FreeBSD RELEASE " in the kernel's version line, as recorded.
KERNEL = "#0 releng/13.2-n254617-525ecfdad597: Fri Apr  7 00:00:00 UTC 2023     root@builder:/usr/obj/usr/src/amd64.amd64/sys/GENERIC"


def info() -> dict[str, str]:
    """release ('13.2-RELEASE') and osreldate of the calling process' root."""
    return {"release": mounts.identity().get("release", "13.2-RELEASE"), "osreldate": "1302001"}


def jailed() -> bool:
    """Whether the calling process is in a jail."""
    return mounts.identity().get("kind") == "pot"
