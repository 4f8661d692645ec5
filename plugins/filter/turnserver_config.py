# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: turnserver_config
short_description: Compute the configuration of turnserver
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Makes of the options of role C(coturn) the lines of C(turnserver.conf), but for the one with the secret.
  - Denied as peers are all private addresses, those that mean many hosts, and the server's own, but for those of
    C(allowed_peers).
options:
  _input:
    description:
      - The options that decide, named without C(coturn_) - listen_address, which may be a list, external_ip, port,
        tls_port, relay_ports, realm, user_quota, allowed_peers - and log, pid_file, database, certificate, key, which
        are paths; without TLS the last two are empty.
    type: dict
    required: true
"""

EXAMPLES = r"""
---
- name: A server behind NAT, without TLS
  ansible.builtin.assert:
    that: "'external-ip=203.0.113.7/10.0.0.5' in server | potluck.matrix.turnserver_config"
  vars:
    server:
      listen_address: 10.0.0.5
      external_ip: 203.0.113.7
      port: 3478
      tls_port: 5349
      relay_ports: 49152-50175
      realm: example.com
      user_quota: 12
      allowed_peers: []
      certificate: ""
      key: ""
      log: /var/log/turnserver/turnserver.log
      pid_file: /var/db/turnserver/turnserver.pid
      database: /var/db/turnserver/turndb
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""

from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration import turn
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.options import configured


def turnserver_config_filter(options):
    """Compute the configuration of turnserver."""
    return configured(turn.turnserver, "coturn_", options)


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"turnserver_config": turnserver_config_filter}
