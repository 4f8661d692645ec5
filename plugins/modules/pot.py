#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pot
short_description: Create, change, start, stop and destroy a pot, a FreeBSD jail on ZFS
description:
  - Makes a pot exist with the given properties, run, stop or disappear.
  - The state is read from pot's own files and from C(jls), only the difference is applied, and every result is proven
    afterwards, because the exit codes of C(pot) do not tell whether it worked.
  - Options that are not given are left as they are in an existing pot.
  - Several runs may work on one host at the same time; they wait for each other.
  - Runs on the FreeBSD host as root. pot must be installed and initialised there.
  - While a pot is stopped, what it has left in the places that pot writes to, mounts on or reads (C(/etc/hosts),
    C(/etc/resolv.conf), C(/etc/rc.conf), C(/bin/freebsd-version), C(/tmp), C(/dev), the targets of mounts) is repaired,
    with a warning, or the pot is not started. For this the module installs C(/usr/local/libexec/potluck-pot-guard),
    with its sources in C(/usr/local/libexec/potluck-pot-guard.pyz), and a few lines in C(pot.conf) that have pot call
    it, so that it also looks when pot is started by hand or at the boot; and it writes C(potluck.json) and the
    hook C(poststop.sh) beside the pot's C(pot.conf).
  - A pot that ran and does not come up with a changed configuration is started again with its former one, and the
    module fails.
  - An address that another pot has is refused, whether that pot runs or not.
  - What interrupted runs and killed pots left behind (stale states, half-created pots without data) is repaired and
    reported in RV(actions). A half-created pot that may hold data is left alone and reported as an error.
version_added: "0.1.0"
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.freebsd
  - potluck.matrix.sentences
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Of environment variables only names are shown.
  idempotent:
    support: partial
    details: O(state=restarted) restarts the pot each time.
options:
  name:
    description:
      - Name of the pot, and of its jail in C(jls).
      - Letters, digits, V(_), V(+) and V(-), at most 55, not digits only.
    type: str
    required: true
  state:
    description:
      - V(present) makes the pot exist with the given properties and leaves it running or stopped as it is.
      - V(started) and V(stopped) also start or stop it.
      - V(restarted) stops it, applies what changed and starts it.
      - V(absent) stops and destroys it, and removes what is left of it on the host (addresses, limits, redirections in
        the packet filter). What other pots have stays. Datasets mounted into it are never touched; the module refuses
        as long as something of yours is still mounted below the pot or another pot is a clone of it.
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
      - When none of O(base), O(pot_base), O(clone_from) and O(image) is given, the release of the host itself.
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
      - A pot whose snapshot becomes the new pot. Everything but name and address is inherited from it, also
        environment, ports, mounts and O(attributes.start_at_boot).
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
        description: Path on the host of the signify key the image is signed with.
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
      - With O(network_type=alias) at least one address, each V(ADDRESS) or V(NIC|ADDRESS), without prefix length.
        Without NIC it is POT_EXTIF of pot's configuration.
      - With a bridge one IPv4 address, or V(auto) or nothing for a free one. An address a pot has already satisfies
        V(auto).
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
    description: Host name of the pot. A new pot is called V(NAME.HOSTNAME_OF_HOST) when nothing is given.
    type: str
  dns:
    description:
      - Where /etc/resolv.conf of the pot comes from. V(inherit) is the host's, V(pot) names pot's own resolver,
        V(off) leaves the file alone, V(custom:/PATH) is a copy of a file of the host, V(custom) is the text of
        O(resolv_conf).
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
      - pot hands them to O(cmd) only if O(attributes.no_rc_script) is true; else it writes them to
        C(/tmp/environment.sh) in the pot.
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
        description: The pot goes on after its start command has ended.
        type: bool
      no_rc_script:
        description: Run O(cmd) from a script of pot's with the environment set.
        type: bool
      prunable:
        description: C(pot prune) may destroy the pot once it has run.
        type: bool
      localhost_tunnel:
        description: Forward exported ports of the host's loopback address too.
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
        description: Allow mounting in the pot.
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
        description: How many jails the pot may create.
        type: int
      mlock:
        description: Allow locking memory.
        type: bool
      devfs_ruleset:
        description: Number of the devfs ruleset.
        type: int
      exec_stop:
        description:
          - Command run in the pot when it stops, for example V(/bin/sh /etc/rc.shutdown jail); empty for none. Without
            it processes are just killed.
          - The value cannot contain an equals sign, because pot would cut it there.
        type: str
      stop_timeout:
        description: Seconds between the signals TERM and KILL when the pot stops.
        type: int
  mounts:
    description:
      - Directories and datasets of the host that appear in the pot. A mount at the same target with another source
        is replaced.
      - A running pot gets its mounts, and loses those that are removed, when it is started again; nothing is mounted in
        a pot that runs, because mount(8) follows every link that the pot puts in its way. RV(restart_required) tells
        that a restart is due.
      - A source that another pot mounts, or that lies above or below one, is refused unless one of the two mounts is
        read-only.
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
      - Ports to export from a pot on a bridge, each V([tcp:|udp:]PORT_IN_POT[:PORT_ON_HOST]). An empty list removes
        all.
    type: list
    elements: str
  hosts:
    description: Names and their addresses, written to /etc/hosts of the pot at each start. An empty dictionary removes
      all.
    type: dict
  limits:
    description: Resource limits, applied at start.
    type: dict
    suboptions:
      cpus:
        description: Number of CPUs, V(0) for no limit.
        type: int
      memory:
        description: Amount of memory such as V(512M), V(0) for no limit. Needs C(kern.racct.enable=1) on the host.
        type: str
  timeout:
    description: Seconds each pot command, and waiting for other runs, may take. Creating a pot downloads a release.
    type: int
    default: 3600
seealso:
  - module: potluck.matrix.pot_info
"""

EXAMPLES = r"""
- name: A pot of the host's own release with its own address and data
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
option:
  description: The option that is at fault, where it is one that another pot has, V(ip) or V(mounts).
  returned: failure
  type: str
  sample: ip
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence, in_words_of
from ansible_collections.potluck.matrix.plugins.module_utils._pot.arguments import argument_spec
from ansible_collections.potluck.matrix.plugins.module_utils._pot.machine import Machine, pot_lock
from ansible_collections.potluck.matrix.plugins.module_utils._pot.names import check_name
from ansible_collections.potluck.matrix.plugins.module_utils._pot.reconcile import PotModule


def main():
    module = AnsibleModule(
        argument_spec=argument_spec(),
        mutually_exclusive=[("base", "clone_from", "image"), ("pot_base", "clone_from", "image")],
        required_if=[("network_type", "alias", ("ip",)), ("network_type", "private-bridge", ("bridge",))],
        required_by={"clone_snapshot": ("clone_from",), "bridge_hosts": ("bridge",), "level": ("type",)},
        supports_check_mode=True,
    )
    options = module.params
    actions = []
    try:
        check_name(options["name"])
        if os.geteuid() != 0:
            raise Sentence("Pots can only be managed as root: use become.")
        with pot_lock(options["name"], options["timeout"], module.check_mode):
            machine = Machine(check=module.check_mode, timeout=options["timeout"])
            actions = machine.actions
            result = PotModule(options, machine, module.check_mode).run()
    except (Sentence, OSError) as exc:
        part = getattr(exc, "part", "")
        about = {"option": part} if part else {}
        module.fail_json(msg=in_words_of(options["sentences"], part, str(exc)), actions=actions, **about)
    for text in machine.warnings:
        module.warn(text)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
