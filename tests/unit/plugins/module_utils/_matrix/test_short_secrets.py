# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A password of one letter neither makes a sentence unreadable nor is it told."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.modules import ldap_bind_info, synapse_data, synapse_user

PASSWORDS = ["e", "se", "a longer one"]


def run(module, capsys, **arguments):
    basic._ANSIBLE_ARGS = None
    with (
        patch_module_args({**arguments, "_ansible_remote_tmp": "/tmp", "_ansible_keep_remote_files": False}),
        pytest.raises(SystemExit),
    ):
        module.main()
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_directorys(capsys, password):
    result = run(
        ldap_bind_info,
        capsys,
        uris=["ldap://127.0.0.1:1"],
        bind_dn="cn=reader",
        bind_password=password,
        base="dc=example",
        timeout=1,
    )
    assert "the directory ldap://127.0.0.1:1 cannot be reached" in result["msg"]
    assert result["invocation"]["module_args"]["bind_password"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


@pytest.mark.parametrize("password", PASSWORDS)
def test_an_accounts(capsys, password):
    result = run(
        synapse_user,
        capsys,
        name="alice",
        server_name="example.org",
        password=password,
        shared_secret=password,
        socket="/nonexistent",
    )
    assert "Synapse does not answer at /nonexistent" in result["msg"]
    assert {result["invocation"]["module_args"][name] for name in ("password", "shared_secret")} == {
        "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    }


@pytest.mark.parametrize("secret", PASSWORDS)
def test_a_homeservers(capsys, tmp_path, secret):
    result = run(
        synapse_data,
        capsys,
        path=str(tmp_path),
        server_name="example.org",
        media=str(tmp_path),
        owner="nobody-of-this-name",
        secrets={"form_secret": secret},
    )
    assert "there is no user nobody-of-this-name" in result["msg"]
    assert result["invocation"]["module_args"]["secrets"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
