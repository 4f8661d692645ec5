# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: rollout_batches
short_description: Divide servers into batches
author: potluck.matrix contributors (@potluck)
version_added: 0.2.0
description:
  - The canaries are the first batch, alone, and the others follow in batches of a size.
options:
  _input:
    description:
      - Names of all servers, in their order.
    type: list
    elements: str
    required: true
  serial:
    description:
      - How many servers a batch has, as Ansible's C(serial) says it, but that a percentage is one of all servers
        without the canaries.
    type: raw
    required: true
  canary:
    description:
      - Servers and groups that come first, as a list or as a text with commas.
    type: raw
    default: []
  groups:
    description:
      - The servers of each group.
    type: dict
    default: {}
"""

EXAMPLES = r"""
---
- name: One first, then two at a time
  ansible.builtin.assert:
    that: >-
      ['red', 'green', 'blue', 'grey'] | potluck.matrix.rollout_batches(serial=2, canary='blue')
      == [['blue'], ['red', 'green'], ['grey']]
"""

RETURN = r"""
_value:
  description: The batches, each a list of servers.
  type: list
  elements: list
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.potluck.matrix.plugins.plugin_utils import _rollout


def rollout_batches_filter(servers, serial, canary=(), groups=None):
    """Divide servers into batches."""
    try:
        return _rollout.batches(servers, serial, _rollout.named(canary, groups or {}, servers))
    except ValueError as error:
        raise AnsibleFilterError(f"matrix_serial {error}; write for example 2.") from error


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"rollout_batches": rollout_batches_filter}
