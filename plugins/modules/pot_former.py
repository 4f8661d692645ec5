#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: pot_former
short_description: Put a pot aside while a new one with its name, its address and its data is proven
description:
  - A pot that was put aside has the name of the pot with C(-former) at its end, is stopped, and is not started at boot.
    M(potluck.matrix.pot) lets a new pot have its address and its data.
  - What pot reports of a rename is not believed, but looked at afterwards.
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
    support: none
    details: RV(actions) tells what is done.
  idempotent:
    support: full
options:
  name:
    description:
      - Name of the pot, not of the former one.
    type: str
    required: true
  state:
    description:
      - V(aside) stops the pot and puts it aside, unless that has happened already and there is no new one.
      - V(back) gives the former pot, if there is one, its name again, and leaves it stopped. The new one has to be
        gone.
      - V(absent) destroys the former pot, if there is one.
      - V(queried) changes nothing.
    type: str
    choices: [aside, back, absent, queried]
    required: true
seealso:
  - module: potluck.matrix.pot
"""

EXAMPLES = r"""
- name: Put the pot aside
  potluck.matrix.pot_former:
    name: matrix1
    state: aside

- name: Destroy it, now that the new one is proven
  potluck.matrix.pot_former:
    name: matrix1
    state: absent
"""

RETURN = r"""
former:
  description: The former pot as it is afterwards, in check mode as it was, as M(potluck.matrix.pot_info) describes
    pots.
  returned: success
  type: dict
  sample: {name: matrix1-former, state: stopped}
actions:
  description: What was done, or would be in check mode.
  returned: always
  type: list
  elements: str
  sample: [pot stop matrix1, pot rename -p matrix1 -n matrix1-former]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._pot import destruction
from ansible_collections.potluck.matrix.plugins.module_utils._pot.facts import collect
from ansible_collections.potluck.matrix.plugins.module_utils._pot.former import bring_back, put_aside
from ansible_collections.potluck.matrix.plugins.module_utils._pot.machine import Machine, pot_lock
from ansible_collections.potluck.matrix.plugins.module_utils._pot.names import check_name, former_name


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["aside", "back", "absent", "queried"], "required": True},
        },
        supports_check_mode=True,
    )
    name, state = module.params["name"], module.params["state"]
    actions, problem = [], ""
    try:
        former = former_name(check_name(name))
        machine = Machine(check=module.check_mode)
        actions = machine.actions
        with pot_lock(name, machine.timeout, module.check_mode):
            machine.refresh()
            if state == "aside":
                put_aside(machine, name)
            elif state == "back":
                bring_back(machine, name)
            elif state == "absent":
                destruction.remove(machine, machine.read(former))
            facts = collect(machine, [former], False)[0]
    except Sentence as error:
        problem = str(error)
    if problem:
        module.fail_json(msg=problem, actions=actions, changed=bool(actions) and not module.check_mode)
    for text in machine.warnings:
        module.warn(text)
    module.exit_json(changed=bool(actions), actions=actions, former=facts)


if __name__ == "__main__":
    main()
