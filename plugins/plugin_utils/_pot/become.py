# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becoming another user means to a connection into a pot."""

from __future__ import annotations

import typing as t


class Become:
    """A become plugin of Ansible that becomes root on the host, and anybody else in the pot.

    Whoever is in a pot is root there already: the right that is missing is that to enter it.
    """

    def __init__(self, plugin: t.Any) -> None:
        self.plugin = plugin

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self.plugin, name)

    def _option(self, name: str) -> str:
        try:
            return str(self.plugin.get_option(name) or "")
        except KeyError:
            return ""

    @property
    def on_host(self) -> bool:
        """Whether the host is where it happens."""
        return self._option("become_user") in ("", "root")

    @property
    def command(self) -> str:
        """Name of the program that it runs, for example C(sudo)."""
        return (self._option("become_exe") or str(self.plugin.name)).rpartition("/")[2].rpartition(".")[2]

    @property
    def asks(self) -> bool:
        """Whether there is a password for it."""
        return bool(self._option("become_pass"))

    def build_become_command(self, cmd: str, shell: t.Any) -> str:
        """The command for the pot: as it is for root."""
        return cmd if self.on_host else str(self.plugin.build_become_command(cmd, shell))
