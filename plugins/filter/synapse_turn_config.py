# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: synapse_turn_config
short_description: Compute what Synapse is told about a TURN server
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Makes of the options of role C(coturn) the settings by which Synapse names a TURN server to clients. They hold the
    secret of a server elsewhere.
  - What is lazy or in a vault comes back as plain text.
options:
  _input:
    description:
      - The options that decide, named without C(coturn_) - server, host, port, tls_port, user_lifetime - and
        secret_file, the file with the secret of the pot's own server, and tls, whether that speaks TLS.
    type: dict
    required: true
"""

EXAMPLES = r"""
---
- name: A server elsewhere
  ansible.builtin.assert:
    that: (turn | potluck.matrix.synapse_turn_config).turn_uris == ['turn:turn.example.com?transport=udp']
  vars:
    turn:
      server: {uris: ["turn:turn.example.com?transport=udp"], secret: secret-word}
      user_lifetime: 1h
"""

RETURN = r"""
_value:
  description: The settings.
  type: dict
"""

from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration import turn
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.options import configured


def synapse_turn_config_filter(options):
    """Compute what Synapse is told about a TURN server."""
    return configured(turn.synapse, "coturn_", options)


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"synapse_turn_config": synapse_turn_config_filter}
