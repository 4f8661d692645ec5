#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: zfs_snapshot_retention
short_description: Destroy old snapshots of several ZFS datasets, by number and by age
description:
  - Only snapshots whose names begin with O(prefix) and that have O(property) count, so that snapshots of anybody else
    are neither counted nor destroyed.
  - A snapshot goes when nothing keeps it, neither O(number) nor O(days). The newest stays in any case, and so does one
    that is held or has a clone, with a warning.
  - Destroys snapshots by their exact name, and never a dataset.
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
    details: Shows each snapshot that goes.
  idempotent:
    support: full
options:
  datasets:
    description:
      - The datasets, each V(POOL/NAME), all of one pool. What is below them belongs to them.
    type: list
    elements: str
    required: true
  prefix:
    description:
      - What the names of the snapshots, what stands after the C(@), begin with.
    type: str
    required: true
  property:
    description:
      - A user property (V(module:property)) that the snapshots have, whatever its value.
    type: str
    required: true
  number:
    description:
      - So many of the newest are kept.
    type: int
  days:
    description:
      - Those that are younger are kept. When neither is given, all are.
    type: int
seealso:
  - module: potluck.matrix.zfs_snapshot
"""

EXAMPLES = r"""
- name: Keep the snapshots of the last month, and three in any case
  potluck.matrix.zfs_snapshot_retention:
    datasets:
      - zroot/matrixdata
      - zroot/pot/jails/matrix1
    prefix: upgrade-
    property: example.com:taken-by
    number: 3
    days: 30
"""

RETURN = r"""
destroyed:
  description: The names of the snapshots that were destroyed, or would be in check mode, oldest first.
  returned: success
  type: list
  elements: str
  sample: [upgrade-20260101T000000Z]
actions:
  description: The zfs(8) commands that were run, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: ["zfs destroy -r zroot/matrixdata@upgrade-20260101T000000Z"]
option:
  description: The option that is at fault.
  returned: failure, when it is one of them
  type: str
  sample: datasets
"""

import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.retention import Retention
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner


def main():
    module = AnsibleModule(
        argument_spec={
            "datasets": {"type": "list", "elements": "str", "required": True},
            "prefix": {"type": "str", "required": True},
            "property": {"type": "str", "required": True},
            "number": {"type": "int"},
            "days": {"type": "int"},
        },
        supports_check_mode=True,
    )
    given = module.params
    actions: list[str] = []
    try:
        retention = Retention(Runner(), given["datasets"], given["prefix"], given["property"], module.check_mode)
        actions = retention.actions
        destroyed = retention.ensure(given["number"], given["days"], time.time())
    except Sentence as error:
        about = {"option": error.part} if error.part else {}
        module.fail_json(msg=str(error), actions=actions, changed=bool(actions) and not module.check_mode, **about)
    for warning in retention.warnings:
        module.warn(warning)
    diff = {"before": retention.before, "after": retention.after}
    module.exit_json(changed=bool(actions), destroyed=destroyed, actions=actions, diff=diff)


if __name__ == "__main__":
    main()
