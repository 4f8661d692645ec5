# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the module synapse_database with the arguments in a file, as Ansible would: python run_module.py ARGUMENTS
[MOMENT].

MOMENT kills the module at one place: PACKAGE.MODULE.FUNCTION of module_utils, or PACKAGE.MODULE.CLASS.METHOD, and
C(before) or C(after); with a number at the end at that call of it.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import signal
import sys

from ansible.module_utils.testing import patch_module_args

UTILS = "ansible_collections.potluck.matrix.plugins.module_utils."


def end():
    """As the out-of-memory killer would: what the module has started has to end by itself."""
    os.kill(os.getpid(), signal.SIGKILL)


def arrange(moment):
    """Let the function that is named end everything."""
    name, when, *number = moment.split()
    owner_name, _dot, function = name.rpartition(".")
    try:
        owner = importlib.import_module(UTILS + owner_name)
    except ModuleNotFoundError:
        module, _dot, class_name = owner_name.rpartition(".")
        owner = getattr(importlib.import_module(UTILS + module), class_name)
    original = getattr(owner, function)
    calls = []

    @functools.wraps(original)
    def ending(*arguments, **more):
        calls.append(function)
        last = len(calls) == int((number or ["1"])[0])
        if last and when == "before":
            end()
        result = original(*arguments, **more)
        if last:
            end()
        return result

    setattr(owner, function, ending)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as stream:
        given = json.load(stream)
    from ansible_collections.potluck.matrix.plugins.modules import synapse_database

    if len(sys.argv) > 2:
        arrange(sys.argv[2])
    with patch_module_args(given):
        synapse_database.main()
