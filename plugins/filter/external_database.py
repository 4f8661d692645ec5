# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: external_database
short_description: What C(matrix_database) says of a PostgreSQL elsewhere
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Makes a dictionary of the database with all keys, those that were left out with their defaults.
  - Of a database in the pot, V(sqlite) or V(postgresql), it makes an empty one.
  - What is lazy or in a vault comes back as plain text.
options:
  _input:
    description:
      - The value of C(matrix_database).
    type: raw
    required: true
"""

EXAMPLES = r"""
---
- name: What is left out has a default
  ansible.builtin.assert:
    that:
      - found.port == 5432
      - found.name == 'synapse'
      - found.user == 'synapse'
      - found.sslmode == 'verify-full'
  vars:
    found: "{{ {'host': '192.0.2.9', 'password': 'x', 'sslrootcert': 'ca.pem'} | potluck.matrix.external_database }}"

- name: A database in the pot is none elsewhere
  ansible.builtin.assert:
    that: "'postgresql' | potluck.matrix.external_database == {}"
"""

RETURN = r"""
_value:
  description: C(host), C(port), C(name), C(user), C(password), C(sslmode), C(sslrootcert), C(dump), or nothing.
  type: dict
"""

import json

from ansible.errors import AnsibleFilterError
from ansible.plugins.filter.core import to_json
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import database


def external_database_filter(value):
    """The normal form of a database elsewhere; an empty dictionary for one in the pot."""
    try:
        found = database.kind(json.loads(to_json(value)))
    except ValueError as error:
        raise AnsibleFilterError(f"matrix_database: the value {error}") from error
    return found if isinstance(found, dict) else {}


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"external_database": external_database_filter}
