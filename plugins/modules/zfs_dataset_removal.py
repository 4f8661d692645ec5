#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: zfs_dataset_removal
short_description: Destroy the dataset of one homeserver, with all that is on it
description:
  - Destroys the named dataset, its snapshots and the datasets of O(below), and removes the empty directories that they
    were mounted on. What is destroyed cannot be brought back.
  - Refuses a dataset that holds another homeserver's data or anything else than a homeserver's, one with other datasets
    below it or clones elsewhere, and one that a pot other than O(pot), running or not, or anybody on the host mounts.
    The pot O(pot) has to be gone before; in check mode it may still be there.
  - This is the only module of the collection that can destroy a dataset which is no pot's.
version_added: 0.2.0
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
    details: Shows that the dataset goes.
  idempotent:
    support: full
options:
  name:
    description:
      - The dataset, V(POOL/NAME).
    type: str
    required: true
  mountpoint:
    description:
      - Where it is mounted.
    type: path
    required: true
  homeserver:
    description:
      - Name of the homeserver whose data it has to hold, by its user property C(potluck.matrix:homeserver) or, without
        one, by what lies on it.
    type: str
    required: true
  homeserver_directory:
    description:
      - Directory of Synapse's data, from the top of the dataset.
    type: str
    default: matrixdata/matrix-synapse
  below:
    description:
      - Datasets below it that are the homeserver's too, as the plates of parts state them, whether they are there or
        not. Only C(dataset) and C(mountpoint) are read.
    type: list
    elements: dict
    default: []
  pot:
    description:
      - The homeserver's own pot.
    type: str
    required: true
seealso:
  - module: potluck.matrix.zfs_dataset
  - module: potluck.matrix.zfs_snapshot
"""

EXAMPLES = r"""
- name: Destroy what is left of a homeserver
  potluck.matrix.zfs_dataset_removal:
    name: zroot/matrixdata
    mountpoint: /mnt/matrixdata
    homeserver: example.com
    pot: matrix1
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: [zfs destroy -r zroot/matrixdata, rmdir /mnt/matrixdata]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.dataset import Dataset
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.dataset_home import Home
from ansible_collections.potluck.matrix.plugins.module_utils._pot.data_removal import Removal
from ansible_collections.potluck.matrix.plugins.module_utils._pot.machine import Machine


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "mountpoint": {"type": "path", "required": True},
            "homeserver": {"type": "str", "required": True},
            "homeserver_directory": {"type": "str", "default": "matrixdata/matrix-synapse"},
            "below": {"type": "list", "elements": "dict", "default": []},
            "pot": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    given, actions = module.params, []
    try:
        dataset = Dataset(Runner(), given["name"], given["mountpoint"], module.check_mode)
        actions = dataset.actions
        home = Home(dataset, given["homeserver"], given["homeserver_directory"])
        below = {each["dataset"]: each["mountpoint"] for each in given["below"]}
        changed = Removal(Machine(check=module.check_mode), home, below, given["pot"]).run()
    except Sentence as error:
        module.fail_json(msg=str(error), actions=actions, changed=bool(actions) and not module.check_mode)
    header = {"before_header": dataset.name, "after_header": dataset.name}
    module.exit_json(
        changed=changed, actions=actions, diff={"before": dataset.before, "after": dataset.after, **header}
    )


if __name__ == "__main__":
    main()
