#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: synapse_data
short_description: Make the directories, the signing key and the secrets of a new homeserver, and of no other
version_added: 0.1.0
description:
  - Makes what is missing and leaves what is there. A signing key or a secret is never replaced.
  - The signing key is the homeserver's identity. It is made only where nothing tells of an earlier homeserver. What
    tells of one is the note in O(identity), which lies outside of the data, a database, media, or a configuration.
    Where there is any of that and no key, or where the key is another one than the note says, the module fails before
    it makes anything.
  - Data of a homeserver of another name are refused, since Synapse cannot change its name.
  - Symbolic links on the way to any of the files are refused instead of followed.
author:
  - potluck.matrix contributors (@potluck)
extends_documentation_fragment:
  - potluck.matrix.attributes
  - potluck.matrix.sentences
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Names of files only.
  idempotent:
    support: full
requirements:
  - Synapse, whose program makes the key
options:
  path:
    description: Directory of the signing key and, in its subdirectory C(secrets), of the secrets.
    type: path
    required: true
  server_name:
    description: Name of the homeserver.
    type: str
    required: true
  owner:
    description: User that Synapse runs as.
    type: str
    default: synapse
  directories:
    description: Directories to make, or to correct, before anything else.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path.
        type: path
        required: true
      owner:
        description: User that owns it; whoever it is when not given.
        type: str
      group:
        description: Group that owns it; whichever it is when not given.
        type: str
      mode:
        description: Permissions, as octal digits in quotes.
        type: str
        required: true
  secrets:
    description: Secrets to make unless there is one, each with its value; an empty value makes a random one.
    type: dict
    default: {}
  database:
    description: Path of Synapse's database of SQLite, the present one or a former one; empty for none.
    type: str
    default: ""
  engine:
    description:
      - Kind of the homeserver's database. With V(postgresql) or V(elsewhere) the file C(database) in O(path) is made to
        say so, unless the data are still in O(database). From then on any other kind but an empty one is refused, since
        Synapse would start with an empty database.
    type: str
    default: ""
  mountpoint:
    description: Directory at which a file system has to be mounted on which all data lie; empty for none.
    type: str
    default: ""
  media:
    description: Directory of media.
    type: path
    required: true
  files:
    description: Directory of which the files are returned that are in it, at any depth.
    type: path
  config:
    description: Directory of Synapse's configuration.
    type: path
    default: /usr/local/etc/matrix-synapse/homeserver.d
  identity:
    description: File outside of the data in which the name and the fingerprint of the signing key are noted.
    type: path
    default: /usr/local/etc/matrix-synapse/.identity
  python:
    description: Interpreter that has Synapse.
    type: path
    default: /usr/local/bin/python3.11
seealso:
  - module: potluck.matrix.synapse_config
"""

EXAMPLES = r"""
- name: Make the signing key and the secrets
  potluck.matrix.synapse_data:
    path: /mnt/matrixdata/matrix-synapse
    server_name: example.org
    media: /mnt/matrixdata/media_store
    database: /mnt/matrixdata/matrix-synapse/matrix_homeserver.db
    directories:
      - {path: /mnt/matrixdata/matrix-synapse, owner: synapse, group: synapse, mode: "0750"}
      - {path: /mnt/matrixdata/media_store, owner: synapse, group: synapse, mode: "0750"}
    secrets:
      macaroon_secret_key: ""
      form_secret: ""
      registration_shared_secret: "{{ vault_shared_secret }}"
"""

RETURN = r"""
made:
  description: Files and directories that were made, or directories that were corrected; in check mode, would be.
  type: list
  elements: str
  returned: always
  sample: [/mnt/matrixdata/matrix-synapse/signing.key]
sqlite:
  description: Those files of SQLite that are there, O(database) itself and what C(synapse_database) kept of it.
  type: list
  elements: str
  returned: success
  sample: [/mnt/matrixdata/matrix-synapse/matrix_homeserver.db]
files:
  description: The files in O(files), symbolic links left out.
  type: list
  elements: str
  returned: success
  sample: [/mnt/matrixdata/matrix-files/bridges/irc.yaml]
part:
  description:
    - What is wrong - V(name) that the data are those of a homeserver of another name, V(identity) that the signing key
      is missing or is another homeserver's, V(database) that the data are in another database, V(mountpoint) that
      nothing is mounted where they belong, V(directory) that a directory cannot be made, V(program) that Synapse's
      program makes no key.
  type: str
  returned: failure
  sample: identity
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence, in_words_of
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import short_secrets
from ansible_collections.potluck.matrix.plugins.module_utils._synapse.data import Data


def main():
    directory = {
        "path": {"type": "path", "required": True},
        "owner": {"type": "str"},
        "group": {"type": "str"},
        "mode": {"type": "str", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "server_name": {"type": "str", "required": True},
            "owner": {"type": "str", "default": "synapse"},
            "directories": {"type": "list", "elements": "dict", "default": [], "options": directory},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
            "database": {"type": "str", "default": ""},
            "engine": {"type": "str", "default": ""},
            "mountpoint": {"type": "str", "default": ""},
            "sentences": {"type": "dict", "default": {}},
            "media": {"type": "path", "required": True},
            "files": {"type": "path"},
            "config": {"type": "path", "default": "/usr/local/etc/matrix-synapse/homeserver.d"},
            "identity": {"type": "path", "default": "/usr/local/etc/matrix-synapse/.identity"},
            "python": {"type": "path", "default": "/usr/local/bin/python3.11"},
        },
        supports_check_mode=True,
    )
    short_secrets.spare_short(module)
    told = {"invocation": short_secrets.shown(module)}
    made = []
    problem = part = None
    try:
        data = Data(module.params, module.check_mode)
        made = data.made
        data.ensure()
    except Sentence as refusal:
        problem, part = str(refusal), refusal.part
    except OSError as error:
        problem, part = f"{error.filename or module.params['path']}: {error.strerror or error}", "directory"
    if problem:
        problem = in_words_of(module.params["sentences"], part, problem)
        module.fail_json(msg=problem, part=part, made=made, changed=bool(made) and not module.check_mode, **told)
    if module._diff:
        told["diff"] = {"before": "", "after": "".join(f"{path}\n" for path in made)}
    module.exit_json(changed=bool(made), made=made, sqlite=data.sqlite, files=data.files, **told)


if __name__ == "__main__":
    main()
