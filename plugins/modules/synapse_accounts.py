#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: synapse_accounts
short_description: Accounts of a Synapse homeserver as a list says them
version_added: 0.1.0
description:
  - Makes accounts that are missing, with the server's C(registration_shared_secret), whether or not registration is
    open; and where that is asked for gives accounts that exist another password, makes them administrators or not,
    deactivates and reactivates them, and signs them out.
  - Run it where Synapse's socket is, or give O(base_url). The path C(/_synapse/admin) must be reachable there.
  - Accounts that exist are changed through an account C(matrix-accounts-…) of this module's own, an administrator that
    is made when it is first needed. Its password comes out of the shared secret and is kept nowhere, its session in
    O(session_path).
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.synapse
attributes:
  check_mode:
    support: full
    details:
      - As long as the module's own account has no session, a warning says that changes of accounts that exist are not
        seen. Where Synapse does not run yet, all accounts count as missing.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  accounts:
    description:
      - The accounts. Others are left alone.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - The account, as V(alice) or as V(@alice:example.org).
        type: str
        required: true
      password:
        description:
          - Password of a new account, or of one that is reactivated. Without it such an account gets a random one that
            nobody knows, which is right for people who log in otherwise, for example through LDAP.
        type: str
      update_password:
        description:
          - V(on_create) leaves the password of an account that exists as it is.
          - V(always) tries whether the account opens by O(accounts[].password), and otherwise sets it, which ends all
            sessions.
        type: str
        choices: [on_create, always]
        default: on_create
      admin:
        description:
          - Whether the account is an administrator of the server. An account that exists is only changed with
            O(accounts[].state=active).
        type: bool
      display_name:
        description:
          - Display name of a new account. The server takes the name of the account by default.
        type: str
      state:
        description:
          - V(present) makes the account if it is missing, and leaves one that exists as it is, deactivated or not.
          - V(active) also reactivates it, and makes it an administrator or not as O(accounts[].admin) says.
          - V(deactivated) deactivates it, which ends its sessions and makes it leave its rooms. One that is missing is
            not made.
        type: str
        choices: [present, active, deactivated]
        default: present
      sign_out:
        description:
          - Devices that the account has no sessions on, by their IDs, or V(all). It is signed out of those it has.
        type: list
        elements: str
  create:
    description:
      - Whether accounts that are missing are made; without that they are an error.
    type: bool
    default: true
  session_path:
    description:
      - File on the target, for root only, with the access token of the module's own account.
    type: path
    default: /var/db/matrix-accounts-session
seealso:
  - module: potluck.matrix.synapse_user
"""

EXAMPLES = r"""
- name: An administrator, somebody who has left, and a new password
  potluck.matrix.synapse_accounts:
    accounts:
      - name: alice
        password: "{{ vault_alice_password }}"
        admin: true
        state: active
      - name: bob
        state: deactivated
      - name: carol
        password: "{{ vault_carol_password }}"
        update_password: always
    shared_secret_path: /mnt/matrixdata/matrix-synapse/secrets/registration_shared_secret
"""

RETURN = r"""
accounts:
  description: The accounts in the order of O(accounts).
  returned: success
  type: list
  elements: dict
  contains:
    user_id:
      description: The account's full Matrix ID.
      type: str
      sample: "@alice:example.org"
    existed:
      description: Whether the account existed before; V(null) when check mode could not find out.
      type: bool
    changes:
      description: What was done to it, in words.
      type: list
      elements: str
      sample: [is an administrator]
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import short_secrets
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.accounts import Accounts
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.user import REGISTRATION


def main():
    account = {
        "name": {"type": "str", "required": True},
        "password": {"type": "str", "no_log": True},
        "update_password": {
            "type": "str",
            "choices": ["on_create", "always"],
            "default": "on_create",
            "no_log": False,
        },
        "admin": {"type": "bool"},
        "display_name": {"type": "str"},
        "state": {"type": "str", "choices": ["present", "active", "deactivated"], "default": "present"},
        "sign_out": {"type": "list", "elements": "str"},
    }
    module = AnsibleModule(
        argument_spec={
            "accounts": {"type": "list", "elements": "dict", "required": True, "options": account},
            "create": {"type": "bool", "default": True},
            "session_path": {"type": "path", "default": "/var/db/matrix-accounts-session"},
            **REGISTRATION,
        },
        required_one_of=[("shared_secret", "shared_secret_path")],
        mutually_exclusive=[("shared_secret", "shared_secret_path")],
        supports_check_mode=True,
    )
    short_secrets.spare_short(module)
    told = {"invocation": short_secrets.shown(module)}
    params = module.params
    if module.check_mode and not params["base_url"] and not os.path.exists(params["socket"]):
        module.exit_json(changed=bool(params["accounts"]), accounts=[], **told)
    error, found = None, []
    try:
        accounts = Accounts(params, module.check_mode)
        found = accounts.ensure()
        for warning in accounts.warnings:
            module.warn(warning)
    except Sentence as exc:
        error = str(exc)
    if error:  # said outside of the handler, where it would be taken for a crash
        module.fail_json(msg=error, **told)
    result = {"changed": any(each["changes"] for each in found), "accounts": found, **told}
    if module._diff:
        after = "".join(f"{each['user_id']} {change}\n" for each in found for change in each["changes"])
        result["diff"] = {"before": "", "after": after}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
