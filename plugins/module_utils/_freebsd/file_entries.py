# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The keys of an entry of C(files) that are read on the controller, by the action plugins of the modules that take such
lists. What a module gets has none of them any more.
"""

from __future__ import annotations

# Whose text becomes which other key.
TEXTS = {"template": "content", "secret_template": "secret", "source": "content", "secret_source": "secret"}
SWITCHES = ("wanted", "only_if")
SPEC = {
    # Names of files, which are not secret.
    **{key: {"type": "str", "no_log": False} for key in TEXTS},
    **{key: {"type": "bool", "default": True} for key in SWITCHES},
}


def unread(entries: list[dict]) -> str | None:
    """One sentence about a key that no action plugin has read, in entries that fit C(SPEC)."""
    for entry in entries:
        for key in (*TEXTS, *SWITCHES):
            if entry[key] not in (None, True):
                return (
                    f"{entry['path']}: {key} is read on the controller, by the action plugin of this module, which did "
                    "not run"
                )
    return None
