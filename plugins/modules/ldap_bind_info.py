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
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.info_module
  - potluck.matrix.sentences
requirements:
  - ldap3 (FreeBSD package C(py311-ldap3), which C(py311-matrix-synapse-ldap3) brings)
options:
  uris:
    description:
      - Directory servers, each as C(ldap://host:port) or C(ldaps://host:port). The first that accepts a connection is
        used.
    type: list
    elements: str
    required: true
  start_tls:
    description: Switch to TLS before the bind.
    type: bool
    default: false
  ca_file:
    description: CA certificates (PEM, on the managed node) that the server's certificate must chain to. Without it, the
      system's.
    type: path
  ca_certificates:
    description: The same certificates as text, for a proof before there is a file.
    type: str
  validate_certs:
    description: Verify the server's certificate.
    type: bool
    default: true
  valid_names:
    description: Names of which the certificate has to have one, besides the one in the URI.
    type: list
    elements: str
  login:
    description: Bind and search. Without it only the connection and its TLS are proven.
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
  proxy:
    description:
      - Configuration of nginx for a TCP proxy in front of the directory. If given, nginx is run with it for a moment,
        and everything is proven a second time through it.
      - It says C(@PORT@) where it listens at O(proxy_address), and C(@DIRECTORY@) for the directory of its own files.
    type: str
  proxy_address:
    description: Address that the proxy listens at.
    type: str
    default: 127.0.0.1
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
  description: Whether at least one entry below the base matches the filter; V(null) without O(login).
  type: bool
  returned: success
  sample: true
part:
  description: What is wrong - V(directory), V(tls), V(credentials), V(base), V(filter) or V(proxy).
  type: str
  returned: failure
  sample: credentials
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence, in_words_of
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import ldap_bind, short_secrets


def main():
    module = AnsibleModule(
        argument_spec={**ldap_bind.ARGUMENTS, "sentences": {"type": "dict", "default": {}}},
        mutually_exclusive=[("ca_file", "ca_certificates")],
        supports_check_mode=True,
    )
    short_secrets.spare_short(module)
    told = {"invocation": short_secrets.shown(module)}
    if ldap_bind.LDAP3_ERROR:
        module.fail_json(msg=missing_required_lib("ldap3"), exception=ldap_bind.LDAP3_ERROR, **told)
    problem = part = None
    try:
        uri, found = ldap_bind.prove(module.params)
    except Sentence as refusal:
        problem, part = str(refusal), refusal.part
    if problem:  # said outside of the handler, where it would be taken for a crash
        module.fail_json(msg=in_words_of(module.params["sentences"], part, problem), part=part, **told)
    module.exit_json(changed=False, uri=uri, users_found=found, **told)


if __name__ == "__main__":
    main()
