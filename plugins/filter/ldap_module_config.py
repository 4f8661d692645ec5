# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: ldap_module_config
short_description: Compute the configuration of Synapse's LDAP module
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Makes of the options of role C(ldap_auth) the C(config) of the module C(ldap_auth_provider.LdapAuthProviderModule).
  - What is lazy or in a vault comes back as plain text.
options:
  _input:
    description:
      - The options that decide, named without C(ldap_auth_) - mode, tls, validate_certs, ca_file, servers (a list),
        base, filter, bind_dn, attribute_uid, attribute_mail, attribute_name, active_directory, default_domain,
        proxy_address, proxy_port.
    type: dict
    required: true
  authority:
    description:
      - Where the certificate of the directory's CA lies, if one is given.
    type: str
    required: true
  password_file:
    description:
      - Where the password of the bind account lies.
    type: str
    required: true
"""

EXAMPLES = r"""
---
- name: The module asks the proxy, and the certificate has to be the directory's
  ansible.builtin.assert:
    that:
      - config.uri == 'ldap://[::1]:3890'
      - config.tls_options.valid_names == ['ldap.example.com']
  vars:
    config: >-
      {{ options | potluck.matrix.ldap_module_config(authority='/usr/local/etc/ca.pem',
                                                     password_file='/usr/local/etc/word') }}
    options:
      mode: search
      tls: starttls
      validate_certs: true
      ca_file: ""
      servers: [ldap.example.com]
      base: ou=People,dc=example,dc=com
      filter: (objectClass=posixAccount)
      bind_dn: cn=reader,dc=example,dc=com
      attribute_uid: uid
      attribute_mail: mail
      attribute_name: givenName
      active_directory: false
      default_domain: ""
      proxy_address: "::1"
      proxy_port: 3890
"""

RETURN = r"""
_value:
  description: The configuration.
  type: dict
"""

from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration import ldap
from ansible_collections.potluck.matrix.plugins.plugin_utils._configuration.options import configured


def ldap_module_config_filter(options, authority, password_file):
    """Compute the configuration of Synapse's LDAP module."""
    return configured(ldap.module_config, "ldap_auth_", options, authority, password_file)


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"ldap_module_config": ldap_module_config_filter}
