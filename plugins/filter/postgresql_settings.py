# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: postgresql_settings
short_description: Compute the settings of the PostgreSQL of a homeserver
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Makes of the memory and the processors of a pot what C(postgresql.conf) says, for Synapse's kind of work and for a
    cluster on ZFS. What an administrator sets replaces it, setting by setting.
options:
  _input:
    description:
      - The options that decide, named without C(postgresql_) - data_directory, socket_directory, log, settings, and
        memory (bytes) and processors of the host, limit_memory and limit_processors of the pot, empty or 0 for none.
    type: dict
    required: true
"""

EXAMPLES = r"""
---
- name: What the memory decides, and what an administrator
  ansible.builtin.assert:
    that:
      - found.shared_buffers == '512MB'
      - found.work_mem == '64MB'
      - found.listen_addresses == ''
  vars:
    found: "{{ options | potluck.matrix.postgresql_settings }}"
    options:
      data_directory: /var/db/postgres/data15
      socket_directory: /var/run/postgresql
      log: /var/log/postgresql/postgresql.log
      settings: {work_mem: 64MB}
      memory: 17179869184
      processors: 8
      limit_memory: 4G
      limit_processors: 2
"""

RETURN = r"""
_value:
  description: The settings, each with a text, a number, true or false.
  type: dict
"""

from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration import postgresql
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.options import configured


def postgresql_settings_filter(options):
    """Compute postgresql.conf."""
    return configured(postgresql.settings, "postgresql_", options)


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"postgresql_settings": postgresql_settings_filter}
