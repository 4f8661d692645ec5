# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run of ansible-playbook came to."""

from __future__ import annotations

import re


class Outcome:
    """code: exit code; output: all that was printed; recap: server to what is counted of it (ok, changed, failed,
    ...).
    """

    def __init__(self, code, output):
        self.code, self.output = code, output
        self.recap = {}
        for line in output.splitlines():
            match = re.match(r"(\S+)\s+: (ok=.*)", line)
            if match:
                self.recap[match.group(1)] = {
                    key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", match.group(2))
                }

    @property
    def changed(self):
        """Changes on all servers together; one without a recap never got that far."""
        return sum(host["changed"] for host in self.recap.values())

    @property
    def changes(self):
        """What changed, as "task: server" in the order of the run; a failing test shows it."""
        found, task = [], ""
        for line in self.output.splitlines():
            if named := re.match(r"(?:TASK|RUNNING HANDLER) \[(.*)\]", line):
                task = named.group(1)
            elif server := re.match(r"changed: \[([^\]\s]+)", line):
                found.append(f"{task}: {server.group(1)}")
        return found

    @property
    def words(self):
        """The output with every run of blanks and line ends as one blank, to find sentences that were wrapped."""
        return " ".join(self.output.split())

    def __repr__(self):
        return self.output
