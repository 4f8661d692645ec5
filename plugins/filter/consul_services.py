# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: consul_services
short_description: Complete the services that parts announce
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Makes service definitions in Consul's own form of what the plates of the parts state, by the address of the pot, the
    tags that Potluck's dashboards use, and how often a check runs.
options:
  _input:
    description:
      - The services, as the lookup P(potluck.matrix.parts#lookup) lists them.
    type: list
    elements: dict
    required: true
  address:
    description:
      - Address at which they are reached.
    type: str
    required: true
  node:
    description:
      - Name of the node.
    type: str
    required: true
"""

EXAMPLES = r"""
---
- name: A service of the pot 10.0.0.5
  ansible.builtin.assert:
    that:
      - found.address == '10.0.0.5' and found.port == 9100
      - found.tags == ['_app=matrix', '_service=node-exporter', '_hostname=matrix1']
      - "found.check == {'tcp': '10.0.0.5:9100', 'interval': '10s', 'timeout': '5s'}"
  vars:
    found: "{{ [service] | potluck.matrix.consul_services('10.0.0.5', 'matrix1') | first }}"
    service: {name: node-exporter, port: 9100, check: {tcp: "10.0.0.5:9100"}}
"""

RETURN = r"""
_value:
  description: The definitions.
  type: list
  elements: dict
"""

# What only verify needs to know of a service.
_OURS = ("requires",)


def consul_services_filter(services, address, node):
    """Complete the services that parts announce."""
    return [
        {
            "address": address,
            "tags": ["_app=matrix", "_service={}".format(service["name"]), f"_hostname={node}"],
            **{key: value for key, value in service.items() if key not in _OURS},
            "check": {"interval": "10s", "timeout": "5s", **service["check"]},
        }
        for service in services
    ]


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"consul_services": consul_services_filter}
