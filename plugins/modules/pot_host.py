#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pot_host
short_description: Prepare a FreeBSD host for pots and return what it offers
description:
  - Holds settings in pot's configuration file C(/usr/local/etc/pot/pot.conf) in the form that C(potnet) can read as
    well, keeping every other line, and makes pot's group and initialises pot's datasets when they are missing.
  - Returns in the same call what is needed to plan a pot on the host, so that no further round trips are needed.
version_added: 0.1.0
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
    details: Shows the configuration file, the variables of rc.conf and the packet filter rules.
  idempotent:
    support: full
    details: C(pot init) runs only when something it makes is missing.
options:
  settings:
    description:
      - Settings of C(pot.conf), such as V(POT_ZFS_ROOT), with their values. Settings that are not listed stay as they
        are.
      - Without V(POT_EXTIF) here and in the file, the interface of the host's default route is written.
    type: dict
    default: {}
  configure_pf:
    description:
      - Add pot's two anchors to the host's packet filter rules when they are missing, before the first translation or
        filter rule. The file is replaced only when C(pfctl -n) accepts the new rules; they are not loaded.
      - With V(false) no file of the host outside of pot's own is touched.
    type: bool
    default: false
  rc_variables:
    description: Variables of C(/etc/rc.conf) with their values. They are left alone while pot is not installed.
    type: dict
    default: {}
  bridge:
    description:
      - Whether a pot on a bridge is to run on the host. Then pot's network (V(POT_NETWORK)) must not take in an
        address, route, gateway or name server of the host, whose own packets the packet filter would translate, and
        V(POT_NETMASK) and V(POT_GATEWAY) have to fit.
    type: bool
    default: false
  pot:
    description:
      - Name of the pot that is to run on the host. A warning says when its release, or the host's own, is no
        longer supported by FreeBSD.
    type: str
    default: ""
  addresses:
    description: Addresses that the pot is to have as aliases, for RV(carriers).
    type: list
    elements: str
    default: []
  required_mounts:
    description:
      - Directories that have to be mount points. A pot gets a directory whether its dataset is mounted or not,
        and would write to the wrong file system.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Make the host ready for pots
  potluck.matrix.pot_host:
    settings:
      POT_EXTIF: vtnet0
    required_mounts:
      - /mnt/matrixdata
  register: result
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
  description: The settings in force, with pot's own defaults for POT_ZFS_ROOT, POT_FS_ROOT, POT_CACHE, POT_GROUP and
    the network of bridges.
  returned: success
  type: dict
  sample: {"POT_EXTIF": "vtnet0", "POT_FS_ROOT": "/opt/pot", "POT_GROUP": "pot", "POT_ZFS_ROOT": "zroot/pot"}
release:
  description: The host's own release; the older one when the running kernel and the rest are not of the same.
  returned: success
  type: str
  sample: "13.2"
releases:
  description: The releases pot can make a pot from on this architecture; empty while pot is not installed.
  returned: success
  type: list
  elements: str
  sample: ["13.1", "13.2"]
interfaces:
  description: The host's network interfaces.
  returned: success
  type: list
  elements: str
  sample: ["vtnet0", "lo0"]
carriers:
  description:
    - The interface that each of O(addresses) belongs on. It is the one on which the pot O(pot) has the address, else
      the one in whose network it lies, else V(POT_EXTIF). C(reason) says which, in words.
  returned: success
  type: list
  elements: dict
  sample: [{"address": "192.0.2.20", "interface": "vtnet0", "reason": "whose network it lies in"}]
without_ipv6:
  description: The interfaces of the host on which IPv6 is switched off; looked for only with O(addresses).
  returned: success
  type: list
  elements: str
  sample: ["vtnet1"]
default_interface:
  description: The interface of the host's default route, that of IPv6 where IPv4 has none, or an empty text.
  returned: success
  type: str
  sample: vtnet0
resolv_conf:
  description: Text of the host's C(/etc/resolv.conf), which pots get with C(dns=inherit); empty when there is none,
    or when it is not ASCII.
  returned: success
  type: str
  sample: "nameserver 10.0.2.3\n"
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
  description: Whether the host's packet filter rules hold pot's anchors.
  returned: success
  type: bool
  sample: false
actions:
  description: What was done to the host besides writing C(pot.conf), or would be done in check mode.
  returned: success
  type: list
  elements: str
  sample: ["pot init -m"]
option:
  description: The option that is wrong.
  returned: failure
  type: str
  sample: settings
"""

import contextlib

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence, in_words_of
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.locks import lock
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._pot.host import Host
from ansible_collections.potluck.matrix.plugins.module_utils._pot.host_setup import HostSetup

# Two runs on one host must not edit pot.conf or initialise at the same time; pot has no lock for either.
LOCK = "pot-host"
# Seconds to wait for another run.
PATIENCE = 3600


def main():
    """Runs on one host wait for each other at LOCK; a run in check mode takes no lock."""
    module = AnsibleModule(
        argument_spec={
            "settings": {"type": "dict", "default": {}},
            "configure_pf": {"type": "bool", "default": False},
            "rc_variables": {"type": "dict", "default": {}},
            "bridge": {"type": "bool", "default": False},
            "pot": {"type": "str", "default": ""},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "required_mounts": {"type": "list", "elements": "path", "default": []},
            "sentences": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    warnings, actions, problem = [], [], None
    try:
        with contextlib.nullcontext() if module.check_mode else lock(LOCK, PATIENCE):
            host = Host(Runner())
            setup = HostSetup(host, module.check_mode)
            warnings, actions = host.warnings, setup.actions
            setup.run(module.params)
            facts = {
                **host.facts(module.params["pot"], module.params["addresses"]),
                "initialised": host.installed and host.initialised(),
            }
    except Sentence as error:
        problem = error
    for warning in warnings:
        module.warn(warning)
    if problem:
        about = {"option": problem.part} if problem.part else {}
        message = in_words_of(module.params["sentences"], problem.part, str(problem))
        module.fail_json(msg=message, actions=actions, **about)
    module.exit_json(changed=setup.changed, diff=setup.diff, actions=actions, **facts)


if __name__ == "__main__":
    main()
