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
  valid_names:
    description: Host names of which the server's certificate must carry one, besides the one in O(uris).
    type: list
    elements: str
    default: []
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

import ssl
import traceback

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import ldap3
    from ldap3.core import exceptions as ldap_errors

    LDAP3_ERROR = None
except ImportError:
    LDAP3_ERROR = traceback.format_exc()


class Refusal(Exception):
    """One sentence about the part that is wrong. ``part`` is one of directory, tls, credentials, base, filter."""

    def __init__(self, part, sentence):
        super().__init__(sentence)
        self.part = part


def connect(uri, params):
    """Return an unbound ldap3 connection to ``uri``, with TLS on when asked for; raise Refusal."""
    tls = ldap3.Tls(
        validate=ssl.CERT_REQUIRED if params["validate_certs"] else ssl.CERT_NONE,
        ca_certs_file=params["ca_file"],
        valid_names=params["valid_names"] or None,
    )
    server = ldap3.Server(uri, get_info=None, tls=tls, connect_timeout=params["timeout"])
    connection = ldap3.Connection(
        server,
        user=params["bind_dn"] or None,
        password=params["bind_password"] if params["bind_dn"] else None,
        authentication=ldap3.SIMPLE if params["bind_dn"] else ldap3.ANONYMOUS,
        read_only=True,
        receive_timeout=params["timeout"],
    )
    try:
        connection.open()
    except ldap_errors.LDAPExceptionError as error:
        text = str(error)
        if "certificate" in text.lower() or "ssl" in text.lower():
            raise Refusal("tls", "TLS with %s failed: %s" % (uri, text)) from error
        raise Refusal("directory", "the directory %s cannot be reached: %s" % (uri, text)) from error
    if params["start_tls"]:
        try:
            accepted = connection.start_tls()
        except ldap_errors.LDAPExceptionError as error:
            # A server that closes the connection at once is a proxy without a living server behind it.
            if isinstance(error, (ldap_errors.LDAPCommunicationError,)) and "certificate" not in str(error).lower():
                raise Refusal("directory", "the directory %s does not answer: %s" % (uri, error)) from error
            raise Refusal("tls", "StartTLS with %s failed: %s" % (uri, error)) from error
        if not accepted:
            raise Refusal("tls", "%s refuses StartTLS: %s" % (uri, connection.result.get("description")))
    return connection


def prove(connection, uri, params):
    """Bind and search; return whether a user was found; raise Refusal."""
    who = params["bind_dn"] or "anonymous"
    try:
        bound = connection.bind()
    except ldap_errors.LDAPExceptionError as error:
        raise Refusal("directory", "the directory %s does not answer a bind: %s" % (uri, error)) from error
    if not bound:
        raise Refusal("credentials", "%s refuses the bind as %s (%s): the DN or its password is wrong"
                      % (uri, who, connection.result.get("description")))
    try:
        connection.search(params["base"], params["filter"], search_scope=ldap3.SUBTREE, attributes=["1.1"], size_limit=1)
    except ldap_errors.LDAPInvalidFilterError as error:
        raise Refusal("filter", "the filter %s is malformed, a good one is (objectClass=posixAccount)" % params["filter"]) from error
    except ldap_errors.LDAPExceptionError as error:
        raise Refusal("base", "the search below %s failed: %s" % (params["base"], error)) from error
    code = connection.result.get("result")
    if code == 32:
        raise Refusal("base", "%s has no entry %s: the search base is wrong" % (uri, params["base"]))
    # 4 is sizeLimitExceeded: there is more than the one entry asked for.
    if code not in (0, 4):
        raise Refusal("base", "the search below %s failed: %s" % (params["base"], connection.result.get("description")))
    return bool(connection.response)


def main():
    module = AnsibleModule(
        argument_spec=dict(
            uris=dict(type="list", elements="str", required=True),
            start_tls=dict(type="bool", default=False),
            ca_file=dict(type="path"),
            validate_certs=dict(type="bool", default=True),
            valid_names=dict(type="list", elements="str", default=[]),
            bind_dn=dict(type="str", default=""),
            bind_password=dict(type="str", no_log=True),
            base=dict(type="str", required=True),
            filter=dict(type="str", default="(objectClass=*)"),
            timeout=dict(type="int", default=5),
        ),
        supports_check_mode=True,
    )
    if LDAP3_ERROR:
        module.fail_json(msg=missing_required_lib("ldap3"), exception=LDAP3_ERROR)
    refusal = Refusal("directory", "no directory server is given")
    for uri in module.params["uris"]:
        try:
            connection = connect(uri, module.params)
            try:
                found = prove(connection, uri, module.params)
            finally:
                connection.unbind()
            module.exit_json(changed=False, uri=uri, users_found=found)
        except Refusal as error:
            refusal = error
            # The next server would refuse the same account, base or filter too.
            if error.part not in ("directory", "tls"):
                break
    module.fail_json(msg=str(refusal), part=refusal.part)


if __name__ == "__main__":
    main()
