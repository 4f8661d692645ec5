# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: consul_servers
short_description: Check and normalise the Consul servers to join
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Takes Potluck's comma text or a list and returns the list of servers, addresses in their shortest form and host
    names in lower case, in the given order.
  - Refused, with the number of the item and what is wrong with it, are duplicates (also two spellings of one address),
    blanks, empty items, ports, schemes, brackets, prefix lengths, and whatever is neither an IPv4 or IPv6 address nor a
    host name.
  - No server at all is an error as well; whether Consul is on has to be asked before.
options:
  _input:
    description:
      - The servers, as one text with commas and no blanks, or as a list of texts.
    type: raw
    required: true
"""

EXAMPLES = r"""
---
- name: Potluck's comma text
  ansible.builtin.assert:
    that: "'10.0.0.2,10.0.0.3' | potluck.matrix.consul_servers == ['10.0.0.2', '10.0.0.3']"

- name: A list, normalised
  ansible.builtin.assert:
    that: >-
      ['2001:DB8:0::1', 'Consul.Example.com.'] | potluck.matrix.consul_servers
      == ['2001:db8::1', 'consul.example.com']
"""

RETURN = r"""
_value:
  description: The servers, in the given order.
  type: list
  elements: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.consul import servers


def consul_servers_filter(value):
    """Check and normalise the Consul servers to join."""
    try:
        return servers(value)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"consul_servers": consul_servers_filter}
