# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The files of the pair that nginx reads, and others that root writes whole."""

from __future__ import annotations

import contextlib
import os

from ansible_collections.potluck.matrix.plugins.module_utils._certificate.certificate import pair_problem
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.files import put, read_text

CHAIN_MODE, KEY_MODE = 0o644, 0o640


def read(path: str) -> str:
    """The text of a file; empty when there is none."""
    return read_text(path) or ""


def write(path: str, text: str, mode: int = 0o644) -> None:
    """Replace a file in one step; it has its mode and root's group, whatever its directory's is, before its name."""
    put(path, text.encode(), no_links.Attributes(os.geteuid(), os.getegid(), mode))


class Pair:
    """C(fullchain.pem) and C(privkey.pem) in a directory, beside them the former pair while nobody knows yet whether
    nginx can read the new one.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.chain_path = os.path.join(directory, "fullchain.pem")
        self.key_path = os.path.join(directory, "privkey.pem")
        self.paths = (self.chain_path, self.key_path)

    @property
    def chain(self) -> str:
        """What is installed, as PEM; empty when there is nothing."""
        return read(self.chain_path)

    def texts(self) -> tuple[str, str]:
        """(chain, key) as they are installed."""
        return self.chain, read(self.key_path)

    def problem(self) -> str | None:
        """Why the installed pair cannot serve, or None."""
        chain, key = self.texts()
        return pair_problem(chain, key) if chain and key else "there is none"

    def replace(self, chain: str, key: str) -> None:
        """Put another pair in the place of the installed one, which is kept if it can serve."""
        if self.problem() is None:
            for path in self.paths:
                # What was kept first is what nginx last worked with.
                with contextlib.suppress(FileExistsError):
                    os.link(path, _former(path))
        # The one that must never be readable first.
        write(self.key_path, key, KEY_MODE)
        write(self.chain_path, chain, CHAIN_MODE)

    def remove(self) -> None:
        """Remove the pair, the former one too."""
        for path in self.paths:
            no_links.remove(_former(path))
            no_links.remove(path)

    def settle(self) -> None:
        """Keep the former pair no longer: nginx has read the new one."""
        for path in self.paths:
            no_links.remove(_former(path))

    def put_back(self) -> bool:
        """Put the former pair back, with its times; whether there was one."""
        if not all(os.path.exists(_former(path)) for path in self.paths):
            return False
        for path in self.paths:
            os.rename(_former(path), path)
        return True


def _former(path: str) -> str:
    return path + ".before"
