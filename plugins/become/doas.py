# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: doas
author:
  - potluck.matrix contributors (@potluck)
short_description: Become root by doas without a password
version_added: 0.1.0
description:
  - Runs a task by C(doas -n), for hosts where one logs in as a user whom C(/usr/local/etc/doas.conf) permits to become
    root, for example by C(permit nopass admin as root).
  - doas reads a password from a terminal only, and Ansible has none. So the rule needs C(nopass), and a password that
    is given to Ansible is not used.
options:
  become_user:
    description: The user as whom the task runs.
    type: str
    default: root
    ini:
      - section: privilege_escalation
        key: become_user
      - section: doas_become_plugin
        key: user
    vars:
      - name: ansible_become_user
      - name: ansible_doas_user
    env:
      - name: ANSIBLE_BECOME_USER
      - name: ANSIBLE_DOAS_USER
    keyword:
      - name: become_user
  become_exe:
    description: The program, as a name that the login shell finds or as a path.
    type: str
    default: doas
    ini:
      - section: privilege_escalation
        key: become_exe
      - section: doas_become_plugin
        key: executable
    vars:
      - name: ansible_become_exe
      - name: ansible_doas_exe
    env:
      - name: ANSIBLE_BECOME_EXE
      - name: ANSIBLE_DOAS_EXE
    keyword:
      - name: become_exe
  become_flags:
    description: What else to tell doas. C(-n) is always there, since a question would find nobody to answer it.
    type: str
    default: ''
    ini:
      - section: privilege_escalation
        key: become_flags
      - section: doas_become_plugin
        key: flags
    vars:
      - name: ansible_become_flags
      - name: ansible_doas_flags
    env:
      - name: ANSIBLE_BECOME_FLAGS
      - name: ANSIBLE_DOAS_FLAGS
    keyword:
      - name: become_flags
seealso:
  - plugin: potluck.matrix.pot
    plugin_type: connection
"""

from ansible.plugins.become import BecomeBase


class BecomeModule(BecomeBase):
    """Puts C(doas -n -u USER) before a command."""

    name = "potluck.matrix.doas"

    def build_become_command(self, cmd, shell):
        """The command line by which the login user runs C(cmd) as the other user; an empty C(cmd) stays empty."""
        super().build_become_command(cmd, shell)
        if not cmd:
            return cmd
        words = [self.get_option("become_exe"), "-n", self.get_option("become_flags"), "-u"]
        words += [self.get_option("become_user"), self._build_success_command(cmd, shell)]
        return " ".join(filter(None, words))
