#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: synapse_config
short_description: Give Synapse other configuration files, or leave it as it is if it cannot start with them
version_added: 0.1.0
description:
  - Tries the files first, as the user that Synapse runs as - everything that a start reads, such as registrations of
    application services, the logging configuration, the database's version and the listeners' addresses, not only what
    Synapse's own check parses. What is refused is not written, and a process that runs goes on.
  - Then puts the files in place, restarts Synapse and waits until it answers. If it does not, the former files and the
    former process come back, and the module fails with what the new process said.
  - While a change is under way, a journal holds the former files. A run that finds one goes back to them first.
  - Synapse is also restarted when one of its files is newer than the process, and started when it does not run.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.action
  - potluck.matrix.sentences
attributes:
  check_mode:
    support: full
    details: The files are compared, but not tried.
  diff_mode:
    support: full
    details: The text of O(files[].secret) is never shown.
  idempotent:
    support: partial
    details: Not with O(restart=true), which restarts each time.
options:
  files:
    description: Files that Synapse reads. Symbolic links on the way to them are refused instead of followed.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path. Of two files outside of O(config) the last parts have to differ.
        type: path
        required: true
      state:
        description: Whether there is to be a file.
        type: str
        choices: [present, absent]
        default: present
      content:
        description: Text of the file.
        type: str
      secret:
        description: Text of the file that is shown nowhere, in place of O(files[].content).
        type: str
      owner:
        description: User that owns it.
        type: str
        default: root
      group:
        description: Group that owns it.
        type: str
        default: synapse
      mode:
        description: Permissions, as octal digits in quotes. Required for a file that is to be there.
        type: str
      template:
        description:
          - Template whose text becomes O(files[].content), found and rendered as by
            P(ansible.builtin.template#lookup).
          - Read on the controller, as are the keys after it. At most one of O(files[].content), O(files[].secret) and
            the four keys that stand for them can be given.
        type: str
      secret_template:
        description: Template whose text becomes O(files[].secret).
        type: str
      source:
        description: File of the controller whose text becomes O(files[].content), with one line break at its end.
        type: str
      secret_source:
        description: File of the controller, in a vault or not, that becomes O(files[].secret) as it is.
        type: str
      wanted:
        description: V(false) is the same as O(files[].state=absent). Nothing is read on the controller then.
        type: bool
        default: true
      only_if:
        description: V(false) leaves the path as it is, as if the entry were not in the list.
        type: bool
        default: true
  config:
    description: Directory of YAML files that Synapse is started with.
    type: path
    default: /usr/local/etc/matrix-synapse/homeserver.d
  python:
    description: Interpreter that has Synapse.
    type: path
    default: /usr/local/bin/python3.11
  user:
    description: User that Synapse runs as.
    type: str
    default: synapse
  socket:
    description: Unix socket at which Synapse answers.
    type: path
    default: /var/run/matrix-synapse/synapse.sock
  pid_file:
    description: File of the running process, which is as old as it is.
    type: path
    default: /var/run/matrix-synapse/homeserver.pid
  log:
    description: Synapse's log file.
    type: path
    default: /var/log/matrix-synapse/homeserver.log
  watch:
    description: Directories in which nothing may be newer than the process, at any depth. Names that begin with a
      dot do not count.
    type: list
    elements: path
    default: []
  journal:
    description: Where the former files are kept while a change is under way. Only root can read it.
    type: path
    default: /usr/local/etc/matrix-synapse/.before
  restart:
    description: Restart Synapse whether or not a file changes, for example after its packages did.
    type: bool
    default: false
  timeout:
    description: Seconds that Synapse may take until it answers; a migration of the database's schema happens within it.
    type: int
    default: 120
seealso:
  - module: potluck.matrix.file_set
  - module: potluck.matrix.synapse_data
"""

EXAMPLES = r"""
- name: Let Synapse tell nobody who is online
  potluck.matrix.synapse_config:
    files:
      - path: /usr/local/etc/matrix-synapse/homeserver.d/presence.yaml
        content: "{{ {'presence': {'enabled': false}} | to_nice_yaml }}"
        mode: "0640"
"""

RETURN = r"""
changed_paths:
  description: Files that were changed, made or removed; in check mode, would be. Empty after a failure, since they
    are as before.
  type: list
  elements: str
  returned: always
  sample: [/usr/local/etc/matrix-synapse/homeserver.d/presence.yaml]
restarted:
  description: Whether Synapse was started or restarted; in check mode, would be.
  type: bool
  returned: success
healed:
  description: Whether an earlier run was cut off, and what it had put in place was taken back first.
  type: bool
  returned: success
part:
  description:
    - What is wrong - V(program) that Synapse's program cannot be run, V(configuration) that it refuses the settings,
      V(app_service), V(logging), V(media), V(database) or V(listener) that it could not use what the settings name,
      V(start) that the process did not come up, V(files) that a file cannot be written.
  type: str
  returned: failure
  sample: app_service
"""

import contextlib
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import file_entries
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence, in_words_of
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.locks import lock
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import short_secrets
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.change import Change

LOCK = "potluck-synapse"
# Seconds that another run may take beside the wait for its Synapse.
PATIENCE = 300


def main():
    file = {
        "path": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "content": {"type": "str"},
        "secret": {"type": "str", "no_log": True},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str", "default": "synapse"},
        "mode": {"type": "str"},
        **file_entries.SPEC,
    }
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": file,
                "mutually_exclusive": [("content", "secret")],
            },
            "config": {"type": "path", "default": "/usr/local/etc/matrix-synapse/homeserver.d"},
            "python": {"type": "path", "default": "/usr/local/bin/python3.11"},
            "user": {"type": "str", "default": "synapse"},
            "socket": {"type": "path", "default": "/var/run/matrix-synapse/synapse.sock"},
            "pid_file": {"type": "path", "default": "/var/run/matrix-synapse/homeserver.pid"},
            "log": {"type": "path", "default": "/var/log/matrix-synapse/homeserver.log"},
            "watch": {"type": "list", "elements": "path", "default": []},
            "journal": {"type": "path", "default": "/usr/local/etc/matrix-synapse/.before"},
            "restart": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 120},
            "sentences": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
        # The arguments, whole files, would go to the system's log.
        no_log=True,
    )
    short_secrets.spare_short(module)
    told: dict[str, t.Any] = {"invocation": short_secrets.shown(module)}
    problem = file_entries.unread(module.params["files"])
    if problem:
        module.fail_json(msg=problem, changed_paths=[], **told)
    change = Change(module.params, module.check_mode)
    part = None
    try:
        # Two runs that restart it at the same time would leave two of them, on one database.
        with contextlib.nullcontext() if module.check_mode else lock(LOCK, module.params["timeout"] + PATIENCE):
            change.run()
    except Sentence as error:
        problem, part = str(error) if error.part else str(error).rstrip("."), error.part or "files"
    except OSError as error:
        problem, part = str(error), "files"
    if problem:
        problem = in_words_of(module.params["sentences"], part, problem)
        module.fail_json(msg=problem, part=part, changed_paths=[], **told)
    if module._diff:
        told["diff"] = change.diffs + (
            [{"before": "Synapse as it runs\n", "after": "Synapse restarted\n"}] if change.restarted else []
        )
    module.exit_json(
        changed=bool(change.changed_paths or change.restarted),
        changed_paths=change.changed_paths,
        restarted=change.restarted,
        healed=change.healed,
        **told,
    )


if __name__ == "__main__":
    main()
