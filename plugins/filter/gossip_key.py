# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: gossip_key
short_description: Check a Consul gossip key
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Returns the key if it is the Base64 form of 32 bytes (or of 16 or 24, which Consul takes too), and fails otherwise.
  - The error never shows the key.
options:
  _input:
    description:
      - The key, as C(consul keygen) prints it.
    type: str
    required: true
"""

EXAMPLES = r"""
---
- name: A key of 32 bytes
  ansible.builtin.assert:
    that: "('0123456789abcdef0123456789abcdef' | b64encode | potluck.matrix.gossip_key | b64decode | length) == 32"
"""

RETURN = r"""
_value:
  description: The key in canonical Base64.
  type: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.consul import gossip_key


def gossip_key_filter(value):
    """Check a Consul gossip key."""
    try:
        return gossip_key(value)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"gossip_key": gossip_key_filter}
