#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: homeserver_proof
short_description: Prove that a Synapse homeserver does what people use it for
version_added: 0.2.0
description:
  - Logs an account in that is made for that alone, sends a message and reads it back, uploads a file and downloads it,
    and compares the key that the homeserver signs with. It works whatever people log in with and whether or not
    registration is open.
  - Afterwards the room, the file and the account are removed, and those that a run left which was cut off. Of each
    account its name stays, C(potluck-proof-) and twelve digits, deactivated and erased, since Synapse never frees a
    name. Where the server puts new accounts into rooms (C(auto_join_rooms)), those see it come and go.
  - Run it where Synapse's socket is. The path C(/_synapse/admin) must be reachable there.
  - It reports no change, as it leaves none that people see.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
attributes:
  check_mode:
    support: none
    details: Nothing can be proven without doing it; in check mode nothing is done.
  diff_mode:
    support: none
    details: There is nothing to show.
  idempotent:
    support: full
options:
  shared_secret_path:
    description:
      - File on the target with the server's C(registration_shared_secret).
    type: path
    required: true
  socket:
    description:
      - Unix socket of Synapse's client listener.
    type: path
    default: /var/run/matrix-synapse/synapse.sock
  server_name:
    description:
      - Name that the homeserver has to call itself.
    type: str
    required: true
  key:
    description:
      - The key that it has to sign with, as RV(key) of an earlier proof. Empty for any.
    type: str
    default: ""
  timeout:
    description:
      - Seconds in which the homeserver has to be healthy.
    type: int
    default: 120
seealso:
  - module: potluck.matrix.synapse_user
  - module: potluck.matrix.probe_info
"""

EXAMPLES = r"""
- name: Prove that the homeserver works
  potluck.matrix.homeserver_proof:
    server_name: example.org
    shared_secret_path: /mnt/matrixdata/matrix-synapse/secrets/registration_shared_secret
"""

RETURN = r"""
key:
  description: The key that the homeserver signs with, its name and its public half.
  returned: success
  type: str
  sample: ed25519:a_AbCd Noi6WqcDj0QmPxCNQqgezwTlBKrfqehY1u2FyWP9uYw
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.client import Synapse
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.proof import Proof, prove


def main():
    module = AnsibleModule(
        argument_spec={
            # The path of a secret, and a public key.
            "shared_secret_path": {"type": "path", "required": True, "no_log": False},
            "socket": {"type": "path", "default": "/var/run/matrix-synapse/synapse.sock"},
            "server_name": {"type": "str", "required": True},
            "key": {"type": "str", "default": "", "no_log": False},
            "timeout": {"type": "int", "default": 120},
        },
        supports_check_mode=False,
    )
    proof = Proof(Synapse(module.params["socket"]))
    key, problem = "", ""
    try:
        key = prove(proof, module.params)
    except Sentence as error:
        problem = str(error)
    for warning in proof.warnings:
        module.warn(warning)
    if problem:
        module.fail_json(msg=problem)
    module.exit_json(changed=False, key=key)


if __name__ == "__main__":
    main()
