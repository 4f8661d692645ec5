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
  - Runs a list of checks where the task runs (in the pot, on its host, or with C(delegate_to) on the controller) and
    returns one result for each. A check that fails does not fail the task and does not keep the others from running.
  - Changes nothing.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.info_module
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
          - The parts are C(server), C(tls) and C(credentials) with O(checks[].kind=smtp), and C(directory), C(tls),
            C(credentials), C(base) and C(filter) with O(checks[].kind=ldap). V(turn) has
            those of V(smtp).
        type: dict
      tag:
        description:
          - The tag with which the playbook C(site) puts right what is checked.
        type: str
        default: ""
      requires:
        description:
          - Names of checks, before this one in the list or in O(broken), without which this one cannot pass. When one
            of them fails, this one is skipped, so that only the cause is reported.
        type: list
        elements: str
      kind:
        description:
          - V(service) - the rc service O(checks[].target) runs.
          - V(mount) - the directory O(checks[].target) is on another file system than its parent.
          - V(space) - the file system of O(checks[].target) has O(checks[].free) percent of its room left. With less
            than O(checks[].warn) percent the message begins with C(warning).
          - V(file) - the file O(checks[].target) exists, with O(checks[].mode) when given.
          - V(http) - O(checks[].target) is a URL that answers with O(checks[].status) and O(checks[].body).
          - V(tcp) - O(checks[].target) is C(host:port) or C(unix:/path), or several with blanks between them, of which
            one accepts a connection, or each with O(checks[].every); with O(checks[].body) its greeting matches.
            C(:port) alone is one of each O(checks[].address).
          - V(closed) - O(checks[].target) is C(host:port), or C(:port) as above, and does not accept a connection.
          - V(certificate) - the TLS server C(host:port) shows a trusted certificate for O(checks[].server_name) that is
            valid for another O(checks[].days) days.
          - V(smtp) - the mail server C(host:port) accepts a session with the TLS mode O(checks[].tls) and the login
            given.
          - V(ldap) - as M(potluck.matrix.ldap_bind_info), with its options in O(checks[].ldap).
          - V(delegation) - the web site of the domain O(checks[].target) serves well-known documents of Matrix that say
            what O(checks[].documents) says. It is asked at the address that the name has, with redirects, and those of
            O(checks[].ca_file) are trusted beside the system's.
          - V(turn) - each URI of TURN in O(checks[].target), with blanks between them, gives a client with credentials,
            which are made of the secret in O(checks[].password) or O(checks[].secret_file), an address, and takes it
            back. Without a secret it has to ask for credentials, for the realm O(checks[].body).
          - V(database) - the PostgreSQL that Synapse's configuration in the directory O(checks[].target) names answers
            the interpreter O(checks[].argv), run as the account O(checks[].run_as).
          - V(command) - the command O(checks[].argv) ends with 0 and prints what O(checks[].body) matches.
        type: str
        required: true
        choices:
          - service
          - mount
          - space
          - file
          - command
          - http
          - tcp
          - closed
          - certificate
          - smtp
          - ldap
          - delegation
          - turn
          - database
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
      run_as:
        description: Account that the command runs as, with no group but its own; the module's unless given.
        type: str
      address:
        description: Connect to these addresses, each of them, instead of the one that the name resolves to; as
          O(address) unless given.
        type: list
        elements: str
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
      free:
        description: Percent of a file system that have to be free.
        type: int
        default: 0
      warn:
        description: Percent of a file system below which its free room is worth a warning.
        type: int
        default: 0
      tls:
        description:
          - TLS mode of the mail server, whose certificate is for O(checks[].server_name), or for its name when that is
            empty.
          - V(none) is without TLS, V(starttls) with STARTTLS if the server offers it, V(starttls_required) whatever it
            offers, V(implicit) with TLS from the first byte.
        type: str
        choices: [none, starttls, starttls_required, implicit]
        default: starttls
      user:
        description: Login at the mail server or HTTP server.
        type: str
      password:
        description: Password of O(checks[].user), or the secret that a TURN server shares with others.
        type: str
      ldap:
        description: Options of M(potluck.matrix.ldap_bind_info).
        type: dict
      every:
        description: Whether each of several targets has to accept a connection.
        type: bool
        default: false
      documents:
        description: What the documents C(server) and C(client) of a domain have to hold, each a dictionary.
        type: dict
      secret_file:
        description: File that holds the secret of a TURN server, in the place of O(checks[].password).
        type: path
      shown:
        description: File whose first certificate a TURN server has to show where TLS is spoken.
        type: path
      advisory:
        description: What is wrong makes the check pass, with a message that begins with C(warning).
        type: bool
        default: false
      remedy:
        description: What to do when something is wrong, for the result.
        type: dict
  pots:
    description: Names of pots of this host, of which O(checks) says nothing and which are returned as RV(pots).
    type: list
    elements: str
    default: []
  address:
    description: For checks that give none - connect to these addresses, each of them, instead of the one that the name
      resolves to.
    type: list
    elements: str
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
    description: Seconds that one question over the network may take. What runs on the host itself is waited for.
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
    tag:
      description: The tag with which the playbook C(site) puts it right.
      type: str
    ok:
      description: Whether the check passed.
      type: bool
    message:
      description: What was found, in one sentence.
      type: str
    remedy:
      description: O(checks[].remedy), when something is wrong.
      type: dict
      returned: when something is wrong
  sample:
    - {name: Synapse answers clients, variable: matrix_domain, tag: reverse_proxy, ok: true, skipped: false,
      message: https://example.com answers 200}
broken:
  description: Names of the checks that failed or were skipped.
  type: list
  elements: str
  returned: always
  sample: []
pots:
  description: What M(potluck.matrix.pot_info) returns of O(pots).
  type: list
  elements: dict
  returned: always
  sample: []
failures:
  description: One sentence for each check that failed, with the variable to look at, and what mends it.
  type: list
  elements: str
  returned: always
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._probe import checks as probe


def main():
    module = AnsibleModule(
        argument_spec={
            "checks": {"type": "list", "elements": "dict", "required": True, "options": probe.CHECK},
            "pots": {"type": "list", "elements": "str", "default": []},
            "address": {"type": "list", "elements": "str"},
            "ca_file": {"type": "path"},
            "verify": {"type": "bool", "default": True},
            "broken": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 10},
            "attempts": {"type": "int", "default": 1},
        },
        supports_check_mode=True,
        # Headers, environments and the account of a directory would go to the system's log.
        no_log=True,
    )
    params = module.params
    checks = [probe.with_defaults(check, params) for check in probe.taken(module, "checks")]
    pots = []
    if params["pots"]:
        # Of use on the host alone.
        from ansible_collections.potluck.matrix.plugins.module_utils._pot.facts import look

        try:
            pots = look(params["pots"])
        except Sentence as error:
            module.fail_json(msg=str(error))
    results = probe.run_all(checks, params["timeout"], params["attempts"], Runner(), params["broken"])
    module.exit_json(
        changed=False,
        results=results,
        pots=pots,
        broken=[result["name"] for result in results if not result["ok"]],
        failures=probe.failures(results),
    )


if __name__ == "__main__":
    main()
