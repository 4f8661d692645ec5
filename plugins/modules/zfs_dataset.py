#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: zfs_dataset
short_description: Ensure a mounted ZFS file system with properties, without ever hiding or destroying data
description:
  - Creates a ZFS file system or sets what differs on an existing one, mounts it and verifies that it is mounted where it should be.
  - Refuses a mount point that something else uses (another dataset, another file system, files in a plain directory),
    and a dataset that is a volume or would not be mounted at boot. It has no way to destroy anything.
  - Sizes may be written as zfs(8) does (V(10G)); they are compared in bytes, so that check mode tells the truth.
    A property that already has the wanted value by inheritance is left alone.
version_added: 0.1.0
author:
  - potluck.matrix contributors (@potluck)
attributes:
  check_mode:
    support: full
    description: Reports what would change without changing anything.
  diff_mode:
    support: full
    description: Shows each property that changes.
  idempotent:
    support: full
    description: A second run with the same options changes nothing.
extends_documentation_fragment:
  - ansible.builtin.files
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
"""

RETURN = r"""
dataset:
  description: The dataset as it is now (in check mode as it was, empty if it did not exist).
  returned: success
  type: dict
  sample: {"name": "zroot/matrixdata", "mountpoint": "/mnt/matrixdata", "mounted": true, "available": 20401094656, "used": 24576}
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

import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.potluck.matrix.plugins.module_utils import _zfs


class Dataset:
    """The dataset of the options; actions and diff collect what was done to it, or would be in check mode."""

    def __init__(self, module):
        self.module = module
        self.name = module.params["name"]
        self.mountpoint = module.params["mountpoint"]
        self.zfs = module.get_bin_path("zfs", True)
        self.actions = []
        self.diff = {"before": {}, "after": {}, "before_header": self.name, "after_header": self.name}

    def fail(self, option, message):
        """End the module with a sentence, the option at fault and the actions up to now. Does not return."""
        self.module.fail_json(msg=message, option=option, actions=self.actions)

    def read(self, *argv):
        """Standard output of a command that only reads, in check mode as well; fail() when it does not end with 0."""
        rc, out, err = self.module.run_command(list(argv))
        if rc != 0:
            self.fail("name", "'%s' failed: %s" % (" ".join(argv), err.strip()))
        return out

    def current(self):
        """The properties of the dataset, or None when it does not exist."""
        rc, out, err = self.module.run_command([self.zfs, "get", "-H", "-p", "-o", "property,value", "all", self.name])
        if rc == 0:
            return _zfs.parse_properties(out)
        if "does not exist" in err:
            return None
        self.fail("name", "%s can not be read: %s" % (self.name, err.strip()))

    def run(self, option, *arguments):
        """Run one zfs command unless in check mode; an error is blamed on the option."""
        self.actions.append("zfs " + " ".join(arguments))
        if self.module.check_mode:
            return
        rc, dummy, err = self.module.run_command([self.zfs] + list(arguments))
        if rc != 0:
            self.fail(option, "'zfs %s' failed: %s" % (" ".join(arguments), err.strip().replace("\n", "; ") or "exit code %d" % rc))

    def note(self, key, before, after):
        """Put a property, or what is shown like one, into the diff."""
        self.diff["before"][key] = before
        self.diff["after"][key] = after

    def check_pool(self):
        """fail() unless the pool that the name begins with is on the machine."""
        pool = self.name.split("/", 1)[0]
        pools = self.read(self.module.get_bin_path("zpool", True), "list", "-H", "-o", "name").split()
        if pool not in pools:
            self.fail("name", "there is no pool '%s' on this machine for the dataset %s; it has %s"
                      % (pool, self.name, ", ".join(pools) if pools else "no pool at all"))

    def check_kind(self, properties):
        """fail() for a dataset that is no file system, is not mounted at boot or does not belong to the machine.

        properties: as of current(). Nothing of that is changed here.
        """
        if properties["type"] != "filesystem":
            self.fail("name", "%s is a %s, and a file system is needed; name another dataset" % (self.name, properties["type"]))
        if properties["canmount"] != "on":
            self.fail("name", "%s has canmount=%s and so is not mounted at boot; if it is meant to be used here, run 'zfs set canmount=on %s' on the machine"
                      % (self.name, properties["canmount"], self.name))
        if properties["mountpoint"] in ("legacy", "none"):
            self.fail("name", "%s has mountpoint=%s, so something else decides where it is mounted; if it is meant to be used here, "
                      "run 'zfs set mountpoint=%s %s' on the machine" % (self.name, properties["mountpoint"], self.mountpoint, self.name))
        if properties.get("jailed", "off") == "on":
            self.fail("name", "%s is delegated to a jail (jailed=on) and can not be mounted on the machine" % self.name)

    def check_mountpoint(self, properties):
        """fail() when something else is mounted at the mountpoint, claims it or lies in it; a warning for each dataset that mounts below.

        properties: as of current(), None for a dataset that does not exist yet.
        """
        path = os.path.realpath(self.mountpoint)
        mounts = _zfs.parse_mounts(self.read(self.module.get_bin_path("mount", True), "-p"))
        datasets = _zfs.parse_datasets(self.read(self.zfs, "list", "-H", "-o", "name,mountpoint,canmount", "-t", "filesystem"))
        entries = []
        in_place = properties is not None and properties["mounted"] == "yes" and properties["mountpoint"] == self.mountpoint
        if os.path.lexists(path) and not os.path.isdir(path):
            self.fail("mountpoint", "%s is not a directory" % self.mountpoint)
        if not in_place and os.path.isdir(path):
            entries = os.listdir(path)
        conflict = _zfs.mountpoint_conflict(self.name, self.mountpoint, path, datasets, mounts, entries)
        if conflict:
            self.fail("mountpoint", conflict)
        for child in _zfs.shadowed_children(self.name, self.mountpoint, datasets):
            self.module.warn("%s is mounted below %s: a pot that gets that directory sees an empty one in its place unless it is mounted there as well"
                             % (child, self.mountpoint))

    def create(self, wanted):
        """Make the dataset and the parents it lacks (C(zfs create -p)); wanted is C({property: canonical value})."""
        arguments = ["create", "-p", "-o", "mountpoint=" + self.mountpoint]
        for prop, value in sorted(wanted.items()):
            arguments += ["-o", "%s=%s" % (prop, value)]
        self.run("properties", *(arguments + [self.name]))
        self.note("state", "absent", "present")
        self.note("mountpoint", None, self.mountpoint)
        for prop, value in sorted(wanted.items()):
            self.note(prop, None, value)

    def update(self, wanted, properties):
        """Set the mountpoint and those of the wanted properties that differ; properties are those of now, as of current()."""
        if properties["mountpoint"] != self.mountpoint:
            self.run("mountpoint", "set", "mountpoint=" + self.mountpoint, self.name)
            self.note("mountpoint", properties["mountpoint"], self.mountpoint)
        for prop, (before, after) in sorted(_zfs.missing_properties(wanted, properties).items()):
            self.run("properties", "set", "%s=%s" % (prop, after), self.name)
            self.note(prop, before, after)

    def mount(self, properties):
        """Mount the dataset unless it is mounted; nothing is done for properties None, a dataset that check mode did not make."""
        if properties is not None and properties["mounted"] != "yes":
            self.run("name", "mount", self.name)
            self.note("mounted", "no", "yes")

    def check_space(self, available):
        """fail() when fewer bytes are available than O(minimum_free) asks for."""
        minimum = _zfs.size_in_bytes(self.module.params["minimum_free"])
        if available < minimum:
            self.fail("minimum_free", "%s has %s free, less than the %s that are needed; free some space or raise its quota"
                      % (self.name, _zfs.human(available), _zfs.human(minimum)))

    def parent_space(self, wanted):
        """What a dataset that does not exist yet would have: the space of the nearest ancestor, cut by its own quota."""
        name = self.name
        while "/" in name:
            name = name.rsplit("/", 1)[0]
            rc, out, dummy = self.module.run_command([self.zfs, "get", "-H", "-p", "-o", "value", "available", name])
            if rc == 0:
                quotas = [int(wanted[prop]) for prop in ("quota", "refquota") if wanted.get(prop, "none") != "none"]
                return min([int(out.strip())] + quotas)
        return 0

    def ensure(self):
        """Do everything: (changed, the properties in the end as of current()). In check mode they are those of before, None without a dataset."""
        try:
            wanted = _zfs.canonical_properties(self.module.params["properties"])
        except ValueError as error:
            self.fail("properties", str(error))
        self.check_pool()
        properties = self.current()
        if properties is not None:
            self.check_kind(properties)
        self.check_mountpoint(properties)
        if properties is None:
            self.check_space(self.parent_space(wanted))
            self.create(wanted)
            if not self.module.check_mode:
                properties = self.current()
        if properties is not None:
            # Also after a create: "create -p" of a dataset that another run made meanwhile succeeds without applying the properties.
            self.update(wanted, properties)
            if self.actions and not self.module.check_mode:
                # ZFS mounts some datasets when their mountpoint is set, and mounting twice is an error.
                properties = self.current()
            self.mount(properties)
        if not self.module.check_mode:
            if self.actions:
                properties = self.current()
            self.verify(wanted, properties)
            self.check_space(int(properties["available"]))
        elif properties is not None and not self.actions:
            self.check_space(int(properties["available"]))
        changed = bool(self.actions)
        if properties is not None and properties["mounted"] == "yes" and properties["mountpoint"] == self.mountpoint:
            file_arguments = self.module.load_file_common_arguments(self.module.params, path=self.mountpoint)
            changed = self.module.set_fs_attributes_if_different(file_arguments, changed, diff=self.diff)
        return changed, properties

    def verify(self, wanted, properties):
        """fail() unless the dataset exists, has the wanted properties and is mounted at the mountpoint."""
        if properties is None:
            self.fail("name", "%s does not exist although it was just created" % self.name)
        left = _zfs.missing_properties(wanted, properties)
        if left:
            kept = ", ".join("%s=%s (it is %s)" % (prop, after, before) for prop, (before, after) in sorted(left.items()))
            self.fail("properties", "%s did not take %s" % (self.name, kept))
        if properties["mounted"] != "yes" or properties["mountpoint"] != self.mountpoint:
            reason = ": its encryption key is not loaded ('zfs load-key')" if properties.get("keystatus") == "unavailable" else ""
            self.fail("name", "%s is not mounted on %s%s" % (self.name, self.mountpoint, reason))


def main():
    module = AnsibleModule(
        argument_spec=dict(
            name=dict(type="str", required=True),
            mountpoint=dict(type="path", required=True),
            properties=dict(type="dict", default={}),
            minimum_free=dict(type="str", default="0"),
        ),
        add_file_common_args=True,
        supports_check_mode=True,
    )
    dataset = Dataset(module)
    wrong = _zfs.check_name(dataset.name)
    if wrong:
        dataset.fail("name", "'%s' %s" % (dataset.name, wrong))
    mountpoint = dataset.mountpoint.rstrip("/")
    if not mountpoint.startswith("/") or " " in mountpoint or os.path.normpath(mountpoint) != mountpoint:
        dataset.fail("mountpoint", "'%s' is not an absolute path without blanks and '..' below /" % module.params["mountpoint"])
    dataset.mountpoint = mountpoint
    try:
        _zfs.size_in_bytes(module.params["minimum_free"])
    except ValueError as error:
        dataset.fail("minimum_free", str(error))
    changed, properties = dataset.ensure()
    state = {}
    if properties is not None:
        state = dict(name=dataset.name, mountpoint=properties["mountpoint"], mounted=properties["mounted"] == "yes",
                     available=int(properties["available"]), used=int(properties["used"]))
    module.exit_json(changed=changed, dataset=state, actions=dataset.actions, diff=dataset.diff)


if __name__ == "__main__":
    main()
