# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: rollout_stopped
short_description: Tell whether a rollout goes no further
author: potluck.matrix contributors (@potluck)
version_added: 0.2.0
description:
  - It ends when more servers have failed than may, or when a canary has.
options:
  _input:
    description:
      - Names of the servers that have failed so far.
    type: list
    elements: str
    required: true
  servers:
    description:
      - Names of all servers.
    type: list
    elements: str
    required: true
  percentage:
    description:
      - How many percent of all servers may fail.
    type: int
    default: 0
  canary:
    description:
      - Servers and groups of which none may fail, as a list or as a text with commas.
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
- name: One of four may fail
  ansible.builtin.assert:
    that:
      - not ['red'] | potluck.matrix.rollout_stopped(servers=['red', 'green', 'blue', 'grey'], percentage=25)
      - "['red', 'blue'] | potluck.matrix.rollout_stopped(servers=['red', 'green', 'blue', 'grey'], percentage=25)"
"""

RETURN = r"""
_value:
  description: Whether the servers that have not had their turn are left alone.
  type: bool
"""

from ansible_collections.potluck.matrix.plugins.plugin_utils import _rollout


def rollout_stopped_filter(failed, servers, percentage=0, canary=(), groups=None):
    """Tell whether a rollout goes no further."""
    return _rollout.stopped(failed, servers, int(percentage), _rollout.named(canary, groups or {}, servers))


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"rollout_stopped": rollout_stopped_filter}
