# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a role, as a filter gets them."""

from __future__ import annotations

import json

from ansible.errors import AnsibleFilterError
from ansible.plugins.filter.core import to_json
from ansible.utils.vars import merge_hash
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import values


class Options:
    """A role's options by their names without the role's prefix.

    An option that is missing, or not what it has to be, is a ValueError with one sentence, which shows no value.
    """

    def __init__(self, prefix: str, given: dict) -> None:
        self._prefix, self._given = prefix, given

    def __getitem__(self, name: str):
        if name not in self._given:
            raise ValueError(f"{self._prefix}{name} is missing in the options that are given to the filter.")
        return self._given[name]

    def true(self, name: str) -> bool:
        """An option that is true or false."""
        return self.judged(name, values.boolean, "write true or false")

    def judged(self, name: str, check, hint: str):
        """What a checker, which raises ValueError with the end of a sentence, makes of an option."""
        value = self[name]
        try:
            return check(value)
        except ValueError as error:
            raise ValueError(f"{self._prefix}{name} {error}; {hint}.") from None


def merged(*parts: dict) -> dict:
    """Dictionaries put over each other, those in them as well; of lists, the later one counts."""
    found: dict = {}
    for part in parts:
        found = merge_hash(found, part)
    return found


def configured(function, prefix: str, given, *arguments, **more) -> dict:
    """What a function of Options makes of a filter's input, as plain data; AnsibleFilterError for what is refused.

    Lazy templates and vaults become what they stand for, which to_nice_yaml does not do by itself.
    """
    if not isinstance(given, dict):
        raise AnsibleFilterError(f"The options of role {prefix.rstrip('_')} have to be a dictionary.")
    try:
        return function(Options(prefix, json.loads(to_json(given))), *arguments, **more)
    except ValueError as error:
        raise AnsibleFilterError(str(error)) from error
