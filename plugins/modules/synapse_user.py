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
  - An account that exists is left as it is. Its password, display name and administrator flag are not compared and not changed.
  - No access token and no device is made.
author:
  - potluck.matrix contributors (@potluck)
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying target.
    support: full
    details:
      - Whether an account exists is asked without side effects, by its profile and by the question whether the name is free.
        Where the server answers neither (profiles only for its users, and registration closed), a warning says so and a change is assumed.
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: full
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
options:
  name:
    description:
      - The account, as V(alice) or as V(@alice:example.org).
    type: str
    required: true
  server_name:
    description:
      - Name of the homeserver, the part of a Matrix ID after the colon. If the server at hand calls itself otherwise, that is an error.
      - Only needed when O(name) does not contain it and the address in use does not serve the server's keys.
    type: str
  password:
    description:
      - Password of a new account. Without it a new account gets a random one that nobody knows, which is right for people who log in
        otherwise, for example through LDAP.
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
  shared_secret:
    description:
      - The server's C(registration_shared_secret).
    type: str
  shared_secret_path:
    description:
      - File on the target that contains it. Read only when an account is to be made.
    type: path
  socket:
    description:
      - Unix socket of Synapse's client listener.
    type: path
    default: /var/run/matrix-synapse/synapse.sock
  base_url:
    description:
      - URL of Synapse, for example V(http://127.0.0.1:8008), instead of O(socket).
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

import secrets

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._synapse import Synapse, SynapseError, split_name


def read_secret(params):
    """The shared secret from the option or the file."""
    if params['shared_secret']:
        return params['shared_secret']
    path = params['shared_secret_path']
    try:
        with open(path, encoding='utf-8') as stream:
            secret = stream.read().strip()
    except (OSError, UnicodeDecodeError) as exc:
        raise SynapseError('cannot read the shared secret: %s' % exc) from exc
    if not secret:
        raise SynapseError('the file %s, which should hold the shared secret, is empty' % path)
    return secret


def find_server_name(synapse, given):
    """The server's name; SynapseError when it is another one than given, or not to be found out."""
    name = synapse.server_name()
    if name and given and name != given:
        raise SynapseError('the server at hand is %s, not %s' % (name, given))
    if not name and not given:
        raise SynapseError('the server does not tell its name at this address: set server_name')
    return name or given


def ensure(module):
    """Make the account unless it exists or this is check mode: (Matrix ID, whether it existed)."""
    params = module.params
    localpart, server_name = split_name(params['name'], params['server_name'])
    synapse = Synapse(params['socket'], params['base_url'])
    server_name = find_server_name(synapse, server_name)
    user_id = '@%s:%s' % (localpart, server_name)
    existed = synapse.exists(localpart, server_name)
    if existed is None and module.check_mode:
        module.warn('the server does not tell whether %s exists: a change is assumed' % user_id)
    if existed or module.check_mode:
        return user_id, existed
    # Nobody ever uses a random password, it only has to be unguessable.
    password = params['password'] or secrets.token_urlsafe(32)
    return user_id, synapse.register(read_secret(params), localpart, password, params['admin'], params['display_name']) is None


def main():
    module = AnsibleModule(
        argument_spec=dict(
            name=dict(type='str', required=True),
            server_name=dict(type='str'),
            password=dict(type='str', no_log=True),
            admin=dict(type='bool', default=False),
            display_name=dict(type='str'),
            shared_secret=dict(type='str', no_log=True),
            shared_secret_path=dict(type='path', no_log=False),
            socket=dict(type='path', default='/var/run/matrix-synapse/synapse.sock'),
            base_url=dict(type='str'),
            state=dict(type='str', choices=['present'], default='present'),
        ),
        required_one_of=[('shared_secret', 'shared_secret_path')],
        mutually_exclusive=[('shared_secret', 'shared_secret_path')],
        supports_check_mode=True,
    )
    params = module.params
    error = None
    try:
        user_id, existed = ensure(module)
    except SynapseError as exc:
        error = str(exc)
    if error:  # said outside of the handler, where it would be taken for a crash
        module.fail_json(msg=error)
    result = {'changed': not existed, 'user_id': user_id, 'existed': existed}
    if module._diff:
        localpart = user_id[1:].partition(':')[0]
        account = {'user_id': user_id}
        made = dict(account, admin=params['admin'], display_name=params['display_name'] or localpart)
        result['diff'] = {'before': account if existed else {}, 'after': account if existed else made}
    module.exit_json(**result)


if __name__ == '__main__':
    main()
