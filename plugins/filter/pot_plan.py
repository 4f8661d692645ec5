# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: pot_plan
short_description: Tell what becomes of the options of a pot on a host
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Compares what is wanted of a pot with what M(potluck.matrix.pot_host) has found on the host that is to carry
    it.
options:
  _input:
    description:
      - What M(potluck.matrix.pot_host) has returned.
    type: dict
    required: true
  name:
    description:
      - The pot's name.
    type: str
    required: true
  network_type:
    description:
      - How the pot is connected.
    type: str
    choices: [inherit, alias, public-bridge, private-bridge]
    required: true
  ip:
    description:
      - The pot's address, or a list of addresses.
    type: raw
    default: ""
  interface:
    description:
      - The host's network interface for aliases. Where it is empty, it is what the host's C(carriers) say.
    type: str
    default: ""
  release:
    description:
      - FreeBSD's release in the pot. Where it is empty, it is that of the pot that is there, else that of the host.
    type: str
    default: ""
  image:
    description:
      - The image that the pot is made from, in the place of a release.
    type: dict
    default: {}
  configure_pf:
    description:
      - Whether pot's lines are added to the host's packet filter rules.
    type: bool
    default: false
  memory:
    description:
      - A limit of the pot's memory; an empty text for none.
    type: str
    default: ""
"""

EXAMPLES = r"""
---
- name: A pot on a host as it was found
  ansible.builtin.assert:
    that:
      - red.obstacles == []
      - red.release == '14.3'
      - red.ip == ['em0|10.0.0.5']
      - red.chosen | length == 2
      - blue.ip == ['10.192.0.5']
      - "'its release cannot be newer than the host' in blue.obstacles[0]"
  vars:
    red: "{{ host | potluck.matrix.pot_plan(name='red', network_type='alias', ip='10.0.0.5') }}"
    blue: "{{ host | potluck.matrix.pot_plan(name='blue', network_type=bridge, ip='10.192.0.5', release='15.0') }}"
    bridge: public-bridge
    host:
      release: "14.3"
      releases: ["14.3", "15.0"]
      bases: {}
      interfaces: [em0, lo0]
      carriers: [{address: 10.0.0.5, interface: em0, reason: whose network it lies in}]
      without_ipv6: []
      default_interface: em0
      vimage: true
      pf_anchors: true
      racct: false
"""

RETURN = r"""
_value:
  description: What becomes of them.
  type: dict
  contains:
    release:
      description: FreeBSD's release in the pot.
      type: str
    ip:
      description: The addresses as the module M(potluck.matrix.pot) takes them, aliases with their interfaces.
      type: list
      elements: str
    chosen:
      description: What was found on the host for want of a word in the options, for people to read.
      type: list
      elements: str
    obstacles:
      description: Why the host cannot carry the pot, each beginning with the option to change; none when it can.
      type: list
      elements: str
    leaves_elsewhere:
      description:
        - Where the pot's IPv4 address is on another network interface of the host than the default route, C(address)
          is the one and C(route) the other; empty otherwise.
      type: dict
"""

from ansible_collections.potluck.matrix.plugins.plugin_utils._pot.plan import Plan


def pot_plan(host, **wanted):
    """Tell what becomes of the options of a pot on a host."""
    plan = Plan(host, **wanted)
    return {
        "release": plan.release,
        "ip": plan.ip(),
        "chosen": plan.chosen(),
        "obstacles": plan.obstacles(),
        "leaves_elsewhere": plan.leaves_elsewhere(),
    }


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"pot_plan": pot_plan}
