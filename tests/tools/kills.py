# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs of ansible-playbook that are killed where a test wants them to be."""

from __future__ import annotations

import collections
import contextlib
import math
import os
import signal
import time
from pathlib import Path


def wait_for_task(path, index, process, seconds=math.inf, name=""):
    """Until the task of that number began, among those whose names hold a text; False when the run ended or the time
    was over before.

    path: the file with what the run prints.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        if sum(line.startswith("TASK [") and name in line for line in lines) > index:
            return True
        time.sleep(0.02)
    return False


def descendants(pid):
    """Process ids of all that a process started, and of what those did."""
    children = collections.defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parent = int(path.read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            children[parent].append(int(path.parent.name))
    found = []
    todo = [pid]
    while todo:
        new = children[todo.pop()]
        found += new
        todo += new
    return found


def kill(process, hard=True):
    """Kill a run that leads a process group; hard: with the workers and connections that have left it, which live on
    when somebody kills the one process he sees.
    """
    victims = descendants(process.pid) if hard else []
    os.killpg(process.pid, signal.SIGKILL)
    for pid in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return process.wait()
