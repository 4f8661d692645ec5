# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._synapse import accounts
from ansible_collections.potluck.matrix.plugins.modules import synapse_accounts
from fake_synapse import SECRET, running


@pytest.fixture
def homeserver(tmp_path):
    with running(tmp_path / "synapse.sock") as homeserver:
        yield homeserver


@pytest.fixture
def module(homeserver, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(AnsibleModule, "warn", lambda _module, warning: homeserver.warnings.append(warning))

    def run(*wanted, check=False, **arguments):
        arguments = {
            "socket": homeserver.socket,
            "shared_secret": SECRET,
            "session_path": str(tmp_path / "session"),
            **arguments,
        }
        more = {"accounts": list(wanted), "_ansible_check_mode": check, "_ansible_diff": True}
        before = dict(homeserver.tokens)
        with patch_module_args({**arguments, **more}), pytest.raises(SystemExit):
            synapse_accounts.main()
        said = capsys.readouterr().out
        assert "s3cret" not in said
        # Nobody but the module's own account stays logged in.
        assert {homeserver.tokens[token] for token in set(homeserver.tokens) - set(before)} <= set(own(homeserver))
        return json.loads(said)

    return run


def changes(result):
    return {each["user_id"][1:].partition(":")[0]: each["changes"] for each in result["accounts"]}


def own(homeserver):
    return [name for name in homeserver.accounts if name.startswith("matrix-accounts-")]


def test_what_is_only_listed_is_made_once_and_then_left_alone(module, homeserver):
    admin = {"name": "alice", "password": "s3cret", "admin": True, "display_name": "Alice"}
    assert changes(module(admin, {"name": "bob"}, check=True)) == {"alice": ["made"], "bob": ["made"]}
    assert homeserver.accounts == {}
    result = module(admin, {"name": "bob"})
    assert result["changed"] and changes(result) == {"alice": ["made"], "bob": ["made"]}
    assert result["diff"]["after"] == "@alice:example.org made\n@bob:example.org made\n"
    assert homeserver.accounts["alice"]["admin"] and len(homeserver.accounts["bob"]["password"]) > 30
    homeserver.accounts["alice"].update(password="by hand", admin=False)
    result = module(admin, {"name": "bob", "password": "other"})
    assert not result["changed"] and set(homeserver.accounts) == {"alice", "bob"}
    assert homeserver.accounts["alice"]["password"] == "by hand" and not homeserver.accounts["alice"]["admin"]


def test_the_first_run_makes_all_that_the_second_needs(module, homeserver):
    wanted = {"name": "alice", "password": "s3cret", "admin": True, "state": "active", "update_password": "always"}
    assert changes(module(wanted)) == {"alice": ["made"]}
    (name,) = own(homeserver)
    before = {name: dict(account) for name, account in homeserver.accounts.items()}
    assert not module(wanted)["changed"] and not module(wanted, check=True)["changed"]
    assert homeserver.accounts == before and before[name]["admin"]


def test_rights_follow_the_list(module, homeserver):
    module({"name": "alice"})
    for admin, said in ((True, "is an administrator"), (False, "is no administrator any more")):
        wanted = {"name": "alice", "admin": admin, "state": "active"}
        assert changes(module(wanted)) == {"alice": [said]} and homeserver.accounts["alice"]["admin"] == admin
        assert not module(wanted)["changed"]
    assert not module({"name": "alice", "admin": True})["changed"]


def test_deactivated_and_back(module, homeserver):
    module({"name": "alice", "password": "s3cret"})
    gone = {"name": "alice", "state": "deactivated"}
    assert changes(module(gone)) == {"alice": ["deactivated"]} and homeserver.accounts["alice"]["deactivated"]
    assert not module(gone)["changed"]
    # Being listed is not being wanted back.
    assert not module({"name": "alice", "password": "x", "update_password": "always", "sign_out": "all"})["changed"]
    back = {"name": "alice", "password": "s3cret", "state": "active", "update_password": "always"}
    assert changes(module(back)) == {"alice": ["reactivated"]}
    assert homeserver.accounts["alice"]["password"] == "s3cret" and not module(back)["changed"]
    assert not module({"name": "nobody", "state": "deactivated"})["changed"] and "nobody" not in homeserver.accounts


def test_another_password_is_set_when_that_is_asked(module, homeserver):
    module({"name": "alice", "password": "old"})
    homeserver.tokens["t"] = "alice"
    wanted = {"name": "alice", "password": "s3cret", "update_password": "always"}
    module({"name": "bob", "state": "active"})
    assert changes(module(wanted, check=True)) == {"alice": ["has another password"]}
    assert homeserver.accounts["alice"]["password"] == "old" and "t" in homeserver.tokens
    assert changes(module(wanted)) == {"alice": ["has another password"]}
    assert homeserver.accounts["alice"]["password"] == "s3cret" and "t" not in homeserver.tokens
    assert not module(wanted)["changed"]


def test_signing_out(module, homeserver):
    module({"name": "alice"})
    homeserver.tokens = {"1": "alice", "2": "alice", "3": "bob"}

    def left():
        return {token for token, name in homeserver.tokens.items() if name not in own(homeserver)}

    assert changes(module({"name": "alice", "sign_out": ["D2", "D3"]})) == {"alice": ["is signed out of D2"]}
    assert left() == {"1", "3"}
    assert changes(module({"name": "alice", "sign_out": "all"})) == {"alice": ["is signed out of D1"]}
    assert not module({"name": "alice", "sign_out": "all"})["changed"] and left() == {"3"}


def test_what_goes_wrong_is_said_in_a_sentence(module, homeserver):
    active = {"name": "alice", "state": "active"}
    assert "there is no account @alice:example.org" in module({"name": "alice"}, create=False)["msg"]
    assert "several servers: a.example, b.example" in module({"name": "@a:a.example"}, {"name": "@a:b.example"})["msg"]
    assert module(active)["changed"]
    homeserver.password_logins, kept = False, homeserver.tokens
    assert not module(active)["changed"]
    homeserver.tokens = {}
    assert "lets nobody log in by a password of its own (password_config)" in module(active)["msg"]
    homeserver.password_logins = True
    homeserver.accounts[own(homeserver)[0]]["deactivated"] = True
    assert "cannot log in: it was deactivated" in module(active)["msg"]
    homeserver.tokens = kept
    # Another secret makes another account.
    homeserver.secret = "another"
    assert not module(active, shared_secret="another")["changed"] and len(own(homeserver)) == 2


def test_check_mode_without_a_server_or_an_account_of_its_own(module, homeserver):
    homeserver.accounts["alice"] = {"password": "x", "admin": False}
    result = module({"name": "alice", "admin": True, "state": "active"}, check=True)
    assert not result["changed"] and "check mode does not see" in homeserver.warnings[0] and not own(homeserver)
    assert module({"name": "alice"}, check=True, socket="/nowhere")["changed"]
    assert "does not answer at /nowhere" in module({"name": "alice"}, socket="/nowhere")["msg"]


def test_a_session_is_kept_and_renewed(module, homeserver, tmp_path):
    wanted = {"name": "alice", "password": "s3cret", "state": "active"}
    module(wanted)
    assert (tmp_path / "session").stat().st_mode & 0o777 == 0o600
    homeserver.log.clear()
    assert not module(wanted)["changed"] and "POST /_matrix/client/v3/login" not in homeserver.log
    homeserver.tokens.clear()
    assert not module(wanted, check=True)["changed"] and homeserver.tokens == {}
    assert not module(wanted)["changed"] and len(homeserver.tokens) == 1 and len(own(homeserver)) == 1


def test_a_password_that_may_not_be_tried_is_left(module, homeserver):
    wanted = {"name": "alice", "password": "s3cret", "update_password": "always"}
    module(wanted)
    homeserver.login_limits = [333_000]
    assert not module(wanted)["changed"] and "limits how often alice logs in" in homeserver.warnings[-1]


def test_a_server_that_fails_is_asked_again(module, homeserver, monkeypatch):
    waits = []
    monkeypatch.setattr(accounts.Synapse.__init__, "__defaults__", (None, None, 60, waits.append))
    module({"name": "alice"})
    homeserver.failures = 2
    assert changes(module({"name": "alice", "state": "deactivated"})) == {"alice": ["deactivated"]} and waits == [1, 2]
    homeserver.failures = 6
    assert "refused GET" in module({"name": "alice", "state": "active"})["msg"] and sum(waits) == 34
