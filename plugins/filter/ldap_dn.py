# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: ldap_dn
short_description: Turn an LDAP domain into a distinguished name
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
positional: prefix
description:
  - Turns a domain of any number of labels into the distinguished name of the directory's base, escaped as RFC 4514
    asks.
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
  prefix:
    description:
      - What to put in front of the base, as one text such as V(ou=People), or a list of such texts, most specific
        first.
      - Each value is plain text; the filter escapes it. Blanks around it are dropped.
      - A single text that looks like several parts, such as V(cn=staff,ou=People), is refused, for it could mean two
        things; a list item is always one part.
    type: raw
    required: false
notes:
  - In O(prefix), the part before the first equals sign is the attribute, all after it the value.
seealso:
  - plugin: potluck.matrix.ldap_domain_parts
    plugin_type: filter
"""

EXAMPLES = r"""
---
- name: The base of a deep domain
  ansible.builtin.assert:
    that: "'corp.example.co.uk' | potluck.matrix.ldap_dn == 'dc=corp,dc=example,dc=co,dc=uk'"

- name: Where the people are
  ansible.builtin.assert:
    that: "'example.com' | potluck.matrix.ldap_dn(prefix='ou=People') == 'ou=People,dc=example,dc=com'"

- name: Several parts in front, one with a comma in its value
  ansible.builtin.assert:
    that: >-
      'example.com' | potluck.matrix.ldap_dn(prefix=['cn=Smith, Jo', 'ou=People'])
      == 'cn=Smith\, Jo,ou=People,dc=example,dc=com'
"""

RETURN = r"""
_value:
  description: The distinguished name.
  type: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.ldap import dn


def ldap_dn_filter(value, prefix=None):
    """Turn an LDAP domain into a distinguished name."""
    try:
        return dn(value, prefix)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"ldap_dn": ldap_dn_filter}
