#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: pkg
short_description: Ensure FreeBSD packages with one call
version_added: 0.1.0
description:
  - Installs or upgrades packages with C(pkg), fetching the catalogue only when there is something to do.
  - Believes neither the exit code nor the text of C(pkg install), but asks afterwards what is installed.
  - Waits while another C(pkg) holds the lock of the package database, as several runs on one host make it happen.
notes:
  - C(community.general.pkgng) cannot read the version of a C(pkg) that was built between two releases and stops there,
    and with C(pkg) 2.4 or newer its C(state=latest) upgrades nothing.
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
options:
  name:
    description: Names of packages, without versions and patterns. Required unless O(upgrade_all) is true.
    type: list
    elements: str
    default: []
  state:
    description:
      - With V(present), packages that are installed are left at their version.
      - With V(latest), they are upgraded to the version of the repository.
    type: str
    choices: [present, latest]
    default: present
  upgrade_all:
    description:
      - Upgrade all installed packages. In check mode it tells whether there is anything to upgrade.
      - The return value RV(packages) then holds those that have changed.
    type: bool
    default: false
  fetch_only:
    description: With O(upgrade_all), only fetch what an upgrade would install, so that a repository which cannot serve
      all of it is noticed while nothing has been touched.
    type: bool
    default: false
  creates:
    description: Install nothing when this file exists, for programs that may also have come another way than as a
      package.
    type: path
  lock_timeout:
    description: Seconds to wait for another C(pkg) to end.
    type: int
    default: 600
"""

EXAMPLES = r"""
- name: Install nginx and curl
  potluck.matrix.pkg:
    name: [nginx, curl]

- name: Upgrade Synapse
  potluck.matrix.pkg:
    name: py311-matrix-synapse
    state: latest

- name: Upgrade everything
  potluck.matrix.pkg:
    upgrade_all: true
"""

RETURN = r"""
packages:
  description: The installed versions of the named packages.
  type: dict
  returned: success
  sample: {nginx: "1.26.3,3"}
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.pkg import (
    NAME,
    Failed,
    Pkg,
    fetch_all,
    install,
    upgrade_all,
)
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "latest"], "default": "present"},
            "upgrade_all": {"type": "bool", "default": False},
            "fetch_only": {"type": "bool", "default": False},
            "creates": {"type": "path"},
            "lock_timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
        required_one_of=[("name", "upgrade_all")],
        mutually_exclusive=[("name", "upgrade_all")],
    )
    names = module.params["name"]
    for name in names:
        if not NAME.match(name):
            module.fail_json(msg=f"name: {name!r} is not the name of a package, a good one is py311-matrix-synapse")
    if module.params["fetch_only"] and not module.params["upgrade_all"]:
        module.fail_json(msg="fetch_only: it needs upgrade_all: true")
    if module.params["creates"] and os.path.exists(module.params["creates"]):
        module.exit_json(changed=False, packages={}, diff={"before": "", "after": ""})
    pkg = Pkg(Runner(), module.params["lock_timeout"])
    try:
        if module.params["fetch_only"]:
            outcome = fetch_all(pkg, module.check_mode)
        elif module.params["upgrade_all"]:
            outcome = upgrade_all(pkg, module.check_mode)
        else:
            outcome = install(pkg, names, module.params["state"] == "latest", module.check_mode)
    except Sentence as error:
        told = dict(zip(("rc", "stdout", "stderr"), error.answer)) if isinstance(error, Failed) else {}
        module.fail_json(msg=str(error), **told)
    diff = {"before": outcome.before, "after": outcome.after}
    module.exit_json(changed=outcome.changed, packages=outcome.packages, diff=diff)


if __name__ == "__main__":
    main()
