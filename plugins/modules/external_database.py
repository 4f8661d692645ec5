#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: external_database
short_description: Ask a PostgreSQL elsewhere whether a homeserver may use it, and write into it whose it is
version_added: 0.1.0
description:
  - Connects as Synapse would, with the same driver and the same TLS, and fails with one sentence that names what is
    wrong - the address, TLS, the account, the version, the encoding, the collation, the rights, another homeserver's
    tables, or another client that is connected.
  - A database that may be used gets the table C(potluck_homeserver) with the homeserver's name, by which it is known
    while nobody has an account in it yet. Nothing else is changed in it.
  - Neither Synapse nor its files are touched.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - psycopg2 (FreeBSD package C(py311-psycopg2)) for the Python that runs the module
options:
  database:
    description: The database.
    type: dict
    required: true
    suboptions:
      host:
        description: Address or name of the server.
        type: str
        required: true
      port:
        description: Its port.
        type: int
        default: 5432
      name:
        description: Name of the database.
        type: str
        default: synapse
      user:
        description: User of PostgreSQL, who has to own what is in the database.
        type: str
        default: synapse
      password:
        description: Password of that user.
        type: str
        required: true
      sslmode:
        description: How the connection is protected. V(verify-full) and V(verify-ca) need O(authorities).
        type: str
        choices: [verify-full, verify-ca, require, disable]
        default: verify-full
  authorities:
    description: Certificates of the CAs that the server's certificate may come from, as PEM text.
    type: str
    default: ""
  server_name:
    description: Name of the homeserver.
    type: str
    required: true
  application_name:
    description:
      - What this homeserver's Synapse calls itself to PostgreSQL. Its connections, from the address that the module
        comes from, are nobody else's.
    type: str
    required: true
  mark:
    description: File that says which database the homeserver's data are in so far, as M(potluck.matrix.synapse_data)
      writes it.
    type: path
    required: true
  move_directory:
    description: Directory of M(potluck.matrix.synapse_database) for a move into this database.
    type: path
    required: true
  user:
    description: Account that asks.
    type: str
    default: nobody
  look_at:
    description: Variable that a failure names, followed by the key that is wrong.
    type: str
    default: database
seealso:
  - module: potluck.matrix.synapse_database
  - module: potluck.matrix.postgresql_database
"""

EXAMPLES = r"""
- name: Ask the database whether Synapse may use it
  potluck.matrix.external_database:
    database: {host: db.example.com, password: "{{ vault_database_password }}"}
    authorities: "{{ lookup('ansible.builtin.file', 'database-ca.pem') }}"
    server_name: example.com
    application_name: matrix-synapse matrix1
    mark: /mnt/matrixdata/matrix-synapse/database
    move_directory: /mnt/matrixdata/matrix-synapse-move
"""

RETURN = r"""
version:
  description: Version of the server, as its C(server_version_num).
  type: int
  returned: success
  sample: 150018
empty:
  description: Whether Synapse has no tables in the database yet.
  type: bool
  returned: success
  sample: false
part:
  description: Key of O(database) that is to be looked at, C(sslrootcert) for O(authorities); empty for none of them.
  type: str
  returned: failure
  sample: password
"""

import dataclasses

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._database import external
from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Account
from ansible_collections.potluck.matrix.plugins.module_utils._database.marker import Marker
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import short_secrets


def main():
    module = AnsibleModule(
        argument_spec={
            "database": {
                "type": "dict",
                "required": True,
                "options": {
                    "host": {"type": "str", "required": True},
                    "port": {"type": "int", "default": 5432},
                    "name": {"type": "str", "default": "synapse"},
                    "user": {"type": "str", "default": "synapse"},
                    "password": {"type": "str", "required": True, "no_log": True},
                    "sslmode": {
                        "type": "str",
                        "choices": ["verify-full", "verify-ca", "require", "disable"],
                        "default": "verify-full",
                    },
                },
            },
            "authorities": {"type": "str", "default": ""},
            "server_name": {"type": "str", "required": True},
            "application_name": {"type": "str", "required": True},
            "mark": {"type": "path", "required": True},
            "move_directory": {"type": "path", "required": True},
            "user": {"type": "str", "default": "nobody"},
            "look_at": {"type": "str", "default": "database"},
        },
        supports_check_mode=True,
    )
    short_secrets.spare_short(module)
    given = module.params
    told = {"invocation": short_secrets.shown(module)}
    found, problem, part = {}, "", ""
    try:
        mark = no_links.read(given["mark"])
        wanted = external.Wanted(
            server_name=given["server_name"],
            application=given["application_name"],
            mark=mark[0].decode("utf-8", "replace").strip() if mark else "",
            move=Marker(given["move_directory"]).load().id,
        )
        found = Account(given["user"]).run(
            external.ask, given["database"], given["authorities"], dataclasses.asdict(wanted), not module.check_mode
        )
    except Sentence as refusal:
        # What PostgreSQL's names hold stays on the line.
        problem, part = " ".join(str(refusal).split()).rstrip("."), refusal.part
    except OSError as error:
        problem = f"{given['mark']}: {error.strerror or error}"
    if problem:
        # A Sentence of others than the questions has a part that is no key.
        key = f".{part}" if part in external.KEYS else ""
        module.fail_json(msg=f"{given['look_at']}{key}: {problem}.", part=part, **told)
    changed = not found["claimed"]
    if module._diff:
        ours = f"{given['database']['name']} at {given['database']['host']}: the database of {given['server_name']}\n"
        told["diff"] = {"before": "" if changed else ours, "after": ours}
    module.exit_json(changed=changed, version=found["version"], empty=found["empty"], **told)


if __name__ == "__main__":
    main()
