# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: parts
short_description: Read what the parts of a homeserver state about themselves
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Every role of the collection that is a part of a homeserver has a plate, C(meta/part.yml). It states, as plain data
    made of the role's options, whether the part is on, its ports, the services it announces, its log files, its data,
    the datasets of its own below the homeserver's, the attributes that the pot needs for it, its packages, its rc
    services, the copies of the certificate that these read, what has to be done before its packages are upgraded, how
    to prove that it works, how to see what is left of it when it is off, and what is done in the pot before that is
    removed. An element of a list of texts that is stated on a condition has the text under C(each).
  - Whatever has to know something of all parts reads it here, and knows no part by name.
options:
  _terms:
    description: Names of parts; all parts when none is given.
    type: list
    elements: str
  enabled:
    description: Return, in place of plates, the names of the parts that are on.
    type: bool
    default: false
  checks:
    description:
      - Return, in place of plates, the checks that prove the parts from here, each after those it requires.
        M(potluck.matrix.probe_info) takes them.
    type: str
    choices: [host, inside, outside]
  listed:
    description:
      - Return, in place of plates, what all of them list under this name.
      - V(packages) come with their C(part). V(remains) are checks that M(potluck.matrix.probe_info) takes, each named
        as its part; they are those of the parts that are off, and one passes where an earlier run has left something.
    type: str
    choices:
      - ports
      - services
      - logs
      - data
      - datasets
      - attributes
      - packages
      - rc_services
      - certificate_copies
      - before_upgrade
      - farewells
      - remains
"""

EXAMPLES = r"""
- name: Prove every part from inside the pot
  potluck.matrix.probe_info:
    checks: "{{ lookup('potluck.matrix.parts', checks='inside', wantlist=true) }}"

- name: Show the log files of all parts
  ansible.builtin.debug:
    msg: "{{ lookup('potluck.matrix.parts', listed='logs', wantlist=true) }}"
"""

RETURN = r"""
_raw:
  description: The plates, or the checks, or what the plates list.
  type: list
  elements: dict
"""

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.potluck.matrix.plugins.plugin_utils import _parts


class LookupModule(LookupBase):
    """The lookup."""

    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        reader = _parts.Reader(
            lambda path: self._loader.load_from_file(str(path), unsafe=True, trusted_as_template=True),
            lambda context: self._templar.copy_with_new_env(available_variables=context).template,
        )
        names = reader.names()
        unknown = [name for name in terms if name not in names]
        if unknown:
            raise AnsibleLookupError(f"There is no part {unknown[0]}; there are {', '.join(names)}.")
        listed, where = self.get_option("listed"), self.get_option("checks")
        names_only = self.get_option("enabled")
        wanted = ["checks_" + where] if where else [listed] if listed else []
        keys = {"keys": wanted} if wanted or names_only else {}
        try:
            plates = [reader.plate(name, variables or {}, **keys) for name in names if not terms or name in terms]
        except _parts.BadPlate as error:
            raise AnsibleLookupError(str(error)) from None
        if names_only:
            return [plate["name"] for plate in plates if plate["enabled"]]
        if where:
            return _parts.ordered_checks(plates, where)
        return _parts.listed(plates, listed) if listed else plates
