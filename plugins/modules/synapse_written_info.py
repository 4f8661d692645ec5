#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: synapse_written_info
short_description: Count what a Synapse homeserver has written since a moment
version_added: 0.2.0
description:
  - Counts events and media in the database and files in the directory of media, as what going back to that moment would
    lose. What M(potluck.matrix.homeserver_proof) has written does not count.
  - Tells which versions of Synapse's tables the installed Synapse and the database are for.
  - Reads as Synapse's account, whether Synapse runs or not; stop it first to count all. What cannot be counted is
    V(null), and RV(problem) says why.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.info_module
options:
  since:
    description:
      - The moment, in seconds since 1970.
    type: int
    required: true
  sqlite:
    description:
      - File of the SQLite database.
    type: path
  postgresql:
    description:
      - What C(psycopg2.connect) takes, for a PostgreSQL.
    type: dict
  media:
    description:
      - Synapse's directory of media.
    type: path
    required: true
  database_stays:
    description:
      - The database is elsewhere and does not go back, so that nothing in it is lost, and C(events) and C(media) are 0.
    type: bool
    default: false
    version_added: 0.2.0
  user:
    description:
      - Synapse's account.
    type: str
    default: synapse
seealso:
  - module: potluck.matrix.zfs_snapshot
"""

EXAMPLES = r"""
- name: Count what was written in the last hour
  potluck.matrix.synapse_written_info:
    since: "{{ now().timestamp() | int - 3600 }}"
    sqlite: /mnt/matrixdata/matrix-synapse/matrix_homeserver.db
    media: /mnt/matrixdata/media_store
"""

RETURN = r"""
events:
  description: Events in the database, messages and all others.
  returned: success
  type: int
  sample: 3
media:
  description: Files of the homeserver's own users in the database.
  returned: success
  type: int
  sample: 1
files:
  description: Files of the homeserver's own users in the directory.
  returned: success
  type: int
  sample: 1
schema:
  description: Versions of Synapse's tables; V(null) for one that cannot be found out.
  returned: success
  type: dict
  contains:
    synapse:
      description: What the installed Synapse is for. It refuses a database of a later RV(schema.database).
      type: int
      sample: 94
    compatible:
      description: The oldest that its database can be used with once this Synapse has run.
      type: int
      sample: 84
    database:
      description: The oldest that a Synapse may be for that uses this database.
      type: int
      sample: 84
problem:
  description: Why something could not be counted; empty as a rule.
  returned: success
  type: str
  sample: ""
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._database import written
from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Account
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence


def main():
    module = AnsibleModule(
        argument_spec={
            "since": {"type": "int", "required": True},
            "sqlite": {"type": "path"},
            "postgresql": {"type": "dict"},
            "media": {"type": "path", "required": True},
            "database_stays": {"type": "bool", "default": False},
            "user": {"type": "str", "default": "synapse"},
        },
        required_one_of=[("sqlite", "postgresql")],
        mutually_exclusive=[("sqlite", "postgresql")],
        supports_check_mode=True,
    )
    try:
        found = written.count(Account(module.params["user"]), module.params)
    except Sentence as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
