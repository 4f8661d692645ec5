#!/usr/bin/python
# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: import_env
short_description: Turn the environment of a Potluck jail into host variables
version_added: 0.1.0
description:
  - Reads the environment of a jail that runs Potluck's matrix-synapse and writes the variables of this collection that mean the same,
    C(host_vars/HOST/matrix.yml) and, for the secrets, C(host_vars/HOST/vault.yml) with mode 0600, which is meant for C(ansible-vault encrypt).
  - The environment may be the C(pot set-env) commands that set it, the jail's C(environment.sh) (or C(/root/.env.cook)), or the pot's C(pot.conf).
    Which of them it is shows in the text. Only C(pot.conf) tells the pot's network type, interface, bridge and exported ports too.
  - Values come out as the jail's shell had them in the end. A value with a part that the shell expands is imported as it is written, with a warning.
  - Flags come out as Potluck's jail takes them, for which C(NOSSL=false) and C(CONTROLUSER=false) mean yes; a warning tells about it.
    C(SSLEMAIL=none) and empty values are left out.
author:
  - potluck.matrix contributors (@potluck)
attributes:
  check_mode:
    description: Can run in check mode and return changed status prediction without modifying target.
    support: full
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: full
    details:
      - Secrets are shown by name only.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
options:
  source:
    description:
      - The file with the environment.
    type: path
    required: true
  host:
    description:
      - Name of the server in the inventory.
    type: str
    required: true
  directory:
    description:
      - Directory of the inventory, in which C(host_vars) is or will be.
    type: path
    required: true
  pot:
    description:
      - Which pot's commands to take, if O(source) has C(set-env) commands for several.
    type: str
  force:
    description:
      - Overwrite files that this module did not write, that were changed since, or that are encrypted.
      - Without it, the first two are refused, and an encrypted C(vault.yml) is left alone with a warning.
    type: bool
    default: false
notes:
  - Run it on the controller (C(connection) V(local)); the files belong to the inventory.
  - The import only translates; role P(potluck.matrix.preflight#role) says what is wrong with the values or missing.
"""

EXAMPLES = r"""
- name: Take over a Potluck jail's environment
  potluck.matrix.import_env:
    source: /root/environment.sh
    host: matrix1
    directory: /etc/ansible/inventory
  delegate_to: localhost
"""

RETURN = r"""
files:
  description: The files that hold the variables.
  returned: success
  type: list
  elements: str
  sample: [/etc/ansible/inventory/host_vars/matrix1/matrix.yml, /etc/ansible/inventory/host_vars/matrix1/vault.yml]
variables:
  description: The variables in C(matrix.yml).
  returned: success
  type: dict
  sample: {matrix_domain: example.com}
secrets:
  description: Names of the variables in C(vault.yml).
  returned: success
  type: list
  elements: str
  sample: [matrix_gossip_key, matrix_shared_secret]
"""

import hashlib
import os
import re
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.potluck.matrix.plugins.module_utils import _potluck_env

_MARK = "# Imported from a Potluck environment by potluck.matrix.import_env, checksum "


def render(values, comments):
    """The text of a variables file: a mark with a checksum of the rest, by which a later import knows its own unchanged work."""
    body = "".join("# %s\n" % comment for comment in comments) + "---\n"
    body += "".join("%s: %s\n" % (name, _potluck_env.yaml_text(value)) for name, value in values.items())
    return "%s%s\n%s" % (_MARK, _checksum(body), body)


def _checksum(body):
    return hashlib.sha256(body.encode("utf-8")).hexdigest()[:16]


def is_own(text):
    """Whether a file is the unchanged work of an earlier import."""
    first, _newline, body = text.partition("\n")
    return first.startswith(_MARK) and first[len(_MARK):] == _checksum(body)


def masked(text, other):
    """A file of secrets as it may be shown, names only, beside the same file at another time."""
    known = dict(_settings(other))
    return "".join("%s: (secret%s)\n" % (name, "" if known.get(name, value) == value else ", other value") for name, value in _settings(text))


def _settings(text):
    return [line.partition(": ")[::2] for line in text.splitlines() if re.match(r"\w+: ", line)]


class Importer:
    """Writes the two files; collects what it did."""

    def __init__(self, module):
        self.module = module
        self.changed = False
        self.diff = []
        self.files = []

    def write(self, path, text, mode, secret):
        """Bring one file to a text and mode, or fail in a sentence."""
        self.files.append(path)
        before = self._read(path)
        if before is not None and before.startswith("$ANSIBLE_VAULT;") and not self.module.params["force"]:
            self.module.warn("%s is encrypted and stays as it is; its values were not compared. Decrypt it, or set force, to import it anew." % path)
            return
        if before is not None and before != text and not is_own(before) and not self.module.params["force"]:
            way_out = "move it away, or set force to overwrite it (playbook: -e import_env_force=true)"
            self.module.fail_json(msg="%s was not written by an import, or was changed since; %s." % (path, way_out))
        if before != text:
            self.changed = True
            # What is not ours may hold secrets anywhere.
            old = "" if before is None else before if is_own(before) else "(another content)\n"
            new = text
            if secret:
                old, new = masked(old, ""), masked(new, old)
            self.diff.append({"before_header": path, "after_header": path, "before": old, "after": new})
            if not self.module.check_mode:
                self._replace(path, text, mode)
        elif os.stat(path).st_mode & 0o777 != mode and secret:
            self.changed = True
            if not self.module.check_mode:
                os.chmod(path, mode)

    def _read(self, path):
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as stream:
                return stream.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            return self.module.fail_json(msg="%s cannot be read (%s)." % (path, error.strerror))

    def _replace(self, path, text, mode):
        # A new file in the same directory, private from its first byte on, takes the old one's place at once.
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".import_env-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as stream:
                    stream.write(text)
                os.chmod(temporary, mode)
                os.replace(temporary, path)
            except BaseException:
                os.unlink(temporary)
                raise
        except OSError as error:
            self.module.fail_json(msg="%s cannot be written (%s)." % (path, error.strerror))


def main():
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "source": {"type": "path", "required": True},
            "host": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "pot": {"type": "str"},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    host, source = module.params["host"], module.params["source"]
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*", host):
        module.fail_json(msg='host: "%s" is not a name of an inventory host, for example matrix1.' % host)
    if not os.path.isdir(module.params["directory"]):
        module.fail_json(msg="directory: %s is not a directory; give the one that the inventory is in." % module.params["directory"])
    try:
        with open(source, encoding="utf-8") as stream:
            environment = _potluck_env.read(stream.read(), module.params["pot"])
        variables, secrets, warnings = _potluck_env.convert(environment)
    except OSError as error:
        module.fail_json(msg="source: %s cannot be read (%s)." % (source, error.strerror))
    except UnicodeDecodeError:
        module.fail_json(msg="source: %s is not a text in UTF-8." % source)
    except ValueError as error:
        module.fail_json(msg="source: %s: %s" % (source, error))
    for warning in warnings:
        module.warn(warning)

    importer = Importer(module)
    directory = os.path.join(module.params["directory"], "host_vars", host)
    importer.write(os.path.join(directory, "matrix.yml"), render(variables, warnings), 0o644, secret=False)
    if secrets:
        hint = "Secrets in clear text: encrypt this file with \"ansible-vault encrypt host_vars/%s/vault.yml\"." % host
        importer.write(os.path.join(directory, "vault.yml"), render(secrets, [hint]), 0o600, secret=True)
    module.exit_json(changed=importer.changed, diff=importer.diff, files=importer.files, variables=variables, secrets=sorted(secrets))


if __name__ == "__main__":
    main()
