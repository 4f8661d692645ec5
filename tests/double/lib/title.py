# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make a long-running command of the double look in process lists like the FreeBSD program it stands for."""

from __future__ import annotations

import ctypes


def set_title(arguments: list[str]) -> None:
    """Overwrite the memory /proc/self/cmdline shows; what does not fit is cut off."""
    try:
        with open("/proc/self/stat", encoding="utf-8") as stream:
            fields = stream.read().rpartition(")")[2].split()
        # Fields 48 and 49 of proc(5), counted from the third on here.
        start, end = int(fields[45]), int(fields[46])
        text = b"\0".join(argument.encode() for argument in arguments)[: end - start - 1]
        ctypes.memmove(start, text + b"\0" * (end - start - len(text)), end - start)
        name = arguments[0].split(":")[0].rpartition("/")[2]
        with open("/proc/self/comm", "w", encoding="utf-8") as stream:
            stream.write(name[:15])
    except (OSError, ValueError, IndexError):
        # Only looks depend on it.
        return
