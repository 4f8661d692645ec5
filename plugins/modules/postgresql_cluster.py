#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: postgresql_cluster
short_description: Make a cluster of PostgreSQL where there is none
version_added: 0.1.0
description:
  - Runs C(initdb) for a cluster with the encoding UTF8, the locale C and data checksums, into which nobody gets but
    through the unix socket as the account he is.
  - The cluster is made beside its place and renamed, so that a run that is cut off leaves none. Nothing is put over a
    directory that is not empty.
  - Clusters of several major versions lie beside each other, as C(data15) and C(data18). One is refused when the
    homeserver's data are in another, and have not been brought out of it by M(potluck.matrix.postgresql_upgrade).
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
  - PostgreSQL's server (FreeBSD package C(postgresql15-server))
options:
  path:
    description: Directory of the cluster. The one that it lies in exists, and is O(owner)'s.
    type: path
    required: true
  version:
    description: Major version that the cluster has to be of, as V("15").
    type: str
    required: true
  owner:
    description: Account that the server runs as.
    type: str
    default: postgres
  programs:
    description: Directory of PostgreSQL's programs.
    type: path
    default: /usr/local/bin
seealso:
  - module: potluck.matrix.postgresql_database
  - module: potluck.matrix.postgresql_upgrade
"""

EXAMPLES = r"""
- name: Make the cluster
  potluck.matrix.postgresql_cluster:
    path: /var/db/postgres/data15
    version: "15"
"""

RETURN = r"""
part:
  description: What is wrong - V(version) that the cluster, or the homeserver's data, are of another major version,
    V(former) that they have to be brought out of an earlier one first, V(path) that something else lies there,
    V(program) that C(initdb) makes none.
  type: str
  returned: failure
  sample: version
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.cluster import Cluster
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.major import (
    Luggage,
    require_successor,
)


def main():
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "version": {"type": "str", "required": True},
            "owner": {"type": "str", "default": "postgres"},
            "programs": {"type": "path", "default": "/usr/local/bin"},
        },
        supports_check_mode=True,
    )
    given = module.params
    problem = None
    missing = False
    try:
        cluster = Cluster(Runner(), given["path"], given["version"], given["owner"], given["programs"])
        missing = cluster.missing()
        require_successor(Luggage(os.path.dirname(given["path"]), given["owner"]), given["version"])
        if missing and not module.check_mode:
            cluster.make()
    except Sentence as error:
        problem = error
    except OSError as error:
        problem = Sentence(f"{error.filename}: {error.strerror}", "path")
    # Nothing is brought out in check mode.
    if problem and not (problem.part == "former" and module.check_mode):
        module.fail_json(msg=str(problem), part=problem.part)
    shown = f"{given['path']}: a cluster of PostgreSQL {given['version']}\n"
    module.exit_json(changed=missing, diff={"before": "" if missing else shown, "after": shown})


if __name__ == "__main__":
    main()
