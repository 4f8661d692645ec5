#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: synapse_user
short_description: Ensure that a local account exists on a Synapse homeserver
version_added: 0.1.0
description:
  - Makes an account with the server's C(registration_shared_secret), whether or not registration is open.
  - Run it where Synapse's socket is, or give O(base_url). The path C(/_synapse/admin) must be reachable there.
  - An account that exists is left as it is. Its password, display name and administrator flag are not compared and not
    changed.
  - No access token and no device is made.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.synapse
attributes:
  check_mode:
    support: full
    details:
      - Whether an account exists is asked without side effects, by its profile and by the question whether the name is
        free. Where the server answers neither (profiles only for its users, and registration closed), a warning says so
        and a change is assumed.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - The account, as V(alice) or as V(@alice:example.org).
    type: str
    required: true
  password:
    description:
      - Password of a new account. Without it a new account gets a random one that nobody knows, which is right for
        people who log in otherwise, for example through LDAP.
    type: str
  admin:
    description:
      - Whether a new account is an administrator of the server.
    type: bool
    default: false
  display_name:
    description:
      - Display name of a new account. The server takes the name of the account by default.
    type: str
  state:
    description:
      - Accounts can only be made here. There is no way to remove one with the shared secret.
    type: str
    choices: [present]
    default: present
seealso:
  - name: Shared-secret registration
    description: The interface used.
    link: https://element-hq.github.io/synapse/latest/admin_api/register_api.html
"""

EXAMPLES = r"""
- name: Make the first administrator
  potluck.matrix.synapse_user:
    name: alice
    password: "{{ vault_alice_password }}"
    admin: true
    shared_secret_path: /mnt/matrixdata/matrix-synapse/secrets/registration_shared_secret

- name: Make an account for somebody who logs in through LDAP
  potluck.matrix.synapse_user:
    name: "@bob:example.org"
    display_name: Bob
    shared_secret_path: /mnt/matrixdata/matrix-synapse/secrets/registration_shared_secret
"""

RETURN = r"""
user_id:
  description: The account's full Matrix ID.
  returned: success
  type: str
  sample: "@alice:example.org"
existed:
  description: Whether the account existed before; V(null) when check mode could not find out.
  returned: success
  type: bool
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import short_secrets
from ansible_collections.potluck.matrix.plugins.module_utils._synapse import user


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "password": {"type": "str", "no_log": True},
            "admin": {"type": "bool", "default": False},
            "display_name": {"type": "str"},
            "state": {"type": "str", "choices": ["present"], "default": "present"},
            **user.REGISTRATION,
        },
        required_one_of=[("shared_secret", "shared_secret_path")],
        mutually_exclusive=[("shared_secret", "shared_secret_path")],
        supports_check_mode=True,
    )
    short_secrets.spare_short(module)
    told = {"invocation": short_secrets.shown(module)}
    params = module.params
    error = None
    try:
        user_id, existed = user.ensure(params, module.check_mode)
    except Sentence as exc:
        error = str(exc)
    if error:  # said outside of the handler, where it would be taken for a crash
        module.fail_json(msg=error, **told)
    if existed is None and module.check_mode:
        module.warn(f"the server does not say whether {user_id} exists: a change is assumed")
    result = {"changed": not existed, "user_id": user_id, "existed": existed, **told}
    if module._diff:
        localpart = user_id[1:].partition(":")[0]
        account = {"user_id": user_id}
        made = dict(account, admin=params["admin"], display_name=params["display_name"] or localpart)
        result["diff"] = {"before": account if existed else {}, "after": account if existed else made}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
