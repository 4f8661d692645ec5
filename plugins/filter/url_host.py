# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: url_host
short_description: Write a host as it stands in a URL
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Puts an IPv6 address into brackets, as it has to stand in a URL and before a port. Host names and IPv4 addresses
    stay as they are.
options:
  _input:
    description:
      - The host.
    type: str
    required: true
"""

EXAMPLES = r"""
---
- name: An IPv6 address needs brackets
  ansible.builtin.assert:
    that: "'2001:db8::5' | potluck.matrix.url_host == '[2001:db8::5]'"

- name: A name does not, and each host of a list is written for itself
  ansible.builtin.assert:
    that: "['ldap.example.com', '::1'] | map('potluck.matrix.url_host') == ['ldap.example.com', '[::1]']"
"""

RETURN = r"""
_value:
  description: The host.
  type: str
"""

from ansible.errors import AnsibleFilterError
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.network import url_host


def url_host_filter(value):
    """Write a host as it stands in a URL."""
    try:
        return url_host(value)
    except ValueError as error:
        raise AnsibleFilterError(f"The host {error}; write for example 2001:db8::5.") from error


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"url_host": url_host_filter}
