# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: divided_settings
short_description: Divide Synapse's settings into what a diff may show and the rest
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Shown is what is known to hold no secret, by the name of the setting, and what cannot hold one, such as a number.
    Whatever else a setting says, it is not shown.
options:
  _input:
    description:
      - The settings, by name.
    type: dict
    required: true
"""

EXAMPLES = r"""
---
- name: A key of a storage provider is not shown, a limit is
  ansible.builtin.assert:
    that:
      - "divided.shown == {'server_name': 'example.com', 'rc_login': {'address': {'per_second': 1}}}"
      - divided.hidden.keys() | list == ['media_storage_providers']
  vars:
    divided: >-
      {{ {'server_name': 'example.com', 'rc_login': {'address': {'per_second': 1}},
          'media_storage_providers': [{'config': {'secret_access_key': 'x'}}]} | potluck.matrix.divided_settings }}
"""

RETURN = r"""
_value:
  description: The settings C(shown) and C(hidden).
  type: dict
"""

from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.harmless import divided


def divided_settings_filter(settings):
    """Divide Synapse's settings into what a diff may show and the rest."""
    shown, hidden = divided(settings)
    return {"shown": shown, "hidden": hidden}


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"divided_settings": divided_settings_filter}
