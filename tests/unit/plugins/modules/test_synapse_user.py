# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import http.server
import json
import threading

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._synapse import client
from ansible_collections.potluck.matrix.plugins.modules import synapse_user
from fake_synapse import SECRET, running
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture
def homeserver(tmp_path):
    with running(tmp_path / "synapse.sock") as homeserver:
        yield homeserver


@pytest.fixture
def module(homeserver, capsys):
    def run(name="alice", check=False, **arguments):
        arguments.setdefault("socket", homeserver.socket)
        if "shared_secret_path" not in arguments:
            arguments.setdefault("shared_secret", SECRET)
        more = {"name": name, "_ansible_check_mode": check, "_ansible_diff": True}
        with patch_module_args({**arguments, **more}), pytest.raises(SystemExit):
            synapse_user.main()
        return json.loads(capsys.readouterr().out)

    return run


def test_an_account_is_made_once(module, homeserver):
    result = module(password="pass", admin=True, display_name="Alice")
    assert result["changed"] and result["user_id"] == "@alice:example.org" and result["existed"] is False
    assert result["diff"] == {
        "before": {},
        "after": {"user_id": "@alice:example.org", "admin": True, "display_name": "Alice"},
    }
    account = homeserver.accounts["alice"]
    assert (account["password"], account["admin"], account["displayname"], account["inhibit_login"]) == (
        "pass",
        True,
        "Alice",
        True,
    )
    homeserver.log.clear()
    again = module(password="other", admin=False)
    assert not again["changed"] and again["existed"] is True and again["diff"]["before"] == again["diff"]["after"]
    assert homeserver.accounts["alice"] is account
    assert not any("/_synapse/" in line for line in homeserver.log)


def test_without_a_password_it_gets_a_random_one(module, homeserver):
    module("bob")
    module("carol")
    passwords = {homeserver.accounts[name]["password"] for name in ("bob", "carol")}
    assert len(passwords) == 2 and all(len(password) > 40 for password in passwords)
    assert "displayname" not in homeserver.accounts["bob"]


@pytest.mark.parametrize("registration_open", [False, True])
def test_check_mode_tells_the_truth_and_changes_nothing(module, homeserver, registration_open):
    homeserver.registration_open = registration_open
    assert module(check=True)["changed"]
    assert homeserver.accounts == {} and not any("POST" in line for line in homeserver.log)
    foretold, done = module(check=True), module()
    assert foretold["diff"] == done["diff"]
    assert not module(check=True)["changed"]


def test_an_erased_account_keeps_its_name(module, homeserver):
    homeserver.erased = {"alice"}
    assert not module()["changed"]
    homeserver.registration_open = True
    assert not module(check=True)["changed"]


def test_a_server_that_tells_nobody(module, homeserver):
    homeserver.profiles_need_login = True
    assert module(check=True)["existed"] is None
    assert module()["changed"]
    assert not module()["changed"]
    homeserver.registration_open = True
    assert not module(check=True)["changed"]


def test_the_secret_from_a_file(module, homeserver, tmp_path):
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    assert module(shared_secret_path=str(path))["changed"]
    path.write_text("\n")
    assert "is empty" in module("bob", shared_secret_path=str(path))["msg"]
    assert "cannot read the shared secret" in module("bob", shared_secret_path=str(tmp_path / "none"))["msg"]
    # Not read when there is nothing to do.
    assert not module(shared_secret_path=str(tmp_path / "none"))["changed"]


def test_secrets_do_not_appear(module, homeserver):
    result = module(password="Very-Secret-1")
    assert "Very-Secret-1" not in json.dumps(result) and SECRET not in json.dumps(result)
    homeserver.secret = "another"
    result = module("bob", password="Very-Secret-1")
    assert result["failed"] and "Very-Secret-1" not in json.dumps(result) and SECRET not in json.dumps(result)


def test_a_limit_of_the_rate_is_waited_for(homeserver):
    homeserver.limits = [200, 4000]
    waits = []
    assert client.Synapse(homeserver.socket, sleep=waits.append).server_name() == "example.org"
    assert waits == [0.2, 4.0]
    homeserver.limits = [200_000]
    with pytest.raises(Sentence, match="limits the rate"):
        client.Synapse(homeserver.socket, sleep=waits.append).server_name()


def test_over_a_url(module, homeserver):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), homeserver.handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    assert module(base_url="http://127.0.0.1:%d/" % server.server_port, socket="/nonexistent")["changed"]
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "attribute, value, message",
    [
        ("secret", "another", "the shared secret is not the one of the server"),
        ("secret", None, "has no registration_shared_secret"),
        ("admin_api", False, "does not serve /_synapse/admin"),
        ("keys", False, "set server_name"),
    ],
)
def test_errors_of_the_server(module, homeserver, attribute, value, message):
    setattr(homeserver, attribute, value)
    result = module()
    assert result["failed"] and message in result["msg"] and "\n" not in result["msg"]


def test_a_server_that_is_down(module, tmp_path):
    for socket in (tmp_path / "none.sock", tmp_path):
        result = module(socket=str(socket))
        assert result["failed"] and result["msg"].startswith(f"Synapse does not answer at {socket}: ")


def test_names(module, homeserver):
    assert module("@alice:example.org")["changed"]
    assert not module("alice", server_name="example.org")["changed"]
    homeserver.keys = False
    assert module("bob", server_name="example.org")["changed"]
    homeserver.keys = True
    for name, more, message in (
        ("@alice:other.org", {}, "the server at hand is example.org, not other.org"),
        ("alice", {"server_name": "other.org"}, "the server at hand is example.org, not other.org"),
        ("@alice:example.org", {"server_name": "other.org"}, "does not belong to the server"),
        ("@alice", {}, "is not a Matrix ID"),
        ("Alice", {}, "lower-case"),
        ("al ice", {}, "cannot be the name"),
        ("", {}, "cannot be the name"),
        ("12345", {}, "Numeric user IDs are reserved for guest users. (HTTP status 400)"),
    ):
        result = module(name, **more)
        assert result["failed"] and message in result["msg"], result


@given(st.text(), st.text(), st.booleans())
def test_mac_separates_its_parts(password, nonce, admin):
    mac = client.registration_mac("secret", nonce, "alice", password, admin)
    assert len(mac) == 40
    assert mac != client.registration_mac("secret", nonce, "alice", password, not admin)
