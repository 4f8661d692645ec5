# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: supported_core
short_description: Refuse an ansible-core that is too old
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Returns its input as it is, and fails under an ansible-core that the collection does not work with. Where a play
    says its hosts, that is before any of them is contacted.
options:
  _input:
    description:
      - Anything, for example the hosts of a play.
    type: raw
    required: true
"""

EXAMPLES = r"""
---
- name: Hosts of a play
  ansible.builtin.assert:
    that: "'matrix' | potluck.matrix.supported_core == 'matrix'"
"""

RETURN = r"""
_value:
  description: The input.
  type: raw
"""

from ansible import release
from ansible_collections.potluck.matrix.plugins.plugin_utils._core import refuse_old_core


def supported_core_filter(value):
    """Hand on a value, if this ansible-core is new enough."""
    refuse_old_core(release.__version__)
    return value


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"supported_core": supported_core_filter}
