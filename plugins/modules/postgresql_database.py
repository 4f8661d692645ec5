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
  - Where M(potluck.matrix.postgresql_upgrade) has brought a database of that name out of a cluster of an earlier major
    version, it is filled with that instead, under another name until rows and sums of all tables are the same.
  - A database that is there and has others is refused, since none of that can be changed.
  - Asks the server through its unix socket, as its administrator C(postgres).
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.sentences
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
  programs:
    description: Directory of PostgreSQL's programs.
    type: path
    default: /usr/local/bin
  home:
    description: Directory in which the clusters of all major versions are, as C(data15).
    type: path
    default: /var/db/postgres
  version:
    description: Major version of the server, as V("15").
    type: str
    required: true
  account:
    description: Account that the server runs as.
    type: str
    default: postgres
  keep:
    description: Whether the clusters of earlier major versions are kept once the database is in this one.
    type: bool
    default: true
seealso:
  - module: potluck.matrix.postgresql_cluster
  - module: potluck.matrix.postgresql_upgrade
"""

EXAMPLES = r"""
- name: Make Synapse's database
  potluck.matrix.postgresql_database:
    name: synapse
    owner: synapse
    socket_directory: /var/run/postgresql
    version: "15"
"""

RETURN = r"""
actions:
  description: The statements that were run and what else was done, or would be in check mode.
  type: list
  elements: str
  returned: always
  sample: ["CREATE ROLE synapse LOGIN"]
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence, in_words_of
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.arrival import Arrival
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.server import Database, Server


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "owner": {"type": "str", "required": True},
            "socket_directory": {"type": "path", "required": True},
            "programs": {"type": "path", "default": "/usr/local/bin"},
            "home": {"type": "path", "default": "/var/db/postgres"},
            "version": {"type": "str", "required": True},
            "account": {"type": "str", "default": "postgres"},
            "keep": {"type": "bool", "default": True},
            "sentences": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    given = module.params
    actions: list = []
    problem = None
    try:
        runner = Runner()
        server = Server(runner, given["socket_directory"], os.path.join(given["programs"], "psql"))
        arrival = Arrival(runner, given["home"], given["version"], given["account"], given["programs"])
        database = Database(server, given["name"], given["owner"], module.check_mode, arrival, given["keep"])
        actions = database.actions
        database.ensure()
    except Sentence as error:
        problem = error
    except OSError as error:
        problem = Sentence(f"{error.filename or given['home']}: {error.strerror or error}", "upgrade")
    if problem:
        changed = bool(actions) and not module.check_mode
        told = in_words_of(given["sentences"], problem.part, str(problem))
        module.fail_json(msg=told, part=problem.part, actions=actions, changed=changed)
    diff = {"before": "", "after": "".join(f"{statement}\n" for statement in actions)}
    module.exit_json(changed=bool(actions), actions=actions, diff=diff)


if __name__ == "__main__":
    main()
