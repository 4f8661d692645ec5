# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Keep secrets out of a module's result without making its sentences unreadable.

Ansible replaces every text of a C(no_log) option wherever it stands in a result. Of a password of one letter that
makes a sentence of asterisks, which also tells the letter. So texts that short are left alone, and no result may be
made of them in the first place.
"""

from __future__ import annotations

# Characters.
SHORTEST = 4


def spare_short(module) -> None:
    """Let short secrets blot out nothing. To be called before anything is returned; the result then needs
    C(invocation=shown(module))."""
    module.no_log_values = {value for value in module.no_log_values if len(value) >= SHORTEST}


def shown(module) -> dict:
    """The module's arguments without those of C(no_log), in the form of a result's C(invocation)."""
    return {"module_args": _without(module.params, module.argument_spec)}


def _without(values, spec):
    found = {}
    for name, value in values.items():
        option = spec.get(name, {})
        if option.get("no_log"):
            value = None if value is None else "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
        elif option.get("options") and isinstance(value, list):
            value = [_without(entry, option["options"]) for entry in value]
        elif option.get("options") and isinstance(value, dict):
            value = _without(value, option["options"])
        found[name] = value
    return found
