# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import shlex

import pytest
from ansible.plugins.loader import become_loader, get_shell_plugin


@pytest.mark.parametrize(
    "options, words",
    [
        ({}, ["doas", "-n", "-u", "root"]),
        ({"ansible_become_user": "synapse"}, ["doas", "-n", "-u", "synapse"]),
        (
            {"ansible_become_exe": "/usr/local/bin/doas", "ansible_become_flags": "-C /x"},
            ["/usr/local/bin/doas", "-n", "-C", "/x", "-u", "root"],
        ),
        ({"ansible_doas_exe": "doaz", "ansible_doas_user": "joe"}, ["doaz", "-n", "-u", "joe"]),
    ],
)
def test_the_command_line(options, words):
    plugin = become_loader.get("potluck.matrix.doas")
    plugin.set_options(var_options=options)
    shell = get_shell_plugin(shell_type="sh", executable="/bin/sh")
    command = shlex.split(plugin.build_become_command("printf 'it''s'", shell))
    assert command == [*words, "/bin/sh", "-c", f"echo {plugin.success} ; printf 'it''s'"]
    assert plugin.build_become_command("", shell) == ""


def test_it_never_asks():
    plugin = become_loader.get("potluck.matrix.doas")
    plugin.set_options(var_options={"ansible_become_password": "secret"})
    plugin.build_become_command("true", get_shell_plugin(shell_type="sh"))
    assert not plugin.expect_prompt()
