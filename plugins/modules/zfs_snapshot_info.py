#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: zfs_snapshot_info
short_description: List the snapshots of ZFS datasets
description:
  - Lists the snapshots of the named datasets and of all that is below them.
version_added: 0.1.0
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.info_module
  - potluck.matrix.attributes.freebsd
options:
  datasets:
    description:
      - The datasets, each V(POOL/NAME), all of one pool.
    type: list
    elements: str
    required: true
  prefix:
    description:
      - Only snapshots whose name, what stands after the C(@), begins with this.
    type: str
    default: ""
  properties:
    description:
      - Names of user properties (V(module:property)) of the snapshots to return.
    type: list
    elements: str
    default: []
seealso:
  - module: potluck.matrix.zfs_snapshot
"""

EXAMPLES = r"""
- name: List what upgrades have left behind
  potluck.matrix.zfs_snapshot_info:
    datasets:
      - zroot/matrixdata
      - zroot/pot/jails/matrix1
    prefix: upgrade-
  register: found

- name: Show the names, oldest first
  ansible.builtin.debug:
    msg: "{{ found.snapshots | map(attribute='name') | unique }}"
"""

RETURN = r"""
snapshots:
  description: One dictionary for each snapshot of each dataset, oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the snapshot, what stands after the C(@).
      type: str
      returned: always
      sample: before-upgrade
    dataset:
      description: The dataset it is of.
      type: str
      returned: always
      sample: zroot/matrixdata
    snapshot:
      description: Both together, as zfs(8) calls it.
      type: str
      returned: always
      sample: zroot/matrixdata@before-upgrade
    created:
      description: When it was taken, in seconds since 1970.
      type: int
      returned: always
      sample: 1795905663
    used:
      description: Bytes that would be free without it.
      type: int
      returned: always
      sample: 1024
    properties:
      description: Those of O(properties) that it has.
      type: dict
      returned: always
      sample: {example.com:why: before the move}
going_back:
  description:
    - Name of the snapshot that M(potluck.matrix.zfs_snapshot) was going back to when it was cut off, so that some of
      the datasets are as they were and others are not; empty as a rule.
  returned: success
  type: str
  sample: ""
option:
  description: The option that is at fault.
  returned: failure, when it is one of them
  type: str
  sample: datasets
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.snapshots import facts, look, topmost


def main():
    module = AnsibleModule(
        argument_spec={
            "datasets": {"type": "list", "elements": "str", "required": True},
            "prefix": {"type": "str", "default": ""},
            "properties": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        listing = look(Runner(), topmost(module.params["datasets"]), module.params["properties"])
    except Sentence as error:
        module.fail_json(msg=str(error), **({"option": error.part} if error.part else {}))
    found = facts(listing.moments, module.params["prefix"])
    module.exit_json(changed=False, snapshots=found, going_back=listing.going_back)


if __name__ == "__main__":
    main()
