#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: rc_service
short_description: Configure and control an rc service of FreeBSD in one call
version_added: 0.1.0
description:
  - Sets C(rc.conf) variables with C(sysrc), enables or disables a service and starts, stops, restarts or reloads it, in
    this order.
  - A run that finds everything as wanted costs one C(sysrc) and one C(service) process, however many variables there
    are.
  - Success is not taken from exit codes, of which several are 0 although nothing was done. Variables are read again and
    the state is asked for again.
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
  idempotent:
    support: partial
    details: Not with O(state=restarted) and O(state=reloaded), which act each time.
options:
  name:
    description:
      - Name of the service, as in C(service NAME start).
    type: str
    required: true
  enabled:
    description:
      - Whether the service starts at boot, that is the variable O(rcvar).
    type: bool
  instead_of:
    description: Another service that cannot run beside this one. It is disabled and stopped before.
    type: str
  rcvar:
    description:
      - The variable that O(enabled) sets. By default O(name) with everything but letters and digits replaced by C(_),
        and C(_enable).
    type: str
  variables:
    description:
      - Variables with their values. V(null) removes a variable, a boolean becomes C(YES) or C(NO).
      - A value cannot contain double quotes, dollar signs, backticks, backslashes or control characters, which C(sysrc)
        does not write in a way that they are read back.
    type: dict
    default: {}
  variables_absent:
    description:
      - Variables to remove. The system's default, if there is one, takes over.
    type: list
    elements: str
    default: []
  file:
    description:
      - Read and write this file only. By default C(sysrc) writes where the variable already is, else to
        C(/etc/rc.conf).
    type: path
  state:
    description:
      - V(started) starts the service unless it runs.
      - V(stopped) stops it if it runs.
      - V(restarted) restarts it, or starts it if it does not run.
      - V(reloaded) makes it read its configuration again, or starts it if it does not run. It is an error if the
        service has no reload.
      - A service is started even if it is not enabled.
      - Without this option the service is left as it is.
    type: str
    choices: [started, stopped, restarted, reloaded]
  restart_on_change:
    description:
      - Restart the service if it runs and one of O(variables) or O(variables_absent) was changed, by this run or by an
        earlier one that was cut off before the restart.
    type: bool
    default: false
  restart_if_newer:
    description:
      - Restart the service if it runs and one of these files was changed after its process started.
      - Unlike a handler this also works when an earlier run was cut off between the change and the restart.
    type: list
    elements: path
    default: []
  reload_unless:
    description:
      - Checks as in M(potluck.matrix.probe_info), which tell whether a service that runs has read its configuration. If
        one fails it is reloaded, and they have to pass within O(proof_timeout).
      - Unlike what another task has changed, this tells the truth after a run that was cut off, too.
    type: list
    elements: dict
    default: []
  restart_unless:
    description:
      - Checks as O(reload_unless), looked at after it, which tell whether a service that runs works with what it has
        read. If one fails it is restarted.
    type: list
    elements: dict
    default: []
  timeout:
    description:
      - Seconds to wait for a service that was started or stopped to show it.
    type: int
    default: 30
  kept:
    description:
      - The name under which M(potluck.matrix.file_set) kept the service's former files (its option C(keep)).
      - When the service does not do what O(state) says, or fails one of O(proof), these files and the former values of
        the variables come back, the service runs with them again if it ran before, and the task fails with what the
        service said.
      - When it does, what was kept is forgotten.
    type: str
  proof:
    description:
      - Checks as in M(potluck.matrix.probe_info), which a service that runs has to pass. They are tried once a second
        until O(proof_timeout) is over, or the service has ended. Not done in check mode.
    type: list
    elements: dict
    default: []
  proof_timeout:
    description: Seconds in which O(proof) has to be passed.
    type: int
    default: 20
  log:
    description: File in which the service tells why it fails. Of the lines that it got during this task the last ones
      that match O(log_pattern) are quoted.
    type: path
  log_pattern:
    description: Regular expression for the lines of O(log) that tell why the service failed.
    type: str
    default: ""
  look_at:
    description: The inventory variables that decide what the service reads, for the message of a failure.
    type: str
    default: ""
seealso:
  - module: ansible.builtin.service
  - module: community.general.sysrc
"""

EXAMPLES = r"""
- name: Configure, enable and start the agent
  potluck.matrix.rc_service:
    name: consul
    enabled: true
    state: started
    restart_on_change: true
    restart_if_newer: [/usr/local/etc/consul.d/agent.json]
    variables:
      consul_datadir: /var/db/consul
      consul_syslog_output_enable: "YES"

- name: Reload nginx
  potluck.matrix.rc_service:
    name: nginx
    state: reloaded

- name: Stop the base system's logger for good
  potluck.matrix.rc_service:
    name: syslogd
    enabled: false
    state: stopped
"""

RETURN = r"""
variables:
  description: The variables that were asked for, before and after; V(null) for one that is not set.
  returned: success
  type: dict
  contains:
    before:
      description: Values by name.
      type: dict
      returned: success
    after:
      description: Values by name.
      type: dict
      returned: success
  sample: {before: {consul_enable: null}, after: {consul_enable: "YES"}}
running:
  description: Whether the service runs now; in check mode, would run.
  returned: when O(state), O(restart_on_change) or O(restart_if_newer) is given
  type: bool
state:
  description: V(started) or V(stopped), the same as RV(running).
  returned: when O(state), O(restart_on_change) or O(restart_if_newer) is given
  type: str
pid:
  description: Process ID that the service's status names first; V(null) when it names none, and in check mode when it
    would change.
  returned: when O(state), O(restart_on_change) or O(restart_if_newer) is given
  type: int
actions:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [set consul_enable, start consul]
"""

import contextlib

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import rc
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.locks import lock
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.rc_service import (
    ServiceRun,
    out_of_service,
    together,
)
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._probe import checks as probe

# Seconds for a question of O(proof).
CHECK_TIMEOUT = 5


def proof_of(module, option="proof"):
    """A function that returns a sentence for each check of an option that fails; None without checks."""
    checks = [
        probe.with_defaults(check, {"address": None, "ca_file": None, "verify": True})
        for check in probe.taken(module, option)
    ]

    def failures():
        return probe.failures(probe.run_all(checks, CHECK_TIMEOUT, 1, Runner()))

    return failures if checks else None


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "enabled": {"type": "bool"},
            "instead_of": {"type": "str"},
            "rcvar": {"type": "str"},
            "variables": {"type": "dict", "default": {}},
            "variables_absent": {"type": "list", "elements": "str", "default": []},
            "file": {"type": "path"},
            "state": {"type": "str", "choices": ["started", "stopped", "restarted", "reloaded"]},
            "restart_on_change": {"type": "bool", "default": False},
            "restart_if_newer": {"type": "list", "elements": "path", "default": []},
            "reload_unless": {"type": "list", "elements": "dict", "default": []},
            "restart_unless": {"type": "list", "elements": "dict", "default": []},
            "timeout": {"type": "int", "default": 30},
            "kept": {"type": "str"},
            "proof": {"type": "list", "elements": "dict", "default": []},
            "proof_timeout": {"type": "int", "default": 20},
            "log": {"type": "path"},
            "log_pattern": {"type": "str", "default": ""},
            "look_at": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
        # A check may hold a password, which would go to the system's log.
        no_log=True,
    )
    result, error, warnings, other = {"changed": False, "actions": []}, "", [], None
    try:
        rc.check_service_name(module.params["name"])
        # Of two runs at once the second one looks at what the first one has left.
        with contextlib.nullcontext() if module.check_mode else lock("potluck-rc-" + module.params["name"], rc.LIMIT):
            if module.params["instead_of"]:
                rc.check_service_name(module.params["instead_of"])
                other = ServiceRun(out_of_service(module.params), module.check_mode, module._diff, None)
                other.ensure()
            unread = {option: proof_of(module, option) for option in ("reload_unless", "restart_unless")}
            run = ServiceRun(module.params, module.check_mode, module._diff, proof_of(module), **unread)
            result, warnings = run.result, run.warnings
            run.ensure()
    except (ValueError, Sentence) as exc:
        error = str(exc)
    if other:
        result = together(module.params["instead_of"], other.result, result)
    for warning in warnings:
        module.warn(warning)
    if error:  # said outside of the handler, where it would be taken for a crash
        module.fail_json(msg=error, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
