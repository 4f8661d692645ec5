#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: postgresql_dump
short_description: Put a database of PostgreSQL elsewhere into a file, and back
version_added: 0.1.0
description:
  - Dumps with C(pg_dump) in its custom format, into a file that is there as a whole or not at all, and has
    C(pg_restore) read what is in it.
  - Restores in one transaction, after dropping all that is in the database. Whatever fails leaves it as it was.
  - The server, the account and the place of the password come from a service file of PostgreSQL's library, so that no
    password is on a command line.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
attributes:
  check_mode:
    support: full
    details: The server is not asked.
  diff_mode:
    support: full
  idempotent:
    support: partial
    details: A dump that is there is left alone. V(state=restored) always restores.
requirements:
  - PostgreSQL's client (FreeBSD package C(postgresql15-client)), not older than the server
options:
  state:
    description: V(present) dumps unless the file is there; V(restored) brings its content back into the database.
    type: str
    choices: [present, restored]
    default: present
  path:
    description: The file. Its directory is made for O(user) alone if it is missing; otherwise O(user) has to be able to
      write into it.
    type: path
    required: true
  service_file:
    description: File with the service.
    type: path
    default: /usr/local/etc/matrix-synapse/database.service
  service:
    description: Name of the service in O(service_file).
    type: str
    default: synapse
  user:
    description: Account that does it, who can read the password and owns the file.
    type: str
    default: synapse
  programs:
    description: Directory of C(pg_dump), C(pg_restore) and C(psql).
    type: path
    default: /usr/local/bin
seealso:
  - module: potluck.matrix.external_database
"""

EXAMPLES = r"""
- name: Dump the database
  potluck.matrix.postgresql_dump:
    path: /mnt/matrixdata/matrix-synapse-dumps/upgrade-20260101T000000Z.dump

- name: Bring it back
  potluck.matrix.postgresql_dump:
    path: /mnt/matrixdata/matrix-synapse-dumps/upgrade-20260101T000000Z.dump
    state: restored
"""

RETURN = r"""
tables:
  description: How many tables were dumped or restored; 0 when nothing was done.
  type: int
  returned: success
  sample: 160
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._database import dump
from ansible_collections.potluck.matrix.plugins.module_utils._database.account import Account
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import no_links
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "restored"], "default": "present"},
            "path": {"type": "path", "required": True},
            "service_file": {"type": "path", "default": "/usr/local/etc/matrix-synapse/database.service"},
            "service": {"type": "str", "default": "synapse"},
            "user": {"type": "str", "default": "synapse"},
            "programs": {"type": "path", "default": "/usr/local/bin"},
        },
        supports_check_mode=True,
    )
    given = module.params
    path, restoring = given["path"], given["state"] == "restored"
    there, tables, problem = os.path.lexists(path), 0, ""
    changed = restoring or not there
    try:
        if restoring and not there and not module.check_mode:
            raise Sentence(f"there is no dump at {path}")
        if changed and not module.check_mode:
            account = Account(given["user"])
            if not os.path.lexists(os.path.dirname(path)):
                no_links.make_directory(os.path.dirname(path), account.user.pw_uid, account.user.pw_gid, 0o700)
            work = dump.restore if restoring else dump.dump
            tables = account.run(work, given["programs"], given["service_file"], given["service"], path)
    except Sentence as refusal:
        problem = str(refusal).rstrip(".")
    except OSError as error:
        problem = f"{error.filename or path}: {error.strerror or error}"
    if problem:
        module.fail_json(msg=problem)
    words = f"the database as in {path}\n" if restoring else f"{path}\n"
    module.exit_json(changed=changed, tables=tables, diff={"before": "" if changed else words, "after": words})


if __name__ == "__main__":
    main()
