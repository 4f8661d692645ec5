# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: reported
short_description: Have a run end with the table of all servers
author: potluck.matrix contributors (@potluck)
version_added: 0.2.0
description:
  - Returns its input as it is, and enables the callback P(potluck.matrix.report#callback) for this run, as
    C(callbacks_enabled) of C(ansible.cfg) would. Of a playbook, only what is read before the first play can do that,
    for example the name of a playbook to import.
  - A play cannot write the report, since Ansible runs none after one in which every server has failed.
options:
  _input:
    description:
      - Anything, for example the name of a playbook.
    type: raw
    required: true
"""

EXAMPLES = r"""
---
- name: Name of a playbook
  ansible.builtin.assert:
    that: "'preflight.yml' | potluck.matrix.reported == 'preflight.yml'"
"""

RETURN = r"""
_value:
  description: The input.
  type: raw
"""

from ansible import constants

_CALLBACK = "potluck.matrix.report"


def reported_filter(value):
    """Hand on a value, after noting which callback is wanted."""
    if _CALLBACK not in constants.CALLBACKS_ENABLED:
        constants.CALLBACKS_ENABLED = [*constants.CALLBACKS_ENABLED, _CALLBACK]
    return value


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"reported": reported_filter}
