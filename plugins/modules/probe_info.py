#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: probe_info
short_description: Check many parts of a server in one call
version_added: 0.1.0
description:
  - Runs a list of checks where the task runs (in the jail, on its machine, or with C(delegate_to) on the controller) and returns
    one result for each. A check that fails does not fail the task and does not keep the others from running.
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
options:
  checks:
    description: The checks, in the order in which their results are wanted.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What is checked, in the words of the report.
        type: str
        required: true
      variable:
        description: The inventory variable to look at when the check fails.
        type: str
        default: ""
      variables:
        description:
          - Variables to look at instead of O(checks[].variable) when a certain part fails.
          - The parts are C(server), C(tls) and C(credentials) with O(checks[].kind=smtp), and C(directory), C(tls), C(credentials), C(base)
            and C(filter) with O(checks[].kind=ldap).
        type: dict
      requires:
        description:
          - Names of checks, before this one in the list or in O(broken), without which this one cannot pass. When one of them fails,
            this one is skipped, so that only the cause is reported.
        type: list
        elements: str
      kind:
        description:
          - V(service) - the rc service O(checks[].target) runs.
          - V(mount) - the directory O(checks[].target) is on another file system than its parent.
          - V(file) - the file O(checks[].target) exists, with O(checks[].mode) when given.
          - V(http) - O(checks[].target) is a URL that answers with O(checks[].status) and O(checks[].body).
          - V(tcp) - O(checks[].target) is C(host:port), or several with blanks between them, of which one accepts a connection;
            with O(checks[].body) its greeting matches.
          - V(closed) - O(checks[].target) is C(host:port) and does not accept a connection.
          - V(certificate) - the TLS server C(host:port) shows a trusted certificate for O(checks[].server_name) that is valid for
            another O(checks[].days) days.
          - V(smtp) - the mail server C(host:port) accepts a session with the TLS mode O(checks[].tls) and the login given.
          - V(ldap) - as M(potluck.matrix.ldap_bind_info), with its options in O(checks[].ldap).
          - V(command) - the command O(checks[].argv) ends with 0 and prints what O(checks[].body) matches.
        type: str
        required: true
        choices: [service, mount, file, http, tcp, closed, certificate, smtp, ldap, command]
      target:
        description: See O(checks[].kind).
        type: str
      argv:
        description: Command with its arguments.
        type: list
        elements: str
      environment:
        description: Environment variables of the command.
        type: dict
      address:
        description: Connect to this address instead of the one that the name resolves to; as O(address) unless given.
        type: str
      socket:
        description: Send the HTTP request through this unix socket.
        type: path
      headers:
        description: HTTP headers.
        type: dict
      status:
        description: The HTTP status that is right.
        type: list
        elements: int
        default: [200]
      body:
        description: Regular expression that the answer must match.
        type: str
      mode:
        description: Permissions of the file, for example V("0640").
        type: str
      server_name:
        description: Name that the certificate must carry.
        type: str
      ca_file:
        description: CA certificates to trust instead of the system's; as O(ca_file) unless given.
        type: path
      verify:
        description: Verify TLS certificates; as O(verify) unless given.
        type: bool
      days:
        description: Days for which the certificate must stay valid.
        type: int
        default: 0
      tls:
        description: TLS mode of the mail server.
        type: str
        choices: [opportunistic, starttls, implicit]
        default: opportunistic
      user:
        description: Login at the mail server or HTTP server.
        type: str
      password:
        description: Password of O(checks[].user).
        type: str
      ldap:
        description: Options of M(potluck.matrix.ldap_bind_info).
        type: dict
  address:
    description: For checks that give none - connect to this address instead of the one that the name resolves to.
    type: str
  ca_file:
    description: For checks that give none - CA certificates to trust instead of the system's.
    type: path
  verify:
    description: For checks that do not say - verify TLS certificates.
    type: bool
    default: true
  broken:
    description: Names of checks that failed or were skipped in an earlier call.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds that one question over the network may take. What runs on the machine itself is waited for.
    type: int
    default: 10
  attempts:
    description: How often failing checks are tried, a second apart, before they count as failed.
    type: int
    default: 1
"""

EXAMPLES = r"""
- name: Look at the homeserver from the controller
  potluck.matrix.probe_info:
    address: 10.0.0.5
    checks:
      - name: Synapse answers clients
        variable: matrix_domain
        kind: http
        target: https://example.com/_matrix/client/versions
        body: '"versions"'
      - name: Synapse is not reachable without the proxy
        kind: closed
        target: 10.0.0.5:8008
  delegate_to: localhost
"""

RETURN = r"""
results:
  description: One result for each check, in their order.
  type: list
  elements: dict
  returned: always
  contains:
    name:
      description: The name of the check.
      type: str
    variable:
      description: The variable to look at.
      type: str
    ok:
      description: Whether the check passed.
      type: bool
    message:
      description: What was found, in one sentence.
      type: str
  sample:
    - {name: Synapse answers clients, variable: matrix_domain, ok: true, skipped: false, message: https://example.com answers 200}
broken:
  description: Names of the checks that failed or were skipped.
  type: list
  elements: str
  returned: always
  sample: []
failures:
  description: One sentence for each check that failed, with the variable to look at.
  type: list
  elements: str
  returned: always
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils import _probe


def main():
    check = dict(
        name=dict(type="str", required=True),
        variable=dict(type="str", default=""),
        variables=dict(type="dict"),
        requires=dict(type="list", elements="str"),
        kind=dict(type="str", required=True, choices=list(_probe.KINDS)),
        target=dict(type="str"),
        argv=dict(type="list", elements="str"),
        environment=dict(type="dict"),
        address=dict(type="str"),
        socket=dict(type="path"),
        headers=dict(type="dict"),
        status=dict(type="list", elements="int", default=[200]),
        body=dict(type="str"),
        mode=dict(type="str"),
        server_name=dict(type="str"),
        ca_file=dict(type="path"),
        verify=dict(type="bool"),
        days=dict(type="int", default=0),
        tls=dict(type="str", choices=["opportunistic", "starttls", "implicit"], default="opportunistic"),
        user=dict(type="str"),
        password=dict(type="str", no_log=True),
        ldap=dict(type="dict"),
    )
    module = AnsibleModule(
        argument_spec=dict(
            checks=dict(type="list", elements="dict", required=True, options=check),
            address=dict(type="str"),
            ca_file=dict(type="path"),
            verify=dict(type="bool", default=True),
            broken=dict(type="list", elements="str", default=[]),
            timeout=dict(type="int", default=10),
            attempts=dict(type="int", default=1),
        ),
        supports_check_mode=True,
        # Headers, environments and the account of a directory would go to the system's log.
        no_log=True,
    )
    params = module.params
    checks = [_probe.with_defaults(check, params) for check in params["checks"]]
    results = _probe.run_all(checks, params["timeout"], params["attempts"], module.run_command, params["broken"])
    module.exit_json(
        changed=False,
        results=results,
        broken=[result["name"] for result in results if not result["ok"]],
        failures=[_probe.advice(result) for result in results if not result["ok"] and not result["skipped"]],
    )


if __name__ == "__main__":
    main()
