# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The check of an LDAP directory."""

from __future__ import annotations

import typing as t

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import ldap_bind


def check_ldap(check: dict, timeout: float, _runner: t.Any) -> str:
    """Bind and search as ldap_bind_info does, with its options in ``ldap``; a user has to be found.

    The part of a Sentence is that of C(ldap_bind), filter when nobody is found, and none when ldap3 is missing.
    """
    if ldap_bind.LDAP3_ERROR:
        raise Sentence("the Python library ldap3 is missing here")
    params: dict[str, t.Any] = {name: spec.get("default") for name, spec in ldap_bind.ARGUMENTS.items()}
    params.update(check["ldap"], timeout=timeout)
    uri, found = ldap_bind.prove(params)
    if not found:
        raise Sentence(
            "{} has no user below {} that matches {}".format(uri, params["base"], params["filter"]), "filter"
        )
    return f"{uri} answers and has users"
