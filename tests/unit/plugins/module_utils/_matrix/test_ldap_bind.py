# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no directory of the other tests answers, and options that no directory is asked with."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import ldap_bind

PARAMS = {
    "uris": ["ldaps://127.0.0.1:1"],
    "start_tls": False,
    "ca_file": None,
    "validate_certs": True,
    "bind_dn": "cn=reader,dc=example",
    "bind_password": "secret",
    "base": "dc=example",
    "filter": "(objectClass=person)",
    "timeout": 1,
}


class Directory:
    """An open connection to a directory whose searches end with one answer."""

    def __init__(self, *response):
        self.response, self.result = list(response), {"result": 0, "description": "success"}

    def bind(self):
        return True

    def search(self, *dummy, **options):
        return bool(self.response)


def test_a_reference_to_another_server_is_no_user():
    reference = {"type": "searchResRef", "uri": ["ldap://DomainDnsZones.example/"]}
    assert not ldap_bind._search(Directory(reference), "ldap://a", PARAMS)
    assert ldap_bind._search(
        Directory(reference, {"type": "searchResEntry", "dn": "cn=alice,dc=example"}), "ldap://a", PARAMS
    )


@pytest.mark.parametrize(
    "changed, part, words",
    [
        ({"bind_password": None}, "credentials", "has no password"),
        ({"bind_password": ""}, "credentials", "has no password"),
        ({"ca_file": "/nonexistent/ca.pem"}, "tls", "cannot be asked"),
        ({"uris": ["ldap://127.0.0.1:1"]}, "directory", "cannot be reached"),
        ({"uris": []}, "directory", "no directory server is given"),
        # Without a login the password is of no interest, and the connection is proven all the same.
        ({"bind_password": None, "login": False}, "directory", "cannot be reached"),
    ],
)
def test_what_is_wrong_is_named(changed, part, words):
    with pytest.raises(Sentence, match=words) as refusal:
        ldap_bind.prove({**PARAMS, **changed})
    assert refusal.value.part == part
