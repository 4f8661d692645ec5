# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: consul_config
short_description: Compute the Consul agent's configuration
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Makes of the options of role C(consul_agent) what the agent reads. It holds the gossip key and the token.
  - The free-form C(settings) are merged over what the other options make, dictionaries in them as well; of lists,
    theirs count.
  - What is lazy or in a vault comes back as plain text.
options:
  _input:
    description:
      - The options that decide, named without C(consul_agent_) - datacenter, node_name, servers (a list), gossip_key,
        bind_address, advertise_address, data_directory, dns, acl_token, ca_file, certificate_file,
        verify_server_hostname, services, settings.
    type: dict
    required: true
  version:
    description:
      - Version of the package, on which the place of the TLS settings depends. Looked at only with a CA.
    type: str
    required: true
  directory:
    description:
      - Where the configuration lies, its certificates in C(tls) below.
    type: str
    required: true
  socket:
    description:
      - Socket at which the agent answers in HTTP.
    type: str
    required: true
  dns_port:
    description:
      - Port at which it answers in DNS, if it is asked to.
    type: int
    required: true
"""

EXAMPLES = r"""
---
- name: An agent without TLS
  ansible.builtin.assert:
    that:
      - agent.retry_join == ['10.0.0.2']
      - agent.telemetry.disable_hostname and agent.telemetry.prometheus_retention_time == '48h'
      - "'tls' not in agent"
  vars:
    agent: >-
      {{ options | potluck.matrix.consul_config(version='1.20.2', directory='/usr/local/etc/consul.d',
                                                socket='/var/run/consul/http.sock', dns_port=8600) }}
    options:
      datacenter: dc1
      node_name: matrix1
      servers: [10.0.0.2]
      gossip_key: "{{ '0123456789abcdef0123456789abcdef' | b64encode }}"
      bind_address: 10.0.0.5
      advertise_address: 10.0.0.5
      data_directory: /mnt/consul
      dns: false
      acl_token: ""
      ca_file: ""
      certificate_file: ""
      verify_server_hostname: true
      services: []
      settings: {telemetry: {prometheus_retention_time: 48h}}
"""

RETURN = r"""
_value:
  description: The configuration.
  type: dict
"""

from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration import consul
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.options import configured


def consul_config_filter(options, version, directory, socket, dns_port):
    """Compute the Consul agent's configuration."""
    return configured(consul.agent, "consul_agent_", options, version, directory, socket, dns_port)


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"consul_config": consul_config_filter}
