#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: ldap_bind_info
short_description: Prove that a directory, its TLS, a bind account and a search base are right
version_added: 0.1.0
description:
  - Does what Synapse's LDAP module does at a login, up to the user's own password - connect, StartTLS, bind, search -
    and fails with one sentence that names the first part that is wrong.
  - Changes nothing.
author:
  - potluck.matrix contributors (@potluck)
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: none
    details: The module changes nothing.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
requirements:
  - ldap3 (FreeBSD package C(py311-ldap3), which C(py311-matrix-synapse-ldap3) brings)
options:
  uris:
    description:
      - Directory servers, each as C(ldap://host:port) or C(ldaps://host:port). The first that accepts a connection is used.
    type: list
    elements: str
    required: true
  start_tls:
    description: Switch to TLS before the bind.
    type: bool
    default: false
  ca_file:
    description: CA certificates (PEM, on the managed node) that the server's certificate must chain to. Without it, the system's.
    type: path
  validate_certs:
    description: Verify the server's certificate.
    type: bool
    default: true
  bind_dn:
    description: DN of the account to bind with. Empty for an anonymous bind.
    type: str
    default: ""
  bind_password:
    description: Password of O(bind_dn).
    type: str
  base:
    description: DN below which users are searched.
    type: str
    required: true
  filter:
    description: Filter that a user's entry must match, in parentheses.
    type: str
    default: (objectClass=*)
  timeout:
    description: Seconds to wait for a connection and for each answer.
    type: int
    default: 5
"""

EXAMPLES = r"""
- name: Prove the directory that logins will use
  potluck.matrix.ldap_bind_info:
    uris: ["ldap://ldap.example.com:389"]
    start_tls: true
    ca_file: /usr/local/etc/ssl/ldap-ca.pem
    bind_dn: cn=Manager,dc=example,dc=com
    bind_password: "{{ ldap_password }}"
    base: ou=People,dc=example,dc=com
    filter: (objectClass=posixAccount)
"""

RETURN = r"""
uri:
  description: The server that answered.
  type: str
  returned: success
  sample: ldap://ldap.example.com:389
users_found:
  description: Whether at least one entry below the base matches the filter.
  type: bool
  returned: success
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.potluck.matrix.plugins.module_utils import _ldap_bind


def main():
    module = AnsibleModule(argument_spec=_ldap_bind.ARGUMENTS, supports_check_mode=True)
    if _ldap_bind.LDAP3_ERROR:
        module.fail_json(msg=missing_required_lib("ldap3"), exception=_ldap_bind.LDAP3_ERROR)
    try:
        uri, found = _ldap_bind.prove(module.params)
    except _ldap_bind.Refusal as refusal:
        module.fail_json(msg=str(refusal), part=refusal.part)
    module.exit_json(changed=False, uri=uri, users_found=found)


if __name__ == "__main__":
    main()
