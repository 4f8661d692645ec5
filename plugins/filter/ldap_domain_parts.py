# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: ldap_domain_parts
short_description: Split an LDAP domain into its labels
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Splits a domain of any number of labels into the list of its labels, leftmost first.
  - The labels come back in lower case, for LDAP compares them without regard to case.
  - A Unicode domain becomes its A-labels (C(xn--…)), since the attribute C(dc) holds ASCII only; the four letters that
    different versions of IDNA treat differently (such as V(ß)) are refused, write their label in the C(xn--) form.
  - Surrounding blanks and one trailing dot are dropped. A blank inside, an empty label, a label of more than 63 or a
    domain of more than 253 characters is refused.
  - Underscores are allowed, because Active Directory domains have them.
options:
  _input:
    description:
      - The domain, for example V(corp.example.co.uk).
    type: str
    required: true
seealso:
  - plugin: potluck.matrix.ldap_dn
    plugin_type: filter
"""

EXAMPLES = r"""
---
- name: The labels of a deep domain
  ansible.builtin.assert:
    that: "'Corp.Example.co.uk.' | potluck.matrix.ldap_domain_parts == ['corp', 'example', 'co', 'uk']"

- name: A Unicode domain becomes its A-labels
  ansible.builtin.assert:
    that: "'bücher.example' | potluck.matrix.ldap_domain_parts == ['xn--bcher-kva', 'example']"
"""

RETURN = r"""
_value:
  description: The labels, leftmost first.
  type: list
  elements: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.ldap import domain_parts


def ldap_domain_parts_filter(value):
    """Split an LDAP domain into its labels."""
    try:
        return domain_parts(value)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"ldap_domain_parts": ldap_domain_parts_filter}
