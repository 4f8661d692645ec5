#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pot_host
short_description: Prepare a FreeBSD machine for pots and tell what it offers
description:
  - Holds settings in pot's configuration file C(/usr/local/etc/pot/pot.conf) in the form that C(potnet) can read as well,
    keeping every other line, and makes pot's group and initialises pot's datasets when they are missing.
  - Returns in the same call what is needed to plan a pot on the machine, so that no further round trips are needed.
version_added: 0.1.0
author:
  - potluck.matrix contributors (@potluck)
attributes:
  check_mode:
    support: full
    description: Reports what would change without changing anything.
  diff_mode:
    support: full
    description: Shows the change of the configuration file and of the packet filter rules.
  idempotent:
    support: full
    description: C(pot init) runs only when something it makes is missing.
options:
  settings:
    description:
      - Settings of C(pot.conf), such as V(POT_ZFS_ROOT), with their values. Settings that are not listed stay as they are.
      - Without V(POT_EXTIF) here and in the file, the interface of the machine's default route is written.
    type: dict
    default: {}
  configure_pf:
    description:
      - Add pot's two anchors to the machine's packet filter rules when they are missing, before the first translation or
        filter rule. The file is replaced only when C(pfctl -n) accepts the new rules; they are not loaded.
      - With V(false) no file of the machine outside of pot's own is touched.
    type: bool
    default: false
  required_mounts:
    description:
      - Directories that have to be mount points. A pot gets a directory whether its dataset is mounted or not,
        and would write to the wrong file system.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Make the machine ready for pots
  potluck.matrix.pot_host:
    settings:
      POT_EXTIF: vtnet0
    required_mounts:
      - /mnt/matrixdata
  register: machine
"""

RETURN = r"""
installed:
  description: Whether pot is installed. It can only be V(false) in check mode.
  returned: success
  type: bool
  sample: true
initialised:
  description: Whether pot's datasets exist (in check mode as found).
  returned: success
  type: bool
  sample: true
settings:
  description: The settings in force, with pot's own defaults for POT_ZFS_ROOT, POT_FS_ROOT, POT_CACHE and POT_GROUP.
  returned: success
  type: dict
  sample: {"POT_EXTIF": "vtnet0", "POT_FS_ROOT": "/opt/pot", "POT_GROUP": "pot", "POT_ZFS_ROOT": "zroot/pot"}
release:
  description: The machine's own release.
  returned: success
  type: str
  sample: "13.2"
releases:
  description: The releases pot can make a pot from on this kind of machine; empty while pot is not installed.
  returned: success
  type: list
  elements: str
  sample: ["13.1", "13.2"]
interfaces:
  description: The machine's network interfaces.
  returned: success
  type: list
  elements: str
  sample: ["vtnet0", "lo0"]
bases:
  description: The base release of each existing pot.
  returned: success
  type: dict
  sample: {"matrix1": "13.2"}
bridges:
  description: Names of the private bridges.
  returned: success
  type: list
  elements: str
  sample: []
vimage:
  description: Whether the kernel has virtual networks, which pots on a bridge need.
  returned: success
  type: bool
  sample: true
racct:
  description: Whether the kernel accounts resources, which limits of memory need.
  returned: success
  type: bool
  sample: false
pf_anchors:
  description: Whether the machine's packet filter rules hold pot's anchors.
  returned: success
  type: bool
  sample: false
actions:
  description: What was done to the machine besides writing C(pot.conf), or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: ["pot init -m"]
option:
  description: The option that is at fault.
  returned: failure
  type: str
  sample: settings
"""

import fcntl
import grp
import os
import platform
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.potluck.matrix.plugins.module_utils import _pot, _pot_host, _zfs

POT = "/usr/local/bin/pot"
RC_SCRIPT = "/usr/local/etc/rc.d/pot"
CONFIGURATION = "/usr/local/etc/pot/pot.conf"
DEFAULT_CONFIGURATION = "/usr/local/etc/pot/pot.default.conf"
MANIFESTS = "/usr/local/share/freebsd/MANIFESTS"
# Two runs on one machine must not edit pot.conf or initialise at the same time; pot has no lock for either.
LOCK = "/var/run/pot-host.lock"


def read_file(path):
    """Text of a file, empty when there is none. What is not UTF-8 survives being written back."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return ""


def list_directory(path):
    """Sorted names in a directory; none when it is missing or is no directory."""
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []


class Host:
    """The machine; actions, changed and diff collect what was done to it, or would be in check mode."""

    def __init__(self, module):
        self.module = module
        self.actions = []
        self.changed = False
        self.diff = []
        self.evaluated = {}
        self.installed = os.access(POT, os.X_OK)
        self.configuration = read_file(CONFIGURATION)
        self.default_configuration = read_file(DEFAULT_CONFIGURATION)
        self.interfaces = self.output("ifconfig", "-l").split()

    def fail(self, option, message):
        """End the module with a sentence about an option. Does not return."""
        self.module.fail_json(msg=message, option=option, actions=self.actions)

    def output(self, program, *arguments):
        """Standard output of a command that only reads; empty when it fails."""
        rc, out, dummy = self.module.run_command([self.module.get_bin_path(program, True, ["/sbin", "/usr/sbin", "/bin"])] + list(arguments))
        return out if rc == 0 else ""

    @property
    def settings(self):
        """What pot makes of its two files, which are sh; of the second one as this run has it or would have it."""
        texts = (self.default_configuration, self.configuration)
        if texts not in self.evaluated:
            keys = sorted(set(_pot_host.DEFAULTS).union(*map(_pot_host.parse, texts)))
            script = 'eval "$1" && eval "$2" && printf "%s\\n" ' + " ".join('"$%s"' % key for key in keys)
            rc, out, err = self.module.run_command(["/bin/sh", "-c", script, "pot", *texts])
            if rc != 0:
                self.fail("settings", "%s cannot be read: %s" % (CONFIGURATION, err.strip().replace("\n", "; ")))
            found = dict(zip(keys, out.split("\n")[-len(keys) - 1:]))
            self.evaluated[texts] = {key: found[key] or _pot_host.DEFAULTS.get(key, "") for key in keys}
        return self.evaluated[texts]

    def ensure_group(self):
        """pot gives its files to a group and does nothing without it."""
        name = self.settings["POT_GROUP"]
        try:
            grp.getgrnam(name)
        except KeyError:
            self.actions.append("pw groupadd " + name)
            self.changed = True
            if not self.module.check_mode:
                rc, dummy, err = self.module.run_command([self.module.get_bin_path("pw", True, ["/usr/sbin"]), "groupadd", "-n", name])
                if rc != 0:
                    self.fail("settings", "POT_GROUP: the group %s cannot be made: %s" % (name, err.strip()))

    def check_mounts(self):
        """fail() unless something is mounted on each of O(required_mounts). In check mode a missing or empty directory passes."""
        paths = [path for dummy, path in _zfs.parse_mounts(self.output("mount", "-p"))]
        for path in self.module.params["required_mounts"]:
            # In check mode the dataset may be one that the run would create.
            if os.path.realpath(path) not in paths and not (self.module.check_mode and not list_directory(path)):
                self.fail("required_mounts", "nothing is mounted on %s, so a pot would write into a plain directory of the machine; "
                          "mount its dataset first" % path)

    def configure(self):
        """Bring O(settings), and POT_EXTIF if nobody has set it, into pot.conf; fail() before it is written for what cannot work.

        In check mode the settings count as written for all that follows.
        """
        try:
            wanted = {key: _pot_host.text_of(key, value) for key, value in self.module.params["settings"].items()}
        except ValueError as error:
            self.fail("settings", str(error))
        if "POT_EXTIF" not in wanted and "POT_EXTIF" not in _pot_host.parse(self.configuration):
            wanted["POT_EXTIF"] = _pot_host.default_interface(self.output("route", "-n", "get", "default"))
            if not wanted["POT_EXTIF"]:
                self.fail("settings", "the machine has no default route to take the outside interface from; set POT_EXTIF to one of %s"
                          % ", ".join(self.interfaces))
        extif = wanted.get("POT_EXTIF", self.settings.get("POT_EXTIF"))
        if extif not in self.interfaces:
            self.fail("settings", "POT_EXTIF: the machine has no network interface '%s'; it has %s" % (extif, ", ".join(self.interfaces)))
        text = _pot_host.edit(self.configuration, wanted)
        if text != self.configuration:
            self.changed = True
            self.show(CONFIGURATION, self.configuration, text)
            self.configuration = text
            # A setting that can not work must not be left behind: no later run would take it out again.
            if self.installed:
                self.initialised()
            if not self.module.check_mode:
                try:
                    _pot.write_atomically(CONFIGURATION, text)
                except _pot.PotError as error:
                    self.fail("settings", str(error))
        for key in _pot_host.quoted_for_potnet(text):
            self.module.warn("%s is quoted in %s, which hides it from potnet; set it through this module or remove the quotes" % (key, CONFIGURATION))

    def initialised(self):
        """Whether everything that "pot init" makes is there and mounted; raises through fail() for a root with another mountpoint."""
        root, directory = self.settings["POT_ZFS_ROOT"], self.settings["POT_FS_ROOT"]
        pools = self.output("zpool", "list", "-H", "-o", "name").split()
        if root.split("/", 1)[0] not in pools:
            self.fail("settings", "POT_ZFS_ROOT is %s, and this machine has no such pool; it has %s" % (root, ", ".join(pools) or "none"))
        listing = self.output("zfs", "list", "-H", "-o", "name,mountpoint,mounted", "-t", "filesystem", "-r", root)
        found = {fields[0]: fields[1:] for fields in (line.split("\t") for line in listing.splitlines())}
        if root in found and found[root][0] != directory:
            self.fail("settings", "POT_FS_ROOT is %s, but the dataset %s (POT_ZFS_ROOT) has the mountpoint %s" % (directory, root, found[root][0]))
        return all(found.get("%s/%s" % (root, name), ("", "no"))[1] == "yes" for name in ("bases", "jails", "fscomp", "cache")) \
            and os.path.isdir(os.path.join(directory, "bridges"))

    def pf_rules(self):
        """Path of the packet filter's rules: C(pf_rules) of rc.conf, its default included."""
        return self.output("sysrc", "-n", "pf_rules").strip() or "/etc/pf.conf"

    def pf_anchors(self):
        """Whether the file of rules holds pot's anchors; what pf has loaded is not looked at."""
        return _pot_host.has_pf_anchors(read_file(self.pf_rules()))

    def initialise(self):
        """Run C(pot init -m) unless all that it makes is there; fail() when something of it is missing afterwards."""
        if self.initialised():
            return
        # -m leaves syslog, rc.conf and the packet filter alone.
        self.actions.append("pot init -m")
        self.changed = True
        if self.module.check_mode:
            return
        rc, out, err = self.module.run_command([POT, "init", "-m"], environ_update={"PATH": _pot.PATH})
        if rc != 0 or not self.initialised():
            self.fail("settings", "'pot init -m' did not initialise pot: %s" % (_pot.pot_errors(out, err) or "exit code %d" % rc))

    def add_pf_anchors(self):
        """Write pot's anchors to the file of rules unless both are there; fail() when C(pfctl -n) refuses the result, in check mode too.

        The rules are not loaded.
        """
        rules = self.pf_rules()
        before = read_file(rules)
        if _pot_host.has_pf_anchors(before):
            return
        after = _pot_host.with_pf_anchors(before)
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", errors="surrogateescape", dir=self.module.tmpdir) as draft:
            draft.write(after)
            draft.flush()
            rc, dummy, err = self.module.run_command([self.module.get_bin_path("pfctl", True, ["/sbin"]), "-nf", draft.name])
        if rc != 0:
            self.fail("configure_pf", "%s would not be valid with pot's anchors in it and is left as it is; add the lines '%s' and '%s' to its "
                      "translation section: %s" % ((rules,) + _pot_host.PF_ANCHORS + (err.strip().replace(draft.name, rules).replace("\n", "; "),)))
        self.actions.append("pot's anchors in " + rules)
        self.changed = True
        self.show(rules, before, after)
        if not self.module.check_mode:
            try:
                _pot.write_atomically(rules, after)
            except _pot.PotError as error:
                self.fail("configure_pf", str(error))

    def show(self, path, before, after):
        """Add a file to what diff mode shows; before and after are its whole texts."""
        self.diff.append(dict(before=before, after=after, before_header=path, after_header=path))

    def facts(self):
        """What the module returns about the machine besides changed, diff, actions and initialised, by the names of its documentation."""
        settings = self.settings
        directory = settings["POT_FS_ROOT"]
        bases = {name: _pot_host.pot_base(read_file(os.path.join(directory, "jails", name, "conf", "pot.conf")))
                 for name in list_directory(os.path.join(directory, "jails"))}
        return dict(
            installed=self.installed,
            settings=settings,
            release=_pot_host.short_release(self.output("freebsd-version", "-u")),
            releases=_pot_host.releases(list_directory(MANIFESTS), platform.machine()),
            interfaces=self.interfaces,
            bases={name: base for name, base in bases.items() if base},
            bridges=list_directory(os.path.join(directory, "bridges")),
            vimage=self.output("sysctl", "-n", "kern.features.vimage").strip() == "1",
            racct=self.output("sysctl", "-n", "kern.racct.enable").strip() == "1",
            pf_anchors=self.pf_anchors(),
        )


def main():
    """Runs on one machine wait for each other at LOCK, without a limit of time; a run in check mode takes no lock."""
    module = AnsibleModule(
        argument_spec=dict(
            settings=dict(type="dict", default={}),
            configure_pf=dict(type="bool", default=False),
            required_mounts=dict(type="list", elements="path", default=[]),
        ),
        supports_check_mode=True,
    )
    lock = None
    if not module.check_mode:
        lock = open(LOCK, "a")  # released by the end of the process
        fcntl.flock(lock, fcntl.LOCK_EX)
    host = Host(module)
    if not host.installed and not module.check_mode:
        host.fail("settings", "pot is not installed: %s is missing" % POT)
    host.check_mounts()
    host.configure()
    host.ensure_group()
    if host.installed:
        if not os.access(RC_SCRIPT, os.X_OK):
            # A pot that came from its repository instead of a package; its pots work, until the machine is rebooted.
            module.warn("%s is missing, so that no pot starts at boot: install the package pot" % RC_SCRIPT)
        host.initialise()
    if module.params["configure_pf"]:
        host.add_pf_anchors()
    result = host.facts()
    module.exit_json(changed=host.changed, diff=host.diff, actions=host.actions, initialised=host.installed and host.initialised(), **result)


if __name__ == "__main__":
    main()
