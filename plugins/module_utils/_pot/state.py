# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Everything known about one pot."""

from __future__ import annotations

from ansible_collections.potluck.matrix.plugins.module_utils._pot.conf import PotConf
from ansible_collections.potluck.matrix.plugins.module_utils._pot.mounts import FscompLine


class State:
    """Everything known about one pot at one moment. See C(Machine.read)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.exists = False
        self.broken = ""  # why pot cannot use it, empty if it can
        self.disposable = False  # broken, and provably without anything of value in it
        self.conf = PotConf()
        self.lines: list[FscompLine] = []  # of fscomp.conf
        self.jid: int | None = None
        self.status = ""  # '', starting, doa, started, stopping, stopped
        self.outdated = False  # the status file is older than the host's boot time, so that pot ignores it
        self.restart_required = False
        self.rc_finished = True  # the start command has ended since the last start

    @property
    def running(self) -> bool:
        """Whether the pot's jail runs, whatever pot's own status file says."""
        return self.jid is not None

    @property
    def state(self) -> str:
        """One of absent, broken, stopped and started; a broken pot may run nevertheless."""
        if not self.exists:
            return "absent"
        if self.broken:
            return "broken"
        return "started" if self.running else "stopped"
