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
  - Sets C(rc.conf) variables with C(sysrc), enables or disables a service and starts, stops, restarts or reloads it, in this order.
  - A run that finds everything as wanted costs one C(sysrc) and one C(service) process, however many variables there are.
  - Success is not taken from exit codes, of which several are 0 although nothing was done. Variables are read again and the state is
    asked for again.
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
  rcvar:
    description:
      - The variable that O(enabled) sets. By default O(name) with everything but letters and digits replaced by C(_), and C(_enable).
    type: str
  variables:
    description:
      - Variables with their values. V(null) removes a variable, a boolean becomes C(YES) or C(NO).
      - A value cannot contain double quotes, dollar signs, backticks, backslashes or control characters, which C(sysrc) does not write
        in a way that they are read back.
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
      - Read and write this file only. By default C(sysrc) writes where the variable already is, else to C(/etc/rc.conf).
    type: path
  state:
    description:
      - V(started) starts the service unless it runs.
      - V(stopped) stops it if it runs.
      - V(restarted) restarts it, or starts it if it does not run.
      - V(reloaded) makes it read its configuration again, or starts it if it does not run. It is an error if the service has no reload.
      - A service is started even if it is not enabled.
      - Without this option the service is left as it is.
    type: str
    choices: [started, stopped, restarted, reloaded]
  restart_on_change:
    description:
      - Restart the service if it runs and one of O(variables) or O(variables_absent) was changed, by this run or by an earlier one
        that was cut off before the restart.
    type: bool
    default: false
  restart_if_newer:
    description:
      - Restart the service if it runs and one of these files was changed after its process started.
      - Unlike a handler this also works when an earlier run was cut off between the change and the restart.
    type: list
    elements: path
    default: []
  timeout:
    description:
      - Seconds to wait for a service that was started or stopped to show it.
    type: int
    default: 30
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
  description: Process ID that the service's status names first; V(null) when it names none, and in check mode when it would change.
  returned: when O(state), O(restart_on_change) or O(restart_if_newer) is given
  type: int
actions:
  description: What was done, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [set consul_enable, start consul]
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils import _rc


def wanted_variables(params):
    """(values by name, names to remove), without the variable of O(enabled); RcError for what cannot be written."""
    values, absent = {}, list(params['variables_absent'])
    for name, value in params['variables'].items():
        if value is None:
            absent.append(name)
        elif isinstance(value, bool):
            values[name] = 'YES' if value else 'NO'
        elif isinstance(value, (str, int, float)):
            values[name] = str(value)
        else:
            raise _rc.RcError('the value of %s is neither a text nor a number' % name)
    for name in absent:
        _rc.check_variable(name)
    for name, value in values.items():
        _rc.check_variable(name, value)
    both = sorted(set(values) & set(absent))
    if both:
        raise _rc.RcError('%s cannot be set and absent at once' % ', '.join(both))
    return values, sorted(set(absent))


def apply_variables(module, service, running, actions):
    """Bring rc.conf to what is wanted: (before, after, True when a variable other than that of O(enabled) changed).

    running: whether the service runs, and would have to be restarted for a change.
    """
    params = module.params
    values, absent = wanted_variables(params)
    conf = _rc.Variables(params['file'])
    rcvar = params['rcvar'] or _rc.rc_name(params['name']) + '_enable'
    _rc.check_variable(rcvar)
    if params['enabled'] is not None and (rcvar in values or rcvar in absent):
        raise _rc.RcError('%s is set by the option enabled, it cannot be among the variables too' % rcvar)
    names = sorted(set(values) | set(absent) | ({rcvar} if params['enabled'] is not None else set()))
    before = conf.read(names)
    after = dict(before)

    to_write = {name: value for name, value in values.items() if before[name] != value}
    remove = conf.present(absent)
    others = bool(to_write or remove)
    enable = params['enabled'] is not None and _rc.is_true(before[rcvar]) != params['enabled']
    if params['enabled'] is False and before[rcvar] is None:
        enable = service.enabled()  # by a default in the rc script itself
    if enable:
        to_write[rcvar] = 'YES' if params['enabled'] else 'NO'

    after.update(to_write)
    actions.extend('set %s' % name for name in sorted(to_write))
    actions.extend('remove %s' % name for name in remove)
    if module.check_mode:
        after.update(dict.fromkeys(remove))
        return before, after, others
    if others and running and params['restart_on_change']:
        # Said before it is done, so that the restart is made up for when this run is cut off.
        with open(_rc.pending(params['name']), 'w'):
            pass
    conf.write(to_write)
    conf.delete(remove)
    if remove:
        after.update(conf.read(remove))
    if enable and service.enabled() != params['enabled']:
        raise _rc.RcError('%s is %s now, but the service still counts as %s: does it exist, and is there a file of its name in rc.conf.d?' % (
            rcvar, to_write[rcvar], 'disabled' if params['enabled'] else 'enabled'))
    return before, after, others


def next_action(state, restart, running):
    """What to do with a service: start, stop, restart, reload or None."""
    if state == 'stopped':
        return 'stop' if running else None
    if not running:
        return 'start' if state else None
    if state == 'restarted' or restart:
        return 'restart'
    return 'reload' if state == 'reloaded' else None


def apply_state(module, service, status, variables_changed, actions):
    """Bring the service to what is wanted, given its Status: the result's keys about it, and (before, after) for the diff."""
    params = module.params
    pending = _rc.pending(params['name'])
    stale = status.pid is not None and _rc.newer(params['restart_if_newer'], status.pid)
    unread = params['restart_on_change'] and (variables_changed or os.path.exists(pending))
    action = next_action(params['state'], unread or stale, status.running)
    before, running, pid = status.running, status.running, status.pid
    if action:
        actions.append('%s %s' % (action, params['name']))
        if module.check_mode:
            running, pid = action != 'stop', pid if action == 'reload' else None
        else:
            status = service.restart(status) if action == 'restart' else getattr(service, action)()
            running, pid = status.running, status.pid
            if action != 'reload' and os.path.exists(pending):
                os.unlink(pending)
    state = 'started' if running else 'stopped'
    shown = {'restart': 'restarted', 'reload': 'reloaded'}.get(action, state)
    return {'running': running, 'state': state, 'pid': pid}, ('started' if before else 'stopped', shown)


def ensure(module, result):
    """Do everything, noting it in C(result); RcError when something is not as wanted in the end."""
    params = module.params
    _rc.check_service_name(params['name'])
    service = _rc.Service(params['name'], params['timeout'])
    status = service.status() if params['state'] or params['restart_on_change'] or params['restart_if_newer'] else None
    if status and not status.exists:
        # In check mode the package that brings the service may not have been installed for real.
        if not module.check_mode:
            raise _rc.RcError('there is no service %s' % params['name'])
        module.warn('there is no service %s yet' % params['name'])
    before, after, variables_changed = apply_variables(module, service, bool(status and status.running), result['actions'])
    result.update(variables={'before': before, 'after': after}, changed=bool(result['actions']))
    diff = {'before': dict(before), 'after': dict(after)}
    if status:
        about, states = apply_state(module, service, status, variables_changed, result['actions'])
        result.update(about)
        diff['before']['state'], diff['after']['state'] = states
    result['changed'] = bool(result['actions'])
    if module._diff:
        result['diff'] = diff


def main():
    module = AnsibleModule(
        argument_spec=dict(
            name=dict(type='str', required=True),
            enabled=dict(type='bool'),
            rcvar=dict(type='str'),
            variables=dict(type='dict', default={}),
            variables_absent=dict(type='list', elements='str', default=[]),
            file=dict(type='path'),
            state=dict(type='str', choices=['started', 'stopped', 'restarted', 'reloaded']),
            restart_on_change=dict(type='bool', default=False),
            restart_if_newer=dict(type='list', elements='path', default=[]),
            timeout=dict(type='int', default=30),
        ),
        supports_check_mode=True,
    )
    result = {'changed': False, 'actions': []}
    error = None
    try:
        ensure(module, result)
    except _rc.RcError as exc:
        error = str(exc)
    if error:  # said outside of the handler, where it would be taken for a crash
        module.fail_json(msg=error, **result)
    module.exit_json(**result)


if __name__ == '__main__':
    main()
