# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether Ansible, which has started this module, is still there to be told the result."""

from __future__ import annotations

import os
import select

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence


class Caller:
    """The process and the pipe at the other end."""

    def __init__(self) -> None:
        self._parent = os.getppid()

    def gone(self) -> bool:
        """Whether the parent process has ended, or nobody reads standard output any more (ssh was cut)."""
        if os.getppid() != self._parent:
            return True
        poll = select.poll()
        poll.register(1, 0)
        try:
            return any(event & (select.POLLERR | select.POLLHUP) for _fd, event in poll.poll(0))
        except OSError:
            return False

    def check(self) -> None:
        """C(Sentence) when the connection to Ansible is lost: nobody waits for what would be done after a long wait,
        and a new run may be at work.
        """
        if self.gone():
            raise Sentence(
                "The connection to Ansible was lost while this run waited for another one; nothing was done."
            )


CALLER = Caller()
