# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: mail_address
short_description: Check a mail address
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Returns one plain mail address, its domain in lower case and as A-labels (C(xn--…)); the part before the C(@) stays
    as it is.
  - Refused are display names, lists, quoted local parts, addresses in brackets and domains of one label.
options:
  _input:
    description:
      - The address, for example V(admin@example.com).
    type: str
    required: true
"""

EXAMPLES = r"""
---
- name: The domain is normalised, the local part is not
  ansible.builtin.assert:
    that: "'Admin@Example.com' | potluck.matrix.mail_address == 'Admin@example.com'"
"""

RETURN = r"""
_value:
  description: The address.
  type: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.mail import address


def mail_address_filter(value):
    """Check a mail address."""
    try:
        return address(value)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"mail_address": mail_address_filter}
