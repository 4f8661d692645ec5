#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: site_preflight
short_description: Check the variables of all servers before any is contacted
version_added: 0.1.0
author:
  - potluck.matrix contributors (@potluck)
description:
  - Checks the inventory of all servers of the play at once, on the controller alone, and reports all problems of all
    servers in one message. Each problem comes with the server, the variable, what is wrong with its value and an
    example of a good one.
  - Checked is each C(matrix_) variable by itself, variables that depend on each other, certificates and keys that lie
    on the controller, every option of a role that the inventory sets (against the role's own documentation), misspelt
    names, and clashes between servers (one domain twice; on one host one address, pot, dataset, mountpoint or exported
    port twice, whether a variable or a role's option says so).
  - A name that begins like an option of a role and is none is a problem, and so is a number that YAML makes of what
    looks like another one (C(0750) is 488).
  - Refuses an ansible-core that is too old, and a controller that cannot make the hashes which passwords of the
    inventory need.
  - Values of secrets are never shown.
options:
  hosts:
    description:
      - The servers to check; all servers of the play unless given.
    type: list
    elements: str
  neighbours:
    description:
      - More servers of the inventory, which are not checked but which the servers must not clash with, for runs that
        C(--limit) cuts down. Those in O(hosts) are ignored here.
    type: list
    elements: str
    default: []
  own_variables:
    description:
      - Names of variables of your own that look like misspelt ones of this collection.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.info_module
  - potluck.matrix.attributes.action
notes:
  - Use it with C(run_once), since one call looks at all servers.
  - Facts of the hosts are not known when it runs; a variable made of facts is a problem.
"""

EXAMPLES = r"""
---
- name: Check the inventory of all servers
  potluck.matrix.site_preflight:
    neighbours: "{{ groups['matrix'] }}"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
servers:
  description: The servers that were checked.
  returned: always
  type: list
  elements: str
  sample: [matrix1, matrix2]
problems:
  description: What is wrong, server by server.
  returned: always
  type: list
  elements: dict
  contains:
    host:
      description: The server.
      type: str
      sample: matrix1
    variable:
      description: The variable.
      type: str
      sample: matrix_ip
    problem:
      description: What is wrong with it.
      type: str
      sample: '"10.0.0.256" is not an IP address'
    example:
      description: What would be right.
      type: str
      sample: "matrix_ip: 10.0.0.5"
"""
