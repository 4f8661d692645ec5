#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: zfs_dataset
short_description: Ensure a mounted ZFS file system with properties, without ever hiding or destroying data
description:
  - Creates a ZFS file system or sets what differs on an existing one, mounts it and verifies that it is mounted where
    it should be.
  - Refuses a mount point that something else uses (another dataset, another file system, files in a plain directory),
    and a dataset that is a volume or would not be mounted at boot. It has no way to destroy anything.
  - With O(homeserver) it also refuses a dataset that holds anything else than that homeserver's data, a second dataset
    for a homeserver that has one, and a dataset that has lost the homeserver's signing key. What it has seen it keeps
    in the user property C(potluck.matrix:homeserver) of the dataset.
  - Sizes may be written as zfs(8) does (V(10G)); they are compared in bytes, so that check mode tells the truth.
    A property that already has the wanted value by inheritance is left alone.
version_added: 0.1.0
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - ansible.builtin.files
  - potluck.matrix.attributes
  - potluck.matrix.attributes.freebsd
  - potluck.matrix.sentences
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Shows each property that changes.
  idempotent:
    support: full
options:
  name:
    description:
      - The dataset, V(POOL/NAME). Missing parents are created with the properties they inherit.
    type: str
    required: true
  mountpoint:
    description:
      - Absolute path where the dataset is mounted. Changing it on an existing dataset moves the mounted file system.
    type: path
    required: true
  properties:
    description:
      - Properties to hold, native or user properties (V(module:property)). V(true) and V(false) mean V(on) and V(off).
      - Properties that are not listed stay as they are.
    type: dict
    default: {}
  minimum_free:
    description:
      - Space that has to be available in the dataset, as a size; less is an error. V(0) turns the check off.
    type: str
    default: "0"
  homeserver:
    description:
      - Name of the homeserver whose data the dataset is for. Its name in the dataset's user property
        C(potluck.matrix:homeserver) follows as soon as its signing key lies in O(homeserver_directory). Empty for a
        dataset of any other kind.
    type: str
    default: ""
  homeserver_directory:
    description:
      - Directory of Synapse's data and of its C(signing.key), from the top of the dataset.
    type: str
    default: matrixdata/matrix-synapse
  database:
    description:
      - The kind of database, V(sqlite), V(postgresql) or V(elsewhere), that O(homeserver) is to have. A homeserver
        whose data are in PostgreSQL, as the file C(database) beside its signing key says, is refused another one,
        which would be empty.
        Empty to leave that unjudged.
    type: str
    default: ""
  parent_mode:
    description:
      - Mode of the directory in which O(mountpoint) lies, so that other users of the host do not reach what a pot puts
        on the dataset, whatever its mode. It is left alone when the directory or one above it is closed to others
        already, and, with a warning, when it is one of the system, is not root's, or holds something else. Empty to
        leave it alone in any case.
    type: str
    default: ""
seealso:
  - module: community.general.zfs
notes:
  - O(owner), O(group) and O(mode) are those of the root directory of the mounted dataset.
"""

EXAMPLES = r"""
- name: The dataset that holds everything of value
  potluck.matrix.zfs_dataset:
    name: zroot/matrixdata
    mountpoint: /mnt/matrixdata
    properties:
      compression: lz4
      atime: false
      quota: 200G
    minimum_free: 1G
    owner: root
    group: wheel
    mode: "0755"
    homeserver: example.com
    parent_mode: "0700"
"""

RETURN = r"""
dataset:
  description: The dataset as it is now (in check mode as it was, empty if it did not exist).
  returned: success
  type: dict
  sample:
    name: zroot/matrixdata
    mountpoint: /mnt/matrixdata
    mounted: true
    available: 20401094656
    used: 24576
    homeserver: example.com
    going_back: ""
actions:
  description: The zfs(8) commands that were run, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["zfs set quota=214748364800 zroot/matrixdata"]
option:
  description: The option that is at fault.
  returned: failure
  type: str
  sample: mountpoint
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import snapshots, zfs
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence, in_words_of
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import dataset_home, dataset_rules
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.dataset import Dataset


def bring_about(module, dataset):
    """(changed, the properties in the end as of dataset_home.ensure()), with owner and mode of the directories."""
    given = module.params
    try:
        minimum = zfs.size_in_bytes(given["minimum_free"])
    except ValueError as error:
        raise Sentence(str(error), "minimum_free") from error
    home = None
    if given["homeserver"]:
        home = dataset_home.Home(dataset, given["homeserver"], given["homeserver_directory"], given["database"])
    changed, properties = dataset_home.ensure(dataset, home, given["properties"], minimum)
    if dataset.is_in_place(properties):
        modes = {"before": dataset.before, "after": dataset.after}
        wanted = module.load_file_common_arguments(given, path=dataset.mountpoint)
        changed = module.set_fs_attributes_if_different(wanted, changed, diff=modes)
    parent = dataset_home.parent_to_close(dataset) if given["parent_mode"] else ""
    if parent:
        modes = {}
        changed = module.set_mode_if_different(parent, given["parent_mode"], changed, diff=modes)
        if modes:
            dataset.note("mode of " + parent, modes["before"]["mode"], modes["after"]["mode"])
    return changed, properties


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "mountpoint": {"type": "path", "required": True},
            "properties": {"type": "dict", "default": {}},
            "minimum_free": {"type": "str", "default": "0"},
            "homeserver": {"type": "str", "default": ""},
            "homeserver_directory": {"type": "str", "default": "matrixdata/matrix-synapse"},
            "database": {"type": "str", "default": ""},
            "parent_mode": {"type": "str", "default": ""},
            "sentences": {"type": "dict", "default": {}},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    warnings, actions, problem = [], [], None
    try:
        dataset = Dataset(Runner(), module.params["name"], module.params["mountpoint"], module.check_mode)
        warnings, actions = dataset.warnings, dataset.actions
        changed, properties = bring_about(module, dataset)
    except Sentence as error:
        problem = error
    for warning in warnings:
        module.warn(warning)
    if problem:
        about = {"option": problem.part} if problem.part else {}
        message = in_words_of(module.params["sentences"], problem.part, str(problem))
        module.fail_json(msg=message, actions=actions, **about)
    state = {}
    if properties is not None:
        state = {
            "name": dataset.name,
            "mountpoint": properties["mountpoint"],
            "mounted": properties["mounted"] == "yes",
            "available": int(properties["available"]),
            "used": int(properties["used"]),
            "homeserver": properties.get(dataset_rules.HOMESERVER, ""),
            # The snapshot of a rollback that was cut off.
            "going_back": properties.get(snapshots.GOING_BACK, ""),
        }
    header = {"before_header": dataset.name, "after_header": dataset.name}
    diff = {"before": dataset.before, "after": dataset.after, **header}
    module.exit_json(changed=changed, dataset=state, actions=actions, diff=diff)


if __name__ == "__main__":
    main()
