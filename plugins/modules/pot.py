#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pot
short_description: Manage the whole life of a pot, a FreeBSD jail on ZFS
description:
  - Makes a pot exist with the given properties, run, stop or disappear.
  - The state is read from pot's own files and from C(jls), only the difference is applied, and every result is proven
    afterwards, because the exit codes of C(pot) do not tell.
  - Options that are not given are left as they are in an existing pot.
  - Several runs may work on one machine at the same time; they wait for each other.
  - Runs on the FreeBSD machine as root. pot must be installed and initialised there.
  - What interrupted runs and killed jails left behind (stale states, half-created pots without data) is repaired and reported in
    RV(actions). A half-created pot that may hold data is left alone and reported as an error.
version_added: "0.1.0"
author:
  - potluck.matrix contributors (@potluck)
attributes:
  check_mode:
    support: full
    description: Can run in check mode and return changed status prediction without modifying the machine.
  diff_mode:
    support: full
    description: Returns the options that differ before and after. Of environment variables only names are shown.
  idempotent:
    support: partial
    details:
      - O(state=restarted) restarts the pot each time.
    description: When run twice in a row with the same arguments, the second run changes nothing.
  platform:
    support: full
    platforms: FreeBSD
    description: Target operating systems.
options:
  name:
    description:
      - Name of the pot, which is the name of its jail too.
      - Letters, digits, V(_), V(+) and V(-), at most 55, not digits only.
    type: str
    required: true
  state:
    description:
      - V(present) makes the pot exist with the given properties and leaves it running or stopped as it is.
      - V(started) and V(stopped) also start or stop it.
      - V(restarted) stops it, applies what changed and starts it.
      - V(absent) stops and destroys it. Datasets mounted into it are never touched; the module refuses as long as something of yours
        is still mounted below the pot or another pot is a clone of it.
    type: str
    choices: [absent, present, started, stopped, restarted]
    default: started
  restart_on_change:
    description:
      - With O(state=started), restart a running pot when RV(restart_required) would be true otherwise.
    type: bool
    default: false
  type:
    description:
      - Layout of a new pot. V(single) has one dataset, V(multi) shares a base made with C(pot create-base).
      - A new pot is V(single) when nothing is given. An existing pot cannot be changed.
    type: str
    choices: [single, multi]
  base:
    description:
      - FreeBSD release of a new pot (for example V(14.2)), or with O(type=multi) the name of a base.
      - When none of O(base), O(pot_base), O(clone_from) and O(image) is given, the release of the machine itself.
      - An existing pot with another base is left as it is, with a warning.
    type: str
  level:
    description: Level of a new pot with O(type=multi).
    type: int
    choices: [1, 2]
  pot_base:
    description:
      - A pot to build a new one on, given to C(pot create -P). Needed for O(level=2).
    type: str
  clone_from:
    description:
      - A pot whose snapshot becomes the new pot. Everything but name and address is inherited from it, also environment, ports,
        mounts and O(attributes.start_at_boot).
      - The pot needs a snapshot; none is taken by this module. It cannot be destroyed while clones exist.
    type: str
  clone_snapshot:
    description: Snapshot of O(clone_from) to use instead of the latest.
    type: str
  image:
    description:
      - An image to import as a template, when the template is missing, and to clone from.
      - The origin an image is built on is imported by pot from the same O(image.url).
    type: dict
    suboptions:
      name:
        description: Name of the image, for example V(matrix-synapse-amd64-14_2).
        type: str
        required: true
      tag:
        description: Version of the image.
        type: str
        required: true
      url:
        description: Where the image's files lie. Without it they must be in pot's cache already.
        type: str
      pubkey:
        description: Path on the machine of the signify key the image is signed with.
        type: path
  flavours:
    description: Flavours to apply to a new pot, in this order.
    type: list
    elements: str
  network_type:
    description:
      - How the pot reaches the network. A new pot is V(inherit), a new clone like its source, when nothing is given.
      - A change takes effect at the next start.
    type: str
    choices: [inherit, alias, public-bridge, private-bridge]
  ip:
    description:
      - With O(network_type=alias) at least one address, each V(ADDRESS) or V(NIC|ADDRESS), without prefix length. Without NIC it is
        POT_EXTIF of pot's configuration.
      - With a bridge one IPv4 address, or V(auto) or nothing for a free one. An address a pot has already satisfies V(auto).
    type: list
    elements: str
  bridge:
    description: Name of the bridge with O(network_type=private-bridge).
    type: str
  bridge_hosts:
    description: When O(bridge) does not exist, make it with room for this many pots.
    type: int
  network_stack:
    description: IP versions of the pot. A new pot takes POT_NETWORK_STACK of pot's configuration when nothing is given.
    type: str
    choices: [ipv4, ipv6, dual]
  hostname:
    description: Host name of the jail. A new pot is called V(NAME.HOSTNAME_OF_THE_MACHINE) when nothing is given.
    type: str
  dns:
    description:
      - Where /etc/resolv.conf of the pot comes from. V(inherit) is the machine's, V(pot) names pot's own resolver,
        V(off) leaves the file alone, V(custom:/PATH) is a copy of a file of the machine, V(custom) is the text of O(resolv_conf).
    type: str
  resolv_conf:
    description: Text of /etc/resolv.conf of the pot with O(dns=custom). pot puts it there at every start.
    type: str
  cmd:
    description: The command that starts the pot, one line. pot uses V(sh /etc/rc) when it creates one.
    type: str
  env:
    description:
      - Environment variables of the pot, written to pot's configuration without ever standing on a command line.
      - pot hands them to O(cmd) only if O(attributes.no_rc_script) is true; else it writes them to C(/tmp/environment.sh) in the pot.
      - Values are hidden in every output, so a short value also hides the same text in other results.
    type: dict
  env_exact:
    description: Remove variables that are not in O(env), when that is given.
    type: bool
    default: true
  attributes:
    description: Attributes of the pot, as of C(pot set-attribute), with underscores for pot's hyphens.
    type: dict
    suboptions:
      start_at_boot:
        description: Started by the boot script and stopped cleanly at shutdown.
        type: bool
      early_start_at_boot:
        description: The same, earlier in the boot.
        type: bool
      persistent:
        description: The jail outlives its start command.
        type: bool
      no_rc_script:
        description: Run O(cmd) from a script of pot's with the environment set.
        type: bool
      prunable:
        description: C(pot prune) may destroy the pot once it has run.
        type: bool
      localhost_tunnel:
        description: Forward exported ports of the machine's loopback address too.
        type: bool
      no_tmpfs:
        description: No tmpfs on /tmp. Only for O(type=single), and it can only be changed while the pot is stopped.
        type: bool
      no_etc_hosts:
        description: Do not list the other pots of a bridge in /etc/hosts.
        type: bool
      enforce_statfs:
        description: Jail parameter of the same name.
        type: int
      mount:
        description: Allow mounting in the jail.
        type: bool
      fdescfs:
        description: Mount fdescfs.
        type: bool
      linprocfs:
        description: Allow mounting linprocfs.
        type: bool
      nullfs:
        description: Allow mounting nullfs.
        type: bool
      procfs:
        description: Mount procfs.
        type: bool
      tmpfs:
        description: Allow mounting tmpfs.
        type: bool
      zfs:
        description: Allow mounting ZFS.
        type: bool
      raw_sockets:
        description: Kept by pot without effect, raw sockets are always allowed.
        type: bool
      sysvshm:
        description: Access to System V shared memory.
        type: str
        choices: [new, inherit, disable]
      sysvsem:
        description: Access to System V semaphores.
        type: str
        choices: [new, inherit, disable]
      sysvmsg:
        description: Access to System V message queues.
        type: str
        choices: [new, inherit, disable]
      children:
        description: How many jails the jail may create.
        type: int
      mlock:
        description: Allow locking memory.
        type: bool
      devfs_ruleset:
        description: Number of the devfs ruleset.
        type: int
      exec_stop:
        description:
          - Command run in the jail when it stops, for example V(/bin/sh /etc/rc.shutdown jail); empty for none. Without it processes are
            just killed.
          - Must not contain an equals sign, where pot would cut the value.
        type: str
      stop_timeout:
        description: Seconds between the signals TERM and KILL when the jail stops.
        type: int
  mounts:
    description:
      - Directories and datasets of the machine that appear in the pot. A mount at the same target with another source is replaced.
      - Mounts of a running pot are applied at once.
    type: list
    elements: dict
    suboptions:
      source:
        description:
          - An existing directory, a mounted ZFS dataset, or the name of a pot fscomp, as O(mounts[].kind) says.
        type: str
        required: true
      target:
        description: Absolute path inside the pot. It is created when missing.
        type: str
        required: true
      kind:
        description: What O(mounts[].source) is.
        type: str
        choices: [directory, dataset, fscomp]
        default: directory
      read_only:
        description: Mount read-only.
        type: bool
        default: false
  mounts_exact:
    description: Remove mounts that are not in O(mounts). Those a pot consists of are never removed.
    type: bool
    default: false
  ports:
    description:
      - Ports to export from a pot on a bridge, each V([tcp:|udp:]PORT_IN_POT[:PORT_ON_MACHINE]). An empty list removes all.
    type: list
    elements: str
  hosts:
    description: Names and their addresses, written to /etc/hosts of the pot at each start. An empty dictionary removes all.
    type: dict
  limits:
    description: Resource limits, applied at start.
    type: dict
    suboptions:
      cpus:
        description: Number of CPUs, V(0) for no limit.
        type: int
      memory:
        description: Amount of memory such as V(512M), V(0) for no limit. Needs C(kern.racct.enable=1) on the machine.
        type: str
  timeout:
    description: Seconds each pot command, and waiting for other runs, may take. Creating a pot downloads a release.
    type: int
    default: 3600
seealso:
  - module: potluck.matrix.pot_info
"""

EXAMPLES = r"""
- name: A pot of the machine's own release with its own address and data
  potluck.matrix.pot:
    name: matrix-example-org
    state: started
    network_type: alias
    ip:
      - vtnet0|192.0.2.10
    attributes:
      start_at_boot: true
      exec_stop: /bin/sh /etc/rc.shutdown jail
      stop_timeout: 90
    mounts:
      - source: zroot/matrixdata
        kind: dataset
        target: /mnt
  register: result

- name: Restart the pot if its configuration asks for that
  potluck.matrix.pot:
    name: matrix-example-org
    state: restarted
  when: result.restart_required

- name: A clone of an image
  potluck.matrix.pot:
    name: consul1
    image:
      name: consul-amd64-14_2
      tag: 2.4.2
      url: https://images.example.org/consul
    network_type: public-bridge
    env:
      DATACENTER: dc1
      GOSSIPKEY: "{{ gossip_key }}"

- name: No pot
  potluck.matrix.pot:
    name: consul1
    state: absent
"""

RETURN = r"""
pot:
  description: The pot as it is afterwards. See M(potluck.matrix.pot_info) for all keys.
  returned: success
  type: dict
  sample:
    name: matrix-example-org
    state: started
    jid: 4
    path: /opt/pot/jails/matrix-example-org/m
restart_required:
  description:
    - The running pot does not have its present configuration yet, because of this run or an earlier one.
  returned: success
  type: bool
actions:
  description: Commands run and files edited, in order. In check mode those that would be.
  returned: always
  type: list
  elements: str
  sample: [pot create -p matrix-example-org -t single -b 14.2 -N inherit, pot start matrix-example-org]
"""

import contextlib
import os
import re
import socket

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils import _pot

ATTRIBUTE_TYPES = {"bool": "bool", "uint": "int", "string": "str", "sysv": "str"}


def argument_spec():
    """The module's options; those of O(attributes) are made from C(_pot.ATTRIBUTES)."""
    attributes = {}
    for option, (_name, kind, _default) in _pot.ATTRIBUTES.items():
        attributes[option] = {"type": ATTRIBUTE_TYPES[kind]}
        if kind == "sysv":
            attributes[option]["choices"] = ["new", "inherit", "disable"]
    return dict(
        name=dict(type="str", required=True),
        state=dict(type="str", choices=["absent", "present", "started", "stopped", "restarted"], default="started"),
        restart_on_change=dict(type="bool", default=False),
        type=dict(type="str", choices=["single", "multi"]),
        base=dict(type="str"),
        level=dict(type="int", choices=[1, 2]),
        pot_base=dict(type="str"),
        clone_from=dict(type="str"),
        clone_snapshot=dict(type="str"),
        image=dict(type="dict", options=dict(
            name=dict(type="str", required=True),
            tag=dict(type="str", required=True),
            url=dict(type="str"),
            pubkey=dict(type="path", no_log=False))),
        flavours=dict(type="list", elements="str"),
        network_type=dict(type="str", choices=list(_pot.NETWORK_TYPES)),
        ip=dict(type="list", elements="str"),
        bridge=dict(type="str"),
        bridge_hosts=dict(type="int"),
        network_stack=dict(type="str", choices=["ipv4", "ipv6", "dual"]),
        hostname=dict(type="str"),
        dns=dict(type="str"),
        resolv_conf=dict(type="str"),
        cmd=dict(type="str"),
        env=dict(type="dict", no_log=True),
        env_exact=dict(type="bool", default=True),
        attributes=dict(type="dict", options=attributes),
        mounts=dict(type="list", elements="dict", options=dict(
            source=dict(type="str", required=True),
            target=dict(type="str", required=True),
            kind=dict(type="str", choices=["directory", "dataset", "fscomp"], default="directory"),
            read_only=dict(type="bool", default=False))),
        mounts_exact=dict(type="bool", default=False),
        ports=dict(type="list", elements="str"),
        hosts=dict(type="dict"),
        limits=dict(type="dict", options=dict(cpus=dict(type="int"), memory=dict(type="str"))),
        timeout=dict(type="int", default=3600),
    )


class PotModule:
    """One run: compare, apply, prove. machine does everything that touches the machine."""

    def __init__(self, options, machine, check):
        self.options = options
        self.machine = machine
        self.check = check
        self.before, self.after = {}, {}
        # In check mode: what the pot would look like.
        self.virtual = None
        self.pending = False
        self.wanted_mounts = []

    def run(self):
        """Bring the pot to O(state), or in check mode note what that takes: C(result). C(PotError) when it does not get there.

        A broken pot that may hold something of value is refused, unless it is to be absent.
        """
        name = self.options["name"]
        state = self.machine.settle(self.machine.read(name))
        self.before["state"] = self.after["state"] = state.state
        if self.options["state"] == "absent":
            if state.exists:
                self.machine.destroy(state)
                self.after["state"] = "absent"
            return self.result(self.machine.read(name), absent=True)
        if state.broken and not state.disposable:
            raise _pot.PotError("Pot %s cannot be used: %s. Look at it, then remove it with 'pot destroy -F -p %s'."
                                % (name, state.broken, name))
        _pot.check_options(self.options)
        # Before anything is made or stopped: a source may be missing.
        self.wanted_mounts = self.machine.wanted_mounts(self.options["mounts"] or [])
        status, noted = state.status, len(self.machine.actions)
        state = self.machine.repair(state)
        if len(self.machine.actions) > noted:
            self.before["status"], self.after["status"] = "%s, but not really" % status, "stopped"
        if not state.exists or state.broken:
            state = self.create(state)
        else:
            self.check_fixed(state)
        return self.configure(state)

    # -- creation

    def create(self, state):
        """Make the pot, in the place of a broken one if there is one: its State.

        Without base, pot_base, clone_from and image, the base is the machine's own release. In check mode the State is made up from what pot would write.
        """
        name, options, machine = self.options["name"], dict(self.options), self.machine
        if not options["base"] and not (options["clone_from"] or options["image"] or options["pot_base"]):
            options["base"] = re.sub(r"-(RELEASE|STABLE|CURRENT).*", "", os.uname().release)
        options["network_type"] = options["network_type"] or (None if options["clone_from"] or options["image"] else "inherit")
        _pot.check_network(options)
        machine.check_new(options)
        conf = self.expected_conf(options)
        machine.check_wanted_network(options, conf)
        self.check_hidden(conf)
        if state.broken:
            machine.destroy(state)
        machine.create(name, options)
        if self.check:
            self.virtual = conf
            state = _pot.State(name)
            state.exists, state.conf = True, conf
        else:
            state = machine.read(name)
        self.after["state"] = "stopped"
        self.before["state"] = "absent"
        shown = _pot.view(conf)
        shown.pop("env")
        self.after.update((option, value) for option, value in shown.items() if value not in ("", [], {}))
        self.after.pop("attributes")
        return state

    def expected_conf(self, options):
        """pot.conf as creation will leave it, to describe the change before it is made."""
        host, name = socket.gethostname(), options["name"]
        source = options["clone_from"]
        if options["image"]:
            source = _pot.template_name(options["image"]["name"], options["image"]["tag"])
        if source:
            template = self.machine.read(source)
            conf = _pot.cloned_conf(template.conf, name, host) if template.exists else _pot.initial_conf(name, "", host)
        else:
            kind = options["type"] or "single"
            conf = _pot.initial_conf(name, options["base"] or "", host, kind,
                                     (options["level"] or 1) if kind == "multi" else 0, options["pot_base"] or "",
                                     self.machine.config["POT_NETWORK_STACK"])
        network = ("network_type", "ip", "bridge", "network_stack")
        return _pot.merge(conf, {option: options[option] for option in network}, self.machine.config["POT_EXTIF"])

    def check_fixed(self, state):
        """What pot cannot change in an existing pot."""
        kind, base = state.conf.text("pot.type", "multi"), state.conf.text("pot.base")
        if self.options["type"] and self.options["type"] != kind:
            raise _pot.PotError("Pot %s exists with type %s, which cannot be changed to %s." % (state.name, kind, self.options["type"]))
        if self.options["base"] and self.options["base"] != base:
            self.machine.warnings.append("Pot %s keeps its base %s; %s needs a new pot." % (state.name, base, self.options["base"]))

    # -- configuration and run state

    def configure(self, state):
        """Bring a pot that exists to the wanted configuration, mounts and run state: C(result).

        A running pot is stopped only for O(state) or O(restart_on_change); otherwise what it does not have yet is left pending.
        """
        machine, options, wanted = self.machine, self.options, self.options["state"]
        created = self.before["state"] == "absent"
        new = _pot.merge(state.conf, options, machine.config["POT_EXTIF"])
        network = not created and {"network_type", "ip", "bridge", "network_stack"} & set(
            _pot.difference(_pot.view(state.conf), _pot.view(new))[1])
        remove, add = self.plan_mounts(state)
        resolv = machine.resolv_conf(state, options, created)
        # A free address stays free only as long as nobody else looks for one.
        with machine.host_lock() if network else contextlib.nullcontext():
            if network:
                new = self.new_network(state)
            before, after, restart = _pot.difference(_pot.view(state.conf), _pot.view(new))
            if resolv:
                before["resolv_conf"], after["resolv_conf"], restart = resolv[1], resolv[2], True
            if not created:
                self.before.update(before)
            self.after.update(after)
            self.describe_mounts(remove, add)
            was_running = state.running
            outdated = [line.target for line, place in machine.missing_mounts(state) if machine.outdated_mount(state.name, place)]
            if outdated:
                self.before["outdated_mounts"], self.after["outdated_mounts"] = outdated, []
            restart = was_running and (restart or state.restart_required or bool(outdated))
            stopping = was_running and (wanted in ("stopped", "restarted") or (wanted == "started" and restart and options["restart_on_change"]))
            if was_running and not stopping and "no_tmpfs" in after.get("attributes", {}):
                raise _pot.PotError("Attribute no_tmpfs can only be changed while pot %s is stopped." % state.name)
            if stopping:
                state = machine.stop(state)
                self.after["state"] = "stopped"
            if new.render() != state.conf.render():
                machine.write_conf(state, new, sorted(after) or ["tidied"], keep_mtime=was_running and not restart)
                state.conf = new
        if resolv:
            machine.edit(resolv[0], resolv[2], "resolv_conf")
            if was_running and not stopping:
                machine.touch(state.name)
        self.pending = restart and not stopping
        state = self.apply_mounts(state, remove, add)
        if wanted in ("started", "restarted") and (stopping or not was_running):
            state = machine.start(state)
            self.after["state"] = "started"
            if stopping:
                self.before["run"], self.after["run"] = "running", "restarted"
        elif was_running and not stopping:
            self.repair_mounts(state)
        if not self.check and machine.actions:
            state = machine.again(state.name)
            self.verify(state, wanted)
        return self.result(state)

    def new_network(self, state):
        """pot.conf with the wanted network, after everything it needs was found or made."""
        machine, options = self.machine, self.options
        machine.check_wanted_network(options, state.conf)
        bridge = options["bridge"] or state.conf.text("bridge")
        if bridge and (options["network_type"] or state.conf.text("network_type")) == "private-bridge":
            machine.ensure_bridge(bridge, options["bridge_hosts"])
        return _pot.merge(state.conf, options, machine.config["POT_EXTIF"], machine.next_ip)

    def plan_mounts(self, state):
        """([lines to remove], [mounts to add]) as C(_pot.plan_mounts) has them; two empty lists when neither O(mounts) nor O(mounts_exact) is given."""
        machine, options = self.machine, self.options
        if options["mounts"] is None and not options["mounts_exact"]:
            return [], []
        self.check_hidden(state.conf)
        resolve = (lambda path: path) if self.virtual else machine.resolver(state)
        return _pot.plan_mounts(state.lines, self.wanted_mounts, options["mounts_exact"], resolve, machine.effective, machine.own_prefixes())

    def check_hidden(self, conf):
        """C(PotError) for a mount on /tmp or below, where pot mounts its tmpfs after all others, unless no_tmpfs is or will be set."""
        no_tmpfs = (self.options["attributes"] or {}).get("no_tmpfs")
        if no_tmpfs is None:
            no_tmpfs = _pot.view(conf)["attributes"]["no_tmpfs"]
        for _source, target, _option in self.wanted_mounts:
            if not no_tmpfs and (target + "/").startswith("/tmp/"):
                raise _pot.PotError("A mount at %s would be hidden: pot mounts a tmpfs on /tmp last (see attributes.no_tmpfs)." % target)

    def describe_mounts(self, remove, add):
        """Show the planned changes of mounts in the diff; nothing is done."""
        if remove or add:
            self.before["mounts"] = ["%s on %s%s" % (line.source, line.target, " (read-only)" if line.option == "ro" else "")
                                     for line in remove]
            self.after["mounts"] = ["%s on %s%s" % (source, target, " (read-only)" if option == "ro" else "")
                                    for source, target, option in add]

    def apply_mounts(self, state, remove, add):
        """Remove and add what C(plan_mounts) found: the State of the pot afterwards.

        A new mount above one that a running pot has already hides that one; a warning says so, and a restart is left pending.
        """
        if remove:
            self.machine.unmount(state, remove)
        for source, target, option in add:
            state = self.machine.mount(state, source, target, option)
            hidden = [line.target for line in state.lines if line.target.startswith(target + "/")]
            if state.running and hidden:
                self.machine.warnings.append("The mount at %s hides %s until the pot is restarted." % (target, ", ".join(hidden)))
                self.machine.touch(state.name)
                self.pending = True
        return state

    def repair_mounts(self, state):
        """A configured mount that a running pot lacks was taken away behind pot's back."""
        for line, place in self.machine.missing_mounts(state):
            self.before.setdefault("missing_mounts", []).append(line.target)
            self.after["missing_mounts"] = []
            if not self.machine.remount(state, line, place):
                self.after["missing_mounts"] = self.before["missing_mounts"]
                sentence = ("%s at %s in the running pot is the directory from before something was mounted there; restart it."
                            if self.machine.outdated_mount(state.name, place) else "%s is not mounted at %s in the running pot; restart it.")
                self.machine.warnings.append(sentence % (line.source, line.target))
                self.pending = True

    def verify(self, state, wanted):
        """C(PotError) unless the pot can be used, its pot.conf needs no further change and it runs or is stopped as wanted.

        Mounts are not looked at here, C(Machine.mount) proves its own.
        """
        name = state.name
        if not state.exists or state.broken:
            raise _pot.PotError("Pot %s is not usable after all that: %s." % (name, state.broken or "it does not exist"))
        left = _pot.merge(state.conf, self.options, self.machine.config["POT_EXTIF"])
        if left.render() != state.conf.render():
            names = sorted(_pot.difference(_pot.view(state.conf), _pot.view(left))[1])
            raise _pot.PotError("The configuration of pot %s does not hold what was written: %s." % (name, ", ".join(names)))
        if wanted in ("started", "restarted") and not state.running:
            raise _pot.PotError("Pot %s does not run, although pot reported that it does." % name)
        if wanted == "stopped" and state.running:
            raise _pot.PotError("Pot %s still runs, although pot reported that it does not." % name)

    def result(self, state, absent=False):
        """What the module returns, as a dictionary: changed, pot, restart_required, actions, diff. changed means that there were actions.

        absent: of a pot that is gone only name, state and restart_required are told. In check mode the state is the one it would be in.
        """
        machine = self.machine
        before = {k: v for k, v in self.before.items() if k not in self.after or v != self.after[k]}
        after = {k: v for k, v in self.after.items() if k not in self.before or v != self.before[k]}
        required = not absent and bool(self.pending or (not self.check and state.restart_required))
        facts = {"name": state.name} if absent else machine.facts(state)
        facts["restart_required"] = required
        facts["state"] = self.after["state"] if self.check else state.state
        return {"changed": bool(machine.actions), "pot": facts, "restart_required": required, "actions": machine.actions,
                "diff": {"before": before, "after": after}}


def main():
    module = AnsibleModule(
        argument_spec=argument_spec(),
        mutually_exclusive=[("base", "clone_from", "image"), ("pot_base", "clone_from", "image")],
        required_if=[("network_type", "alias", ("ip",)), ("network_type", "private-bridge", ("bridge",))],
        required_by={"clone_snapshot": ("clone_from",), "bridge_hosts": ("bridge",), "level": ("type",)},
        supports_check_mode=True,
    )
    options = module.params
    machine = None
    try:
        _pot.check_name(options["name"])
        if os.geteuid() != 0:
            raise _pot.PotError("Pots can only be managed as root: use become.")
        with _pot.guard(options["name"], options["timeout"], module.check_mode):
            machine = _pot.Machine(check=module.check_mode, timeout=options["timeout"])
            result = PotModule(options, machine, module.check_mode).run()
    except (_pot.PotError, OSError) as exc:
        module.fail_json(msg=str(exc), actions=machine.actions if machine else [])
    for text in machine.warnings:
        module.warn(text)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
