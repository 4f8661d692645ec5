# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: homeserver_config
short_description: Compute Synapse's homeserver.yaml
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Makes of the options of role C(synapse) the settings that Synapse reads.
  - The free-form C(settings) are merged over what the other options make, dictionaries in them as well; of lists,
    theirs count, but for C(app_service_config_files), which has the registrations as well.
  - What is lazy or in a vault comes back as plain text.
options:
  _input:
    description:
      - The options that decide, named without C(synapse_) - server_name, public_baseurl, admin_contact, data_directory,
        media_directory, socket, metrics_address, metrics_port, max_upload_size, database, database_password,
        registration_enable, registration_verification, recaptcha_public_key, ip_range_blacklist, ip_range_whitelist,
        trusted_key_servers, rate_limits, report_stats, registrations, settings.
    type: dict
    required: true
  pid_file:
    description:
      - Where Synapse writes the number of its process.
    type: str
    required: true
  log_config:
    description:
      - Where the configuration of its log lies.
    type: str
    required: true
  secrets:
    description:
      - Directory of the secrets that were made for it.
    type: str
    required: true
  sqlite:
    description:
      - Where the database lies, unless O(_input) names another one.
    type: str
    required: true
  passfile:
    description:
      - Where the password of a PostgreSQL database lies, if one is given.
    type: str
    required: true
"""

EXAMPLES = r"""
---
- name: What an option decides, and what only the settings say
  ansible.builtin.assert:
    that:
      - homeserver.report_stats is false
      - homeserver.listeners[0].path == '/var/run/matrix-synapse/synapse.sock'
      - homeserver.database.args.database == '/mnt/synapse/homeserver.db'
      - homeserver.database.args.cp_max == 5
  vars:
    homeserver: >-
      {{ options | potluck.matrix.homeserver_config(pid_file='/var/run/synapse.pid',
                                                    log_config='/usr/local/etc/log.yaml',
                                                    secrets='/mnt/synapse/secrets', sqlite='/mnt/synapse/homeserver.db',
                                                    passfile='/usr/local/etc/pass') }}
    options:
      server_name: example.com
      public_baseurl: https://example.com/
      admin_contact: admin@example.com
      data_directory: /mnt/synapse
      media_directory: /mnt/media
      socket: /var/run/matrix-synapse/synapse.sock
      metrics_address: 10.0.0.5
      metrics_port: 9109
      max_upload_size: 50M
      database: {}
      database_password: ""
      registration_enable: false
      registration_verification: ""
      recaptcha_public_key: ""
      ip_range_blacklist: []
      ip_range_whitelist: []
      trusted_key_servers: [matrix.org]
      rate_limits: {}
      report_stats: false
      registrations: []
      settings: {database: {args: {cp_max: 5}}}
"""

RETURN = r"""
_value:
  description: The settings.
  type: dict
"""

from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration import synapse
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.options import configured


def homeserver_config_filter(options, pid_file, log_config, secrets, sqlite, passfile):
    """Compute Synapse's homeserver.yaml."""
    return configured(synapse.homeserver, "synapse_", options, pid_file, log_config, secrets, sqlite, passfile)


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"homeserver_config": homeserver_config_filter}
