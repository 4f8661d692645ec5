#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pot_info
short_description: Return the pots of a FreeBSD host with their settings
description:
  - Reads the configuration and the state of pots from pot's own files, C(jls) and C(zfs), because C(pot) itself has no
    output made for programs.
  - Half-created and broken pots are listed too, see RV(pots[].broken).
  - Runs on the FreeBSD host as root. pot must be installed and initialised there.
version_added: "0.1.0"
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.info_module
  - potluck.matrix.attributes.freebsd
options:
  names:
    description:
      - Only these pots. A name that does not exist is returned with V(absent) as RV(pots[].state).
      - All pots when not given.
    type: list
    elements: str
  include_env:
    description:
      - Return environment variables with their values, as RV(pots[].env).
      - The values are often secrets. Set C(no_log) on the task, and keep the result out of other tasks' output.
    type: bool
    default: false
seealso:
  - module: potluck.matrix.pot
"""

EXAMPLES = r"""
- name: Look at one pot
  potluck.matrix.pot_info:
    names:
      - matrix-example-org
  register: result

- name: Show what needs a restart
  ansible.builtin.debug:
    msg: "{{ result.pots | selectattr('restart_required') | map(attribute='name') }}"

- name: Keep the environment of a pot
  potluck.matrix.pot_info:
    names:
      - consul1
    include_env: true
  register: consul
  no_log: true
"""

RETURN = r"""
pots:
  description: One dictionary for each pot, sorted by name unless O(names) is given.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the pot, and of its jail in C(jls).
      type: str
      returned: always
    state:
      description: V(absent), V(stopped), V(started) or V(broken).
      type: str
      returned: always
    valid:
      description: Whether pot can use it.
      type: bool
      returned: when the pot exists
    broken:
      description: Why pot cannot use it, empty if it can.
      type: str
      returned: when the pot exists
    restart_required:
      description: Whether the configuration changed after the pot was started.
      type: bool
      returned: always
    start_at_boot:
      description: The same as RV(pots[].attributes).start_at_boot.
      type: bool
      returned: when the pot exists
    jid:
      description: Number of the running jail (C(jid) of C(jls)).
      type: int
      returned: when the pot exists, null when it does not run
    path:
      description: Root directory of the pot on the host.
      type: str
      returned: when the pot exists
    dataset:
      description: Dataset of the pot.
      type: str
      returned: when the pot exists
    hostname:
      description: Host name of the pot.
      type: str
      returned: when the pot exists
    type:
      description: V(single) or V(multi).
      type: str
      returned: when the pot exists
    base:
      description: Release or base the pot was made from.
      type: str
      returned: when the pot exists
    level:
      description: Level of a pot of type multi.
      type: int
      returned: when the pot exists
    pot_base:
      description: Pot this one is built on.
      type: str
      returned: when the pot exists
    network_type:
      description: V(inherit), V(alias), V(public-bridge) or V(private-bridge).
      type: str
      returned: when the pot exists
    network_stack:
      description: V(ipv4), V(ipv6) or V(dual).
      type: str
      returned: when the pot exists
    ip:
      description: Addresses as configured, C(NIC|ADDRESS) for some pots of network type alias, empty for inherit.
      type: list
      elements: str
      returned: when the pot exists
    bridge:
      description: Name of the private bridge.
      type: str
      returned: when the pot exists
    dns:
      description: V(inherit), V(pot), V(custom) or V(off).
      type: str
      returned: when the pot exists
    cmd:
      description: Start command.
      type: str
      returned: when the pot exists
    attributes:
      description: All attributes, named as in M(potluck.matrix.pot).
      type: dict
      returned: when the pot exists
    env_names:
      description: Names of the environment variables.
      type: list
      elements: str
      returned: when the pot exists
    env:
      description: The environment variables with their values.
      type: dict
      returned: when O(include_env) is true
    mounts:
      description: Mounts as configured. C(own) is true for those the pot itself consists of.
      type: list
      elements: dict
      returned: when the pot exists
    ports:
      description: Exported ports.
      type: list
      elements: str
      returned: when the pot exists
    hosts:
      description: Names and addresses for the pot's /etc/hosts.
      type: dict
      returned: when the pot exists
    limits:
      description: Limits C(cpus) and C(memory), null for none.
      type: dict
      returned: when the pot exists
    depends:
      description: Pots that are started before this one.
      type: list
      elements: str
      returned: when the pot exists
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._pot.facts import look


def main():
    module = AnsibleModule(
        argument_spec={
            "names": {"type": "list", "elements": "str"},
            "include_env": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        pots = look(module.params["names"], module.params["include_env"])
    except Sentence as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(changed=False, pots=pots)


if __name__ == "__main__":
    main()
