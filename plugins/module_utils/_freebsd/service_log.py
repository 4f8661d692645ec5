# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a service says in a log file while it is started."""

from __future__ import annotations

import os
import re

QUOTED_LINES = 3
QUOTED_LENGTH = 500


class Log:
    """What a service writes into a file from now on; an empty path is that of no file."""

    def __init__(self, path: str, pattern: str) -> None:
        self._path, self._pattern = path, pattern
        self._before = self._file()

    def _file(self) -> tuple[int, int]:
        """(number, size) of the file; of no file when there is none."""
        if not self._path or not os.path.isfile(self._path):
            return (0, 0)
        found = os.stat(self._path)
        return found.st_ino, found.st_size

    def said(self) -> str:
        """The last lines that match, one after the other, without what syslog puts before them; empty when there are
        none.
        """
        number, size = self._file()
        if not number:
            return ""
        with open(self._path, "rb") as stream:
            if number == self._before[0] and size >= self._before[1]:
                stream.seek(self._before[1])
            lines = stream.read(1024 * 1024).decode("utf-8", "replace").splitlines()
        found = [
            re.sub(r"^\w{3} [ \d]\d [\d:]{8} \S+ ", "", re.sub(r"[^\x20-\x7e]", " ", line)).strip()
            for line in lines
            if re.search(self._pattern, line)
        ]
        return "; ".join(found[-QUOTED_LINES:])[:QUOTED_LENGTH]
