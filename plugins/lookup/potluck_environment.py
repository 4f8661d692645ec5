# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: potluck_environment
short_description: Say a homeserver's variables as the parameters of Potluck's image
author: potluck.matrix contributors (@potluck)
version_added: 0.1.0
description:
  - Potluck's own image of its matrix-synapse jail is configured by parameters in the environment of its pot. This makes
    them of the variables that role P(potluck.matrix.homeserver#role) describes.
  - The result holds secrets.
options:
  _terms:
    description: Nothing; the variables are those of the homeserver.
"""

EXAMPLES = r"""
- name: Give the image what it asks for
  potluck.matrix.pot:
    name: matrix1
    env: "{{ lookup('potluck.matrix.potluck_environment').environment }}"
"""

RETURN = r"""
_raw:
  description: One dictionary.
  type: list
  elements: dict
  contains:
    environment:
      description: Value by parameter; what is empty is left out.
      type: dict
    missing:
      description: The variables that have to be given for the image to configure itself.
      type: list
      elements: str
"""

from ansible.errors import AnsibleLookupError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.loader import lookup_loader
from ansible.plugins.lookup import LookupBase
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import potluck_env
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.consul import servers


class LookupModule(LookupBase):
    """The lookup."""

    def run(self, terms, variables=None, **kwargs):
        self.set_options(var_options=variables, direct=kwargs)
        if terms:
            raise AnsibleLookupError("potluck_environment takes no terms.")
        known = potluck_env.PARAMETERS
        names = [*known.values(), "matrix_tls_mode"]
        names.remove(known["NOSSL"])
        reader = lookup_loader.get("ansible.builtin.vars", loader=self._loader, templar=self._templar)
        values = dict(zip(names, reader.run(names, variables)))
        for parameter in ("CONTROLUSER", "REGISTRATIONENABLE"):
            values[known[parameter]] = boolean(values[known[parameter]])
        name = known["CONSULSERVERS"]
        try:
            values[name] = servers(values[name]) if values[name] else []
        except ValueError as error:
            raise AnsibleLookupError(f"{name}: {error}") from None
        environment = potluck_env.image_environment(values)
        missing = [known[name] for name in potluck_env.REQUIRED if name not in environment]
        return [{"environment": environment, "missing": missing}]
