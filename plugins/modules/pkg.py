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
  - Waits while another C(pkg) holds the lock of the package database, as several runs on one machine make it happen.
notes:
  - C(community.general.pkgng) can not read the version of a C(pkg) that was built between two releases and stops there, and with
    C(pkg) 2.4 or newer its C(state=latest) upgrades nothing.
author:
  - potluck.matrix contributors (@potluck)
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: full
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
  platform:
    description: Target OS on which the module can be operated.
    support: full
    platforms: FreeBSD
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
  creates:
    description: Install nothing when this file exists, for programs that may also have come another way than as a package.
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
import re
import time

from ansible.module_utils.basic import AnsibleModule

# A repository cannot be asked and a package database cannot be opened while another pkg writes it.
LOCKED = re.compile(r"locked by another process|advisory lock|database is locked", re.IGNORECASE)
NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")


class Pkg:
    """pkg(8) of the managed node, run with arguments in a list and without a terminal."""

    def __init__(self, module):
        self.module = module
        self.program = module.get_bin_path("pkg", True, ["/usr/local/sbin", "/usr/sbin"])
        self.deadline = time.time() + module.params["lock_timeout"]

    def run(self, *arguments):
        """Return ``(rc, stdout, stderr)``, after waiting for another pkg where there is one."""
        environment = {"BATCH": "yes"}
        if arguments[0] in ("install", "update", "upgrade"):
            # Without it a pkg that is not there yet asks whether to install itself, and fails for want of a terminal.
            environment["ASSUME_ALWAYS_YES"] = "yes"
        while True:
            answer = self.module.run_command([self.program, *arguments], environ_update=environment)
            if answer[0] == 0 or not LOCKED.search(answer[1] + answer[2]) or time.time() > self.deadline:
                return answer
            time.sleep(3)

    def versions(self, query, names):
        """Return ``{name: version}`` of those of the packages that ``pkg query`` or ``pkg rquery`` knows."""
        found = {}
        for name in names:
            # pkg ends with 1 for a package it does not know, and for several names when one of them is unknown.
            # rquery would update the catalogue, and ask whoever is not there about a newer release of the system.
            rc, out, dummy = self.run(query, *(["-U"] if query == "rquery" else []), "%v", name)
            if rc == 0 and out.strip():
                found[name] = out.split()[0]
        return found

    def installed(self):
        """Return ``{name: version}`` of all packages."""
        rc, out, err = self.run("query", "-a", "%n %v")
        if rc != 0:
            self.module.fail_json(msg="The installed packages cannot be listed: %s" % last_words(out, err))
        return dict(line.split(" ", 1) for line in out.splitlines())

    def pending(self):
        """Return ``(answer of pkg, what it would upgrade, a line each)``; for the second C(None) when it could not say.

        The exit code of a dry run says nothing: with updates it is 1 before pkg 2.4, and 0 since.
        """
        answer = self.run("upgrade", "-n")
        if "Your packages are up to date" in answer[1]:
            return answer, []
        found = re.findall(r"^\t(\S.*)$", answer[1], re.MULTILINE)
        return answer, found or None


def last_words(out, err):
    """Return the last line with which pkg explains itself."""
    lines = [line.strip() for line in (err.strip() or out.strip()).splitlines() if line.strip()]
    return lines[-1] if lines else "pkg said nothing"


def upgrade_all(module, pkg):
    """Upgrade everything and end the module."""
    installed = pkg.installed()
    answer, lines = pkg.pending()
    if not module.check_mode and lines:
        # When there is a new pkg, it alone is upgraded first.
        for dummy in range(3):
            answer = pkg.run("upgrade", "-y")
            left = pkg.pending()[1]
            if answer[0] != 0 or left == []:
                break
        else:
            module.fail_json(msg="The packages are not upgraded: %s" % ("; ".join(left) if left else "pkg does not say what is left"), stdout=answer[1])
    if lines is None or (answer[0] != 0 and not module.check_mode):
        module.fail_json(msg="The packages cannot be upgraded: %s" % last_words(*answer[1:]), rc=answer[0], stdout=answer[1], stderr=answer[2])
    after = pkg.installed()
    changed = {name: version for name, version in after.items() if installed.get(name) != version}
    removed = {name: version for name, version in installed.items() if after.get(name) != version}
    module.exit_json(
        changed=bool(lines) if module.check_mode else bool(changed or removed),
        packages=changed,
        diff=dict(
            before="".join("%s-%s\n" % pair for pair in sorted(removed.items())),
            after="".join(line + "\n" for line in lines or []) if module.check_mode else "".join("%s-%s\n" % pair for pair in sorted(changed.items())),
        ),
    )


def main():
    module = AnsibleModule(
        argument_spec=dict(
            name=dict(type="list", elements="str", default=[]),
            state=dict(type="str", choices=["present", "latest"], default="present"),
            upgrade_all=dict(type="bool", default=False),
            creates=dict(type="path"),
            lock_timeout=dict(type="int", default=600),
        ),
        supports_check_mode=True,
        required_one_of=[("name", "upgrade_all")],
        mutually_exclusive=[("name", "upgrade_all")],
    )
    names = module.params["name"]
    for name in names:
        if not NAME.match(name):
            module.fail_json(msg="name: %r is not the name of a package, a good one is py311-matrix-synapse" % name)
    if module.params["creates"] and os.path.exists(module.params["creates"]):
        module.exit_json(changed=False, packages={}, diff=dict(before="", after=""))
    pkg = Pkg(module)
    if module.params["upgrade_all"]:
        upgrade_all(module, pkg)
    before = pkg.versions("query", names)
    wanted = {name: None for name in names if name not in before}
    if module.params["state"] == "latest" and len(wanted) < len(names):
        rc, out, err = pkg.run("update", "-q")
        if rc != 0:
            module.fail_json(msg="The package catalogue cannot be fetched: %s" % last_words(out, err))
        available = pkg.versions("rquery", [name for name in names if name in before])
        wanted.update({name: version for name, version in available.items() if version != before[name]})
    after = dict(before)
    if wanted and module.check_mode:
        after.update({name: version or "(the repository's version)" for name, version in wanted.items()})
    elif wanted:
        rc, out, err = pkg.run("install", "-y", *sorted(wanted))
        after = pkg.versions("query", names)
        missing = [name for name in names if name not in after]
        if rc != 0 or missing:
            module.fail_json(
                msg="%s cannot be installed: %s" % (", ".join(missing or sorted(wanted)), last_words(out, err)), rc=rc, stdout=out, stderr=err
            )
    module.exit_json(
        changed=before != after,
        packages=after,
        diff=dict(
            before="".join("%s-%s\n" % pair for pair in sorted(before.items())),
            after="".join("%s-%s\n" % pair for pair in sorted(after.items())),
        ),
    )


if __name__ == "__main__":
    main()
