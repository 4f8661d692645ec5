#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: role_preflight
short_description: Check the options of one role by the rules for the whole inventory
version_added: 0.1.0
author:
  - potluck.matrix contributors (@potluck)
description:
  - Judges the options of a role of this collection, wherever they come from, by the same rules as
    M(potluck.matrix.site_preflight) judges an inventory, so that a role used by itself accepts and refuses the same
    values.
  - An option that stands for a variable of the inventory is told under the name that was used.
  - Runs on the controller alone.
options:
  role:
    description: The role, without the name of the collection.
    type: str
    required: true
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.info_module
  - potluck.matrix.attributes.action
"""

EXAMPLES = r"""
---
- name: Check the options of role tls
  potluck.matrix.role_preflight:
    role: tls
"""

RETURN = r"""
msg:
  description: All problems, a line each.
  returned: when there is one
  type: str
  sample: "matrix1: tls_mode: \"maybe\" is none of acme, provided, selfsigned, none; for example tls_mode: acme"
"""
