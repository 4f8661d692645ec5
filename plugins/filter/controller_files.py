# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: controller_files
short_description: What has to be done for files of the controller to be in the pot
author: potluck.matrix contributors (@potluck)
version_added: 0.2.0
description:
  - Makes of C(matrix_files) the directories and files to put below a directory, and finds what is to be removed from
    it.
options:
  _input:
    description:
      - The value of C(matrix_files).
    type: list
    elements: dict
    required: true
  directory:
    description:
      - The directory in the pot that holds these files and nothing else.
    type: str
    required: true
  there:
    description:
      - Paths of the files that are in it.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
---
- name: A registration that nobody but Synapse reads, and a file that is named no longer
  ansible.builtin.assert:
    that:
      - found.wanted | map(attribute='path') == ['/files', '/files/bridges', '/files/bridges/irc.yaml']
      - found.wanted[2].mode == '0640'
      - found.wanted[2].secret_source == '/root/irc.yaml'
      - found.registrations == ['/files/bridges/irc.yaml']
      - found.former | map(attribute='path') == ['/files/old.txt']
  vars:
    found: "{{ files | potluck.matrix.controller_files('/files', there=['/files/old.txt']) }}"
    files:
      - {source: /root/irc.yaml, path: bridges/irc.yaml, registration: true}
"""

RETURN = r"""
_value:
  description:
    - C(wanted) as the option C(files) of M(potluck.matrix.file_set), C(former) as that of
      M(potluck.matrix.synapse_config), and C(registrations), the paths of those that Synapse has to be told of.
  type: dict
"""

import json

from ansible.errors import AnsibleFilterError
from ansible.plugins.filter.core import to_json
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import controller_files


def controller_files_filter(value, directory, there=()):
    """What has to be done for files of the controller to be below a directory."""
    try:
        return controller_files.placed(controller_files.files(json.loads(to_json(value))), str(directory), list(there))
    except ValueError as error:
        raise AnsibleFilterError(f"matrix_files: the value {error}") from error


class FilterModule:
    """The filter, under its name."""

    def filters(self):
        return {"controller_files": controller_files_filter}
