# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The oldest ansible-core that the collection is tried with."""

from __future__ import annotations

import re

from ansible.errors import AnsibleError

# As meta/runtime.yml has it; ansible-core only warns of that. What is left out in a template, 2.19.0 writes as "None".
OLDEST = (2, 19, 1)


def refuse_old_core(version: str) -> None:
    """AnsibleError when an ansible-core of this version (C(2.18.6)) is too old."""
    numbers = tuple(int(part) for part in re.findall(r"[0-9]+", version)[:3])
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise AnsibleError(
            f"potluck.matrix needs ansible-core {oldest} or newer, but this is {version}; "
            f"install it as in pip install 'ansible-core>={oldest}'."
        )
