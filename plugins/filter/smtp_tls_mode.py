# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: smtp_tls_mode
short_description: Tell which TLS mode a mail server's port asks for
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Names what a client does on port 25, 465 or 587 of a mail server unless it is told.
options:
  _input:
    description:
      - The port, as a number or its digits.
    type: raw
    required: true
"""

EXAMPLES = r"""
---
- name: TLS from the first byte
  ansible.builtin.assert:
    that: "465 | potluck.matrix.smtp_tls_mode == 'implicit'"

- name: STARTTLS, and no mail without it
  ansible.builtin.assert:
    that: "'587' | potluck.matrix.smtp_tls_mode == 'starttls_required'"
"""

RETURN = r"""
_value:
  description:
    - V(starttls) for 25, which means STARTTLS if the server offers it.
    - V(implicit) for 465, which means TLS from the first byte.
    - V(starttls_required) for 587, which means STARTTLS or no mail.
    - Empty for every other port, on which a client has to be told.
  type: str
"""

from ansible_collections.potluck.matrix.plugins.module_utils._matrix.mail import tls_mode


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"smtp_tls_mode": tls_mode}
