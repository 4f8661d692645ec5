#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: postgresql_info
short_description: Ask which PostgreSQL there is to be, and what of it is there
version_added: 0.2.0
description:
  - Tells which PostgreSQL a driver is linked to, as it is installed, or else as the repository in use has it, whether
    its packages and its cluster are there, and what the machine has. Changes nothing but, where there is none yet, the
    catalogue of packages.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.info_module
  - potluck.matrix.attributes.freebsd
  - potluck.matrix.sentences
options:
  driver:
    description: Package of Synapse's driver.
    type: str
    required: true
  version:
    description: Major version that there is to be; empty for the one that the driver is linked to, beside which no
      other one can be installed.
    type: str
    default: ''
  home:
    description: Directory in which the clusters of all major versions are, as C(data15).
    type: path
    default: /var/db/postgres
  owner:
    description: Account that the server runs as.
    type: str
    default: postgres
seealso:
  - module: potluck.matrix.postgresql_cluster
"""

EXAMPLES = r"""
- name: Look at PostgreSQL
  potluck.matrix.postgresql_info:
    driver: py311-psycopg2
  register: found
"""

RETURN = r"""
version:
  description: Major version.
  type: str
  returned: success
  sample: "15"
packages:
  description: Names of the packages that there have to be.
  type: list
  elements: str
  returned: success
  sample: [postgresql15-server, postgresql15-client, py311-psycopg2]
installed:
  description: Whether all of them are installed.
  type: bool
  returned: success
cluster:
  description: Whether there is nothing for M(potluck.matrix.postgresql_cluster) to do or to refuse.
  type: bool
  returned: success
memory:
  description: Bytes.
  type: int
  returned: success
processors:
  description: How many.
  type: int
  returned: success
part:
  description: What is wrong - V(version) that this version cannot be installed beside the driver, V(repository) that
    there is no such driver, or that it is linked to none.
  type: str
  returned: failure
  sample: version
"""

import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence, in_words_of
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.pkg import NAME, Failed, Pkg, dependencies
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.cluster import Cluster
from ansible_collections.potluck.matrix.plugins.module_utils._postgresql.major import (
    Luggage,
    path_of,
    require_successor,
)

LOCK_TIMEOUT = 600


def linked(pkg: Pkg, driver: str, wanted: str) -> str:
    """The major version that a driver is linked to; C(Sentence) unless it is the wanted one, if any."""
    try:
        depends = dependencies(pkg, driver)[1]
    except Failed as error:
        raise Sentence(str(error), "repository") from error
    # Of the driver's dependencies the client.
    found = [hit[1] for hit in map(re.compile("postgresql([0-9]+)-client").fullmatch, depends) if hit]
    if not found:
        raise Sentence(f"the repository's {driver} is linked to no PostgreSQL", "repository")
    if wanted and wanted != found[0]:
        raise Sentence(
            f"PostgreSQL {wanted} cannot be installed beside {driver}, which is linked to {found[0]}", "version"
        )
    return found[0]


def complete(runner: Runner, home: str, version: str, owner: str) -> bool:
    """Whether the homeserver's data are in a cluster of that version, or nowhere and there is one."""
    try:
        cluster = Cluster(runner, path_of(home, version), version, owner, "")
        require_successor(Luggage(home, owner), version)
        return not cluster.missing()
    except (Sentence, OSError):
        return False


def machine(runner: Runner) -> tuple[int, int]:
    """(bytes of memory, number of processors)."""
    rc, out, err = runner.run(["sysctl", "-n", "hw.physmem", "hw.ncpu"])
    try:
        memory, processors = map(int, out.split())
    except ValueError as error:
        raise Sentence(f"sysctl does not tell the memory and the processors ({rc}): {err.strip() or out}") from error
    return memory, processors


def main():
    module = AnsibleModule(
        argument_spec={
            "driver": {"type": "str", "required": True},
            "version": {"type": "str", "default": ""},
            "home": {"type": "path", "default": "/var/db/postgres"},
            "owner": {"type": "str", "default": "postgres"},
            "sentences": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    given = module.params
    if not NAME.match(given["driver"]):
        module.fail_json(msg=f"'{given['driver']}' is not the name of a package.")
    problem, part, result = "", "", {}
    try:
        runner = Runner()
        pkg = Pkg(runner, LOCK_TIMEOUT)
        version = linked(pkg, given["driver"], given["version"])
        packages = [f"postgresql{version}-server", f"postgresql{version}-client", given["driver"]]
        memory, processors = machine(runner)
        result = {
            "version": version,
            "packages": packages,
            "installed": len(pkg.versions("query", packages)) == len(packages),
            "cluster": complete(runner, given["home"], version, given["owner"]),
            "memory": memory,
            "processors": processors,
        }
    except Sentence as error:
        problem, part = str(error), error.part
    if problem:
        module.fail_json(msg=in_words_of(given["sentences"], part, problem), part=part)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
