#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: zfs_snapshot
short_description: Take, destroy or go back to a snapshot of one moment of several ZFS datasets
description:
  - A snapshot is of the named datasets and of all that is below them, and all of it is of one moment.
  - With O(state=rolled_back) each of the datasets goes back to the snapshot, which loses what was written since. Stop
    what writes there first.
  - zfs(8) goes back with one dataset after the other. Until all have gone the first of them have the user property
    C(potluck.matrix:going-back) with the name of the snapshot, so that a run that comes after one that was cut off can
    go on with it. Properties of datasets stay as they are.
  - Destroys snapshots by their exact name, and never a dataset.
version_added: 0.1.0
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
    details: Shows each snapshot that comes or goes, and each dataset that goes back to one.
  idempotent:
    support: partial
    details: O(state=rolled_back) is done each time, as what was written since the snapshot is lost each time.
options:
  name:
    description:
      - Name of the snapshot, what stands after the C(@).
    type: str
    required: true
  datasets:
    description:
      - The datasets, each V(POOL/NAME), all of one pool.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(present) takes the snapshot, unless there is one of that name. One that some of the datasets have and others
        lack, or that is not of one moment, is an error. Datasets that were made later need none.
      - V(absent) destroys it, wherever it is found at or below the datasets.
      - V(rolled_back) goes back to it. A dataset that was made later stays as it is, with a warning.
    type: str
    choices: [present, absent, rolled_back]
    default: present
  force_newer:
    description:
      - With O(state=rolled_back), destroy the snapshots and bookmarks that came after the snapshot; without it, they
        are an error. ZFS cannot go back without that.
    type: bool
    default: false
  properties:
    description:
      - With O(state=present), user properties (V(module:property)) that the snapshots have to have. They come with the
        snapshots, and those that are there are given them.
    type: dict
    default: {}
  room_for:
    description:
      - With O(state=present), datasets that are about to be written anew while the snapshot keeps what there was. When
        what is free for one of them is less than what it holds, that is an error and no snapshot is taken.
    type: list
    elements: str
    default: []
seealso:
  - module: potluck.matrix.zfs_snapshot_info
  - module: potluck.matrix.zfs_dataset
"""

EXAMPLES = r"""
- name: Take a snapshot of the data and of the pot
  potluck.matrix.zfs_snapshot:
    name: before-upgrade
    datasets:
      - zroot/matrixdata
      - zroot/pot/jails/matrix1

- name: Go back to it
  potluck.matrix.zfs_snapshot:
    name: before-upgrade
    datasets:
      - zroot/matrixdata
      - zroot/pot/jails/matrix1
    state: rolled_back

- name: Destroy it
  potluck.matrix.zfs_snapshot:
    name: before-upgrade
    datasets:
      - zroot/matrixdata
      - zroot/pot/jails/matrix1
    state: absent
"""

RETURN = r"""
snapshots:
  description: The snapshots of that name as they are now (in check mode as they were), oldest first.
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
      sample: {}
actions:
  description: The zfs(8) commands that were run, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: ["zfs snapshot -r zroot/matrixdata@before-upgrade zroot/pot/jails/matrix1@before-upgrade"]
halfway:
  description: Whether some of the datasets may have gone back and others not. Do it again before anything writes there.
  returned: failure
  type: bool
  sample: false
option:
  description: The option that is at fault.
  returned: failure, when it is one of them
  type: str
  sample: datasets
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.snapshots import (
    GOING_BACK,
    Snapshots,
    facts,
    require_room,
)


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "datasets": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent", "rolled_back"], "default": "present"},
            "force_newer": {"type": "bool", "default": False},
            "properties": {"type": "dict", "default": {}},
            "room_for": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    actions: list[str] = []
    try:
        runner = Runner()
        snapshots = Snapshots(runner, given["datasets"], given["name"], module.check_mode, given["properties"])
        actions = snapshots.actions
        if given["room_for"] and given["state"] == "present":
            require_room(runner, given["room_for"])
        found = snapshots.ensure(given["state"], given["force_newer"])
    except Sentence as error:
        changed = bool(actions) and not module.check_mode
        about = {"option": error.part} if error.part else {}
        halfway = changed and any(GOING_BACK in action for action in actions)
        module.fail_json(msg=str(error), actions=actions, changed=changed, halfway=halfway, **about)
    for warning in snapshots.warnings:
        module.warn(warning)
    module.exit_json(
        changed=bool(actions),
        snapshots=facts(found),
        actions=actions,
        diff={"before": snapshots.before, "after": snapshots.after},
    )


if __name__ == "__main__":
    main()
