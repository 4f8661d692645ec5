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
    description: Names of packages, without versions and patterns. Required unless there are O(parts) or O(upgrade_all)
      is true.
    type: list
    elements: str
    default: []
  parts:
    description:
      - In place of O(name), lists of such names by the part of a whole that needs them. All are installed in one go,
        and RV(parts) tells for each part what that has changed.
    type: dict
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
  base_system:
    description:
      - With O(upgrade_all), upgrade FreeBSD itself in place of the packages, to the newest patches of its release, by
        C(freebsd-update), or from the repository C(FreeBSD-base) where the base system is made of packages.
      - C(freebsd-update) fetches the patches, into a directory of its own, to find out whether there are any; so it
        does in check mode.
      - Whatever runs has to be restarted afterwards.
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

- name: Install what two parts need
  potluck.matrix.pkg:
    parts:
      proxy: [nginx]
      log: [syslog-ng]

- name: Upgrade Synapse
  potluck.matrix.pkg:
    name: py311-matrix-synapse
    state: latest

- name: Upgrade everything
  potluck.matrix.pkg:
    upgrade_all: true

- name: Install the security patches of FreeBSD
  potluck.matrix.pkg:
    upgrade_all: true
    base_system: true
"""

RETURN = r"""
packages:
  description: The installed versions of the named packages; of the base system as V(FreeBSD).
  type: dict
  returned: success
  sample: {nginx: "1.26.3,3"}
parts:
  description: For each part of O(parts) what this module would return for its packages alone.
  returned: when O(parts) is given
  type: dict
  sample:
    proxy:
      changed: true
      packages: {nginx: "1.26.3,3"}
      diff: {before: "", after: "nginx-1.26.3,3"}
missing:
  description: The packages that could not be installed.
  returned: when packages that were asked for are missing in the end
  type: list
  elements: str
  sample: [nginx]
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import base_system
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.pkg import (
    NAME,
    Failed,
    Pkg,
    fetch_all,
    install,
    of_part,
    upgrade_all,
)
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner


def told_of(outcome):
    """What the module returns of an outcome."""
    diff = {"before": outcome.before, "after": outcome.after}
    return {"changed": outcome.changed, "packages": outcome.packages, "diff": diff}


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "default": []},
            "parts": {"type": "dict"},
            "state": {"type": "str", "choices": ["present", "latest"], "default": "present"},
            "upgrade_all": {"type": "bool", "default": False},
            "fetch_only": {"type": "bool", "default": False},
            "base_system": {"type": "bool", "default": False},
            "creates": {"type": "path"},
            "lock_timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
        required_one_of=[("name", "parts", "upgrade_all")],
        mutually_exclusive=[("name", "parts", "upgrade_all")],
    )
    parts = module.params["parts"] or {}
    if not all(isinstance(listed, list) for listed in parts.values()):
        module.fail_json(msg="parts: each part needs a list of packages, for example {proxy: [nginx]}")
    names = module.params["name"] + list(dict.fromkeys(str(name) for listed in parts.values() for name in listed))
    for name in names:
        if not NAME.match(name):
            module.fail_json(msg=f"name: {name!r} is not the name of a package, a good one is py311-matrix-synapse")
    for option in ("fetch_only", "base_system"):
        if module.params[option] and not module.params["upgrade_all"]:
            module.fail_json(msg=f"{option}: it needs upgrade_all: true")
    if module.params["creates"] and os.path.exists(module.params["creates"]):
        module.exit_json(changed=False, packages={}, diff={"before": "", "after": ""})
    of_base = module.params["base_system"]
    pkg = Pkg(Runner(), module.params["lock_timeout"], base_system.REPOSITORY if of_base else "")
    try:
        if of_base and not base_system.packaged(pkg):
            base = base_system.BaseSystem(Runner())
            outcome = base_system.patch(base, module.check_mode, module.params["fetch_only"])
        elif module.params["fetch_only"]:
            outcome = fetch_all(pkg, module.check_mode)
        elif module.params["upgrade_all"]:
            outcome = upgrade_all(pkg, module.check_mode)
        else:
            outcome = install(pkg, names, module.params["state"] == "latest", module.check_mode)
    except Sentence as error:
        told: dict = {}
        if isinstance(error, Failed):
            told = {**dict(zip(("rc", "stdout", "stderr"), error.answer)), "missing": error.missing}
        module.fail_json(msg=str(error), **told)
    result = told_of(outcome)
    if module.params["parts"] is not None:
        result["parts"] = {name: told_of(of_part(outcome, listed)) for name, listed in parts.items()}
        if module._diff:
            result["diff"] = [
                {"before_header": f"packages of {name}", "after_header": f"packages of {name}", **part["diff"]}
                for name, part in result["parts"].items()
                if part["changed"]
            ]
    module.exit_json(**result)


if __name__ == "__main__":
    main()
