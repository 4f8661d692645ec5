# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: addresses
short_description: List the addresses of a pot
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Makes a list of what may be one address or a list of them, such as the variable C(matrix_ip). What has to do with
    the addresses of a pot takes them from here, whichever spelling the inventory has.
options:
  _input:
    description:
      - An address, a list of addresses, or an empty text for none.
    type: raw
    required: true
  family:
    description:
      - List those of one family only.
    type: int
    choices: [4, 6]
"""

EXAMPLES = r"""
---
- name: One address, two addresses, none
  ansible.builtin.assert:
    that:
      - "'10.0.0.5' | potluck.matrix.addresses == ['10.0.0.5']"
      - "['10.0.0.5', '2001:db8::5'] | potluck.matrix.addresses == ['10.0.0.5', '2001:db8::5']"
      - "'' | potluck.matrix.addresses == []"

- name: Those of one family
  ansible.builtin.assert:
    that: "['10.0.0.5', '2001:db8::5'] | potluck.matrix.addresses(family=6) == ['2001:db8::5']"
"""

RETURN = r"""
_value:
  description: The addresses, in the given order.
  type: list
  elements: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.network import addresses


def addresses_filter(value, family=None):
    """List the addresses of a pot."""
    try:
        found = addresses(value)
    except ValueError as error:
        raise AnsibleFilterError(f"An address {error}; write for example 10.0.0.5.") from error
    return [each for each in found if family is None or (":" in each) == (family == 6)]


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"addresses": addresses_filter}
