#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: postgresql_database
short_description: Make the database of a homeserver and its owner
version_added: 0.1.0
description:
  - Makes a role that may log in and do nothing else, and a database of its own as Synapse wants it, with the encoding
    UTF8 and the collation and character type C, from C(template0).
  - A database that is there and has others is refused, since none of that can be changed.
  - Asks the server through its unix socket, as its administrator C(postgres).
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
attributes:
  check_mode:
    support: full
    details: Where the server would only now be started, nothing is known of what is in it.
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - PostgreSQL's client (FreeBSD package C(postgresql15-client))
options:
  name:
    description: Name of the database.
    type: str
    required: true
  owner:
    description: Name of the role.
    type: str
    required: true
  socket_directory:
    description: Directory of the server's socket.
    type: path
    required: true
  psql:
    description: The client.
    type: path
    default: /usr/local/bin/psql
seealso:
  - module: potluck.matrix.postgresql_cluster
"""

EXAMPLES = r"""
- name: Make Synapse's database
  potluck.matrix.postgresql_database:
    name: synapse
    owner: synapse
    socket_directory: /var/run/postgresql
"""

RETURN = r"""
actions:
  description: The statements that were run, or would be in check mode.
  type: list
  elements: str
  returned: always
  sample: ["CREATE ROLE synapse LOGIN"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.server import Database, Server


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "owner": {"type": "str", "required": True},
            "socket_directory": {"type": "path", "required": True},
            "psql": {"type": "path", "default": "/usr/local/bin/psql"},
        },
        supports_check_mode=True,
    )
    given = module.params
    actions: list = []
    problem = None
    try:
        server = Server(Runner(), given["socket_directory"], given["psql"])
        database = Database(server, given["name"], given["owner"], module.check_mode)
        actions = database.actions
        database.ensure()
    except Sentence as error:
        problem = error
    if problem:
        changed = bool(actions) and not module.check_mode
        module.fail_json(msg=str(problem), part=problem.part, actions=actions, changed=changed)
    diff = {"before": "", "after": "".join(f"{statement}\n" for statement in actions)}
    module.exit_json(changed=bool(actions), actions=actions, diff=diff)


if __name__ == "__main__":
    main()
