#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: postgresql_upgrade
short_description: Bring a database out of a cluster of PostgreSQL before its programs are replaced
version_added: 0.1.0
description:
  - FreeBSD's packages of two major versions of PostgreSQL cannot be installed together, and no program of one reads the
    cluster of another. When the driver of the repository in use is linked to another major version than the cluster is
    of, all data have to leave that while its programs are there.
  - They are put beside the cluster, with the rows and sums of all tables, and M(potluck.matrix.postgresql_database)
    fills the next cluster with them. The cluster is not changed.
  - What was brought out counts for as long as the old server is not started again, as it is by a way back.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.freebsd
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
requirements:
  - PostgreSQL's server of the major version that the cluster is of, with O(state=dumped)
options:
  state:
    description:
      - V(judged) tells whether there is a way to go, and fails for what is in its way. Changes nothing.
      - V(dumped) brings the data out, and leaves the server stopped. The homeserver has to be stopped.
    type: str
    choices: [judged, dumped]
    required: true
  name:
    description: Name of the database.
    type: str
    required: true
  account:
    description: Role whose connections are the homeserver's.
    type: str
    required: true
  driver:
    description: Package of the driver, whose dependencies name the client of a major version.
    type: str
    required: true
  version:
    description: Major version that is wanted; empty for whatever the repository has.
    type: str
    default: ""
  socket_directory:
    description: Directory of the server's socket.
    type: path
    required: true
  home:
    description: Directory in which the clusters of all major versions are, as C(data15).
    type: path
    default: /var/db/postgres
  owner:
    description: Account that the server runs as.
    type: str
    default: postgres
  programs:
    description: Directory of PostgreSQL's programs.
    type: path
    default: /usr/local/bin
  log:
    description: File that a server writes to which has to be started for it.
    type: path
    default: /dev/null
seealso:
  - module: potluck.matrix.postgresql_cluster
  - module: potluck.matrix.postgresql_database
"""

EXAMPLES = r"""
- name: Bring Synapse's data out of a cluster that the packages to come cannot read
  potluck.matrix.postgresql_upgrade:
    state: dumped
    name: synapse
    account: synapse
    driver: py311-psycopg2
    socket_directory: /var/run/postgresql
"""

RETURN = r"""
needed:
  description: Whether the repository's major version is another one than the cluster's.
  type: bool
  returned: success
former:
  description: Major version of the cluster that holds the homeserver's data; empty when there is none.
  type: str
  returned: success
  sample: "15"
target:
  description: Major version that the repository's driver is linked to; empty when there is no cluster.
  type: str
  returned: success
  sample: "18"
dumped:
  description: Whether all data wait beside the cluster.
  type: bool
  returned: success
part:
  description: What is wrong - V(version) that another version is wanted, V(repository) that the repository lacks what
    is needed, V(space) that the dataset is too full, V(running) that somebody uses the database, V(program) that a
    program of PostgreSQL is missing or fails, V(path) that a file cannot be used.
  type: str
  returned: failure
  sample: space
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.pkg import Pkg
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.departure import Departure
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.server import Server

# Seconds to wait for another pkg.
LOCK_TIMEOUT = 600


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["judged", "dumped"], "required": True},
            "name": {"type": "str", "required": True},
            "account": {"type": "str", "required": True},
            "driver": {"type": "str", "required": True},
            "version": {"type": "str", "default": ""},
            "socket_directory": {"type": "path", "required": True},
            "home": {"type": "path", "default": "/var/db/postgres"},
            "owner": {"type": "str", "default": "postgres"},
            "programs": {"type": "path", "default": "/usr/local/bin"},
            "log": {"type": "path", "default": "/dev/null"},
        },
        supports_check_mode=True,
    )
    given = module.params
    problem = None
    told, changed, others = {}, False, []
    try:
        runner = Runner()
        server = Server(runner, given["socket_directory"], os.path.join(given["programs"], "psql"))
        departure = Departure(given, server, Pkg(runner, LOCK_TIMEOUT), runner)
        departure.judge()
        if given["state"] == "dumped":
            changed = departure.needed and not departure.dumped if module.check_mode else departure.dump()
        others = departure.others
        told = {
            "needed": departure.needed,
            "former": departure.former,
            "target": departure.target,
            "dumped": departure.dumped,
        }
    except Sentence as error:
        problem = error
    except OSError as error:
        problem = Sentence(f"{error.filename or given['home']}: {error.strerror or error}", "path")
    if problem:
        module.fail_json(msg=str(problem), part=problem.part)
    if others:
        module.warn(
            f"Of the cluster of PostgreSQL {told['former']} the databases {', '.join(others)} stay behind, with their "
            "roles; bring over what you need of them while it is kept."
        )
    shown = f"{given['name']}: brought out of PostgreSQL {told['former']}\n"
    module.exit_json(changed=changed, diff={"before": "", "after": shown if changed else ""}, **told)


if __name__ == "__main__":
    main()
