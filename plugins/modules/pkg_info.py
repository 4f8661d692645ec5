#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: pkg_info
short_description: Ask what a FreeBSD package depends on
version_added: 0.1.0
description:
  - Tells what a package depends on, as it is installed, or else as the repository in use has it. Changes nothing but,
    where there is none yet, the catalogue.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.info_module
  - potluck.matrix.attributes.freebsd
options:
  name:
    description: Name of the package, without version and patterns.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Ask which PostgreSQL the driver is made for
  potluck.matrix.pkg_info:
    name: py311-psycopg2
  register: driver
"""

RETURN = r"""
depends:
  description: Names of the packages that it depends on directly.
  type: list
  elements: str
  returned: success
  sample: [python311, postgresql15-client]
installed:
  description: Whether the package is installed.
  type: bool
  returned: success
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.pkg import NAME, Pkg, dependencies
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner

# Seconds to wait for another pkg.
LOCK_TIMEOUT = 600


def main():
    module = AnsibleModule(argument_spec={"name": {"type": "str", "required": True}}, supports_check_mode=True)
    name = module.params["name"]
    if not NAME.match(name):
        module.fail_json(msg=f"'{name}' is not the name of a package.")
    problem = ""
    found: tuple[bool, list[str]] = (False, [])
    try:
        found = dependencies(Pkg(Runner(), LOCK_TIMEOUT), name)
    except Sentence as error:
        problem = str(error)
    if problem:
        module.fail_json(msg=problem)
    module.exit_json(changed=False, installed=found[0], depends=found[1])


if __name__ == "__main__":
    main()
