# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: within_networks
short_description: Tell whether an address is in one of some networks
author: potluck.matrix contributors (@potluck)
version_added: 0.2.0
description:
  - Whether one of some addresses is in one of some networks.
options:
  _input:
    description:
      - The addresses. An IPv6 address may be in brackets; what is no address is in no network.
    type: list
    elements: str
    required: true
  networks:
    description:
      - Addresses, and networks in CIDR form.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
---
- name: One of the addresses is in one of the networks
  ansible.builtin.assert:
    that: "['10.0.0.5', 'none'] | potluck.matrix.within_networks(['192.0.2.0/24', '10.0.0.0/8'])"

- name: An address is a network of its own, and none is in the networks of the other kind
  ansible.builtin.assert:
    that: "not (['10.0.0.5', '[::1]'] | potluck.matrix.within_networks(['10.0.0.6', '2001:db8::/32']))"
"""

RETURN = r"""
_value:
  description: Whether one of them is.
  type: bool
"""

import contextlib
import ipaddress

from ansible.errors import AnsibleFilterError


def within_networks(addresses, networks):
    """Tell whether one of some addresses is in one of some networks."""
    try:
        known = [ipaddress.ip_network(str(network)) for network in networks]
    except (TypeError, ValueError) as error:
        raise AnsibleFilterError(f"The networks are not right: {error}; write for example 10.0.0.0/24.") from error
    for address in addresses:
        with contextlib.suppress(ValueError):
            found = ipaddress.ip_address(str(address).strip("[]"))
            if any(found in network for network in known):
                return True
    return False


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"within_networks": within_networks}
