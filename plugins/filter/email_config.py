# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: email_config
short_description: Compute how Synapse sends mail
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Makes of the options of role C(synapse) the setting C(email) that Synapse reads. It holds the password. It is empty
    without a mail server.
  - What is lazy or in a vault comes back as plain text.
options:
  _input:
    description:
      - The options that decide, named without C(synapse_) - smtp_host, smtp_port, smtp_tls, smtp_tls_name, smtp_user,
        smtp_password, smtp_from, smtp_notifications, mail_app_name, mail_client_url, mail_subjects.
    type: dict
    required: true
"""

EXAMPLES = r"""
---
- name: TLS from the first byte
  ansible.builtin.assert:
    that: (mail | potluck.matrix.email_config).email.force_tls
  vars:
    mail:
      smtp_host: mail.example.com
      smtp_port: 465
      smtp_tls: implicit
      smtp_tls_name: ""
      smtp_user: matrix
      smtp_password: secret-word
      smtp_from: Example's Matrix <matrix@example.com>
      smtp_notifications: false
      mail_app_name: ""
      mail_client_url: ""
      mail_subjects: {}
"""

RETURN = r"""
_value:
  description: The setting, below the key C(email).
  type: dict
"""

from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration import synapse
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.options import configured


def email_config_filter(options):
    """Compute how Synapse sends mail."""
    return configured(synapse.email, "synapse_", options)


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"email_config": email_config_filter}
