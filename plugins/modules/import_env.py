#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: import_env
short_description: Turn the environment of a Potluck jail into host variables
version_added: 0.1.0
description:
  - Reads the environment of a pot that runs Potluck's matrix-synapse and writes the variables of this collection that
    mean the same, C(host_vars/HOST/matrix.yml) and, for the secrets, C(host_vars/HOST/vault.yml) with mode 0600, which
    is meant for C(ansible-vault encrypt).
  - The environment may be the C(pot set-env) commands that set it, the pot's C(environment.sh) (or C(/root/.env.cook)),
    or its C(pot.conf). The module recognises which of them it is. Only C(pot.conf) tells the pot's network type,
    interface, bridge and exported ports too.
  - Values come out as the pot's shell had them in the end. A value with a part that the shell expands is imported as
    it is written, with a warning.
  - Flags come out as Potluck's jail takes them, for which C(NOSSL=false) and C(CONTROLUSER=false) mean yes; a warning
    says so. C(SSLEMAIL=none) and empty values are left out.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Secrets are shown by name only.
  idempotent:
    support: full
options:
  source:
    description:
      - The file with the environment.
    type: path
    required: true
  host:
    description:
      - Name of the server in the inventory.
    type: str
    required: true
  directory:
    description:
      - Directory of the inventory, in which C(host_vars) is or will be.
    type: path
    required: true
  pot:
    description:
      - Which pot's commands to take, if O(source) has C(set-env) commands for several.
    type: str
  force:
    description:
      - Overwrite files that this module did not write, that were changed since, or that are encrypted.
      - Without it, the first two are refused, and an encrypted C(vault.yml) is left alone with a warning.
    type: bool
    default: false
notes:
  - Run it on the controller (C(connection) V(local)); the files belong to the inventory.
  - The import only translates; role P(potluck.matrix.preflight#role) reports values that are wrong or missing.
"""

EXAMPLES = r"""
- name: Take over a Potluck jail's environment
  potluck.matrix.import_env:
    source: /root/environment.sh
    host: matrix1
    directory: /etc/ansible/inventory
  delegate_to: localhost
"""

RETURN = r"""
files:
  description: The files that hold the variables.
  returned: success
  type: list
  elements: str
  sample: [/etc/ansible/inventory/host_vars/matrix1/matrix.yml, /etc/ansible/inventory/host_vars/matrix1/vault.yml]
variables:
  description: The variables in C(matrix.yml).
  returned: success
  type: dict
  sample: {matrix_domain: example.com}
secrets:
  description: Names of the variables in C(vault.yml).
  returned: success
  type: list
  elements: str
  sample: [matrix_gossip_key, matrix_shared_secret]
"""

import os
import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import potluck_env
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.variables_files import VariablesFiles, render


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "path", "required": True},
            "host": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "pot": {"type": "str"},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    host, source = module.params["host"], module.params["source"]
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*", host):
        module.fail_json(msg=f'host: "{host}" is not a name of an inventory host, for example matrix1.')
    if not os.path.isdir(module.params["directory"]):
        module.fail_json(
            msg="directory: {} is not a directory; give the one that the inventory is in.".format(
                module.params["directory"]
            )
        )
    try:
        with open(source, encoding="utf-8") as stream:
            environment = potluck_env.read(stream.read(), module.params["pot"])
        variables, secrets, warnings = potluck_env.convert(environment)
    except OSError as error:
        module.fail_json(msg=f"source: {source} cannot be read ({error.strerror}).")
    except UnicodeDecodeError:
        module.fail_json(msg=f"source: {source} is not a text in UTF-8.")
    except ValueError as error:
        module.fail_json(msg=f"source: {source}: {error}")
    for warning in warnings:
        module.warn(warning)

    files = VariablesFiles(module.check_mode, module.params["force"])
    directory = os.path.join(module.params["directory"], "host_vars", host)
    problem = ""
    try:
        files.write(os.path.join(directory, "matrix.yml"), render(variables, warnings), 0o644, secret=False)
        if secrets:
            hint = f'Secrets in clear text: encrypt this file with "ansible-vault encrypt host_vars/{host}/vault.yml".'
            files.write(os.path.join(directory, "vault.yml"), render(secrets, [hint]), 0o600, secret=True)
    except Sentence as error:
        problem = str(error)
    for warning in files.warnings:
        module.warn(warning)
    if problem:
        module.fail_json(msg=problem)
    module.exit_json(
        changed=files.changed, diff=files.diff, files=files.paths, variables=variables, secrets=sorted(secrets)
    )


if __name__ == "__main__":
    main()
