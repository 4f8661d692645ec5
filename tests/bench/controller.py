# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run ansible-playbook and measure what that costs the machine that it runs on."""

from __future__ import annotations

import collections
import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

from kills import descendants

# operations and tasks: of each server, in the order of their names; wall and cpu: seconds, those of all its processes,
# ssh's shared connections left out; memory: bytes at the highest, pages that processes share counted once.
Cost = collections.namedtuple("Cost", "operations tasks changed wall cpu memory output")


class Memory(threading.Thread):
    """The highest sum of the memory of a process and its descendants, looked at four times a second."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.highest, self.ended = pid, 0, threading.Event()

    def run(self):
        while not self.ended.wait(0.25):
            self.highest = max(self.highest, sum(proportional_size(pid) for pid in [self.pid, *descendants(self.pid)]))


def proportional_size(pid):
    """Bytes of memory of a process, of pages that it shares only its share; 0 when it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def run(command, environment, directory):
    """Run a playbook; its Cost. One that fails ends the bench with what it printed."""
    begun = time.monotonic()
    path = Path(directory) / "bench.log"
    with open(path, "wb") as stream:
        process = subprocess.Popen(
            [str(word) for word in command],
            env={**environment, "ANSIBLE_NOCOLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
        memory = Memory(process.pid)
        memory.start()
        # The processes that Ansible has waited for are in it; the connections that ssh keeps are nobody's children.
        status, usage = os.wait4(process.pid, 0)[1:]
    wall = time.monotonic() - begun
    memory.ended.set()
    memory.join()
    output = path.read_text(encoding="utf-8")
    if process.returncode is None:
        process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise SystemExit(f"{output[-6000:]}\nThe run ended with {process.returncode}: {' '.join(map(str, command))}")
    counts = re.findall(
        r"^(\S+) +(\d+) +(\d+)$", output.rpartition("operations  tasks\n")[2].partition("\n\n")[0], re.MULTILINE
    )
    return Cost(
        {server: int(operations) for server, operations, _tasks in counts},
        {server: int(tasks) for server, _operations, tasks in counts},
        sum(map(int, re.findall(r" changed=(\d+)", output))),
        wall,
        usage.ru_utime + usage.ru_stime,
        memory.highest,
        output,
    )
