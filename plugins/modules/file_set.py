#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: file_set
short_description: Ensure several files and directories in one round trip
version_added: 0.1.0
description:
  - Does for a list of paths what M(ansible.builtin.file) and M(ansible.builtin.copy) do for one, in the order of the
    list.
  - A file is replaced whole. It has its owner and mode before it gets its name, so that nobody can read a secret
    meanwhile.
  - Symbolic links at a path, and as the directory of a file, are refused instead of followed.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.attributes.action
attributes:
  check_mode:
    support: full
    details: O(files[].validate) is not run, and an owner that does not exist yet counts as a change.
  diff_mode:
    support: full
    details: The text of O(files[].secret) is never shown.
  idempotent:
    support: full
options:
  files:
    description: The paths, in the order in which they are made.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      state:
        description: V(absent) removes a directory with all that is in it. V(generated) makes a file with a random
          secret of hexadecimal digits unless there is one that says something.
        type: str
        choices: [file, directory, absent, generated]
        default: file
      content:
        description: Text of the file. V(file) needs this, O(files[].secret) or what stands for them.
        type: str
      secret:
        description: Text of the file that is shown nowhere.
        type: str
      fills:
        description:
          - Words in O(files[].secret) that what a file says takes the place of, each with the file's path. So a secret
            that the host has made gets into a configuration without leaving it. The file has to hold one line.
          - In check mode, where the file may not be there yet, its word stays.
        type: dict
        default: {}
      owner:
        description: Account that owns it.
        type: str
        default: root
      group:
        description: Group that owns it; the numeric group 0 when not given.
        type: str
      mode:
        description: Permissions, as octal digits in quotes. Required unless O(files[].state=absent).
        type: raw
      validate:
        description: Command that a new file has to pass before it replaces the old one; C(%s) in it is the new file,
          whose name ends as the path's.
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
  keep:
    description:
      - Keep what the files were, under this name (lower case, digits, C(_), C(-)), until M(potluck.matrix.rc_service)
        finds that the service works with the new ones, or puts the former ones back. What an earlier run kept under the
        name, and did not get to prove, stays.
      - If one of the files cannot be had, all of them are what was kept.
    type: str
  mount:
    description:
      - A directory at which something has to be mounted before anything below it is made or removed, since it would
        land in the file system around it and be hidden, or be taken for the real thing, later.
      - Not looked at in check mode, where what mounts it may not have been done for real.
    type: path
  look_for:
    description: Paths that are left alone and only looked for, because a later task depends on them.
    type: list
    elements: path
    default: []
  remember:
    description: Paths of files, none of them a secret, whose text is returned as it was before anything was done.
    type: list
    elements: path
    default: []
"""

EXAMPLES = r"""
- name: Put the agent's files in place
  potluck.matrix.file_set:
    files:
      - {path: /usr/local/etc/agent.d, state: directory, owner: agent, group: agent, mode: "0750"}
      - path: /usr/local/etc/agent.d/agent.json
        secret: "{{ agent_settings | to_nice_json }}"
        group: agent
        mode: "0640"
        validate: /usr/local/bin/agent validate %s
      - {path: /usr/local/etc/agent.d/ca.pem, source: "{{ agent_ca_file }}", mode: "0644", wanted: "{{ agent_tls }}"}
      - {path: /etc/cron.d/agent, template: cron.j2, mode: "0644"}
  register: agent_files

- name: Start the agent
  potluck.matrix.rc_service:
    name: agent
    enabled: true
    state: "{{ 'restarted' if agent_files is changed else 'started' }}"
"""

RETURN = r"""
changed_paths:
  description: The paths that were changed, made or removed.
  type: list
  elements: str
  returned: always
  sample: [/usr/local/etc/agent.d/agent.json]
found:
  description: Those of O(look_for) that were there before anything was done.
  type: list
  elements: str
  returned: always
  sample: []
remembered:
  description: The texts of those files of O(remember) that were there, by their paths.
  type: dict
  returned: always
  sample: {}
"""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import file_entries
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.file_set import FileSet, texts
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner


def main():
    entry = {
        "path": {"type": "path", "required": True},
        "state": {"type": "str", "choices": ["file", "directory", "absent", "generated"], "default": "file"},
        "content": {"type": "str"},
        "secret": {"type": "str", "no_log": True},
        "fills": {"type": "dict", "default": {}},
        "owner": {"type": "str", "default": "root"},
        "group": {"type": "str"},
        "mode": {"type": "raw"},
        "validate": {"type": "str"},
        **file_entries.SPEC,
    }
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": entry,
                "mutually_exclusive": [("content", "secret")],
            },
            "look_for": {"type": "list", "elements": "path", "default": []},
            "remember": {"type": "list", "elements": "path", "default": []},
            "keep": {"type": "str"},
            "mount": {"type": "path"},
        },
        supports_check_mode=True,
        # The arguments, whole files, would go to the system's log.
        no_log=True,
    )
    params = module.params
    problem = file_entries.unread(params["files"])
    try:
        files = FileSet(Runner(), params["keep"], module.check_mode)
    except ValueError as error:
        problem = str(error)
    if problem:
        module.fail_json(msg=problem)
    found = [path for path in params["look_for"] if os.path.lexists(path)]
    remembered = {}
    try:
        remembered = texts(params["remember"])
        files.ensure(params["files"], params["mount"])
    except Sentence as error:
        problem = str(error)
    result = {"changed": bool(files.changed), "changed_paths": files.changed, "found": found, "remembered": remembered}
    if module._diff:
        result["diff"] = files.diffs
    if problem:
        module.fail_json(msg=problem, **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
