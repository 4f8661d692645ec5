# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notes every file that a Python opens and every program that it starts, Ansible and its modules on the controller
among them.

Python imports this by itself where the directory is in PYTHONPATH. Lines of JSON: [event, path or list of arguments].
"""

from __future__ import annotations

import json
import os
import sys


def note(event: str, arguments: tuple) -> None:
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        found: str | list[str] = os.path.abspath(os.fsdecode(arguments[0]))
    elif event in ("subprocess.Popen", "os.exec", "os.posix_spawn"):
        words = arguments[1]
        found = [os.fsdecode(word) for word in ([words] if isinstance(words, (str, bytes)) else words)]
    elif event == "os.system":
        found = [os.fsdecode(arguments[0])]
    else:
        return
    os.write(NOTES, (json.dumps([event, found]) + "\n").encode())


NOTES = os.open(os.environ["POTLUCK_WATCH"], os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC)
sys.addaudithook(note)
