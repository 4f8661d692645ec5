# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the guide says about accounts that exist, done by its own commands."""

from __future__ import annotations

import json
import re
import secrets

import pytest

from .conftest import TOP


@pytest.fixture(scope="module")
def commands():
    """The guide's commands in the pot: (to log in, to ask for a token, to log out)."""
    text = (
        (TOP / "docs/accounts.md")
        .read_text(encoding="utf-8")
        .partition("## Synapse's admin interface")[2]
        .partition("\n## ")[0]
    )
    enter, prepare, login, token, leave = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    assert enter == "jexec -l matrix1 /bin/sh\n" and prepare.count("vi login.json\n") == 1 and leave.endswith("exit\n")
    return prepare, login, token, leave


def test_the_guides_way_to_a_token(site, commands):
    prepare, login, token, leave = commands
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": "admin"},
        "password": site.remembered("admin"),
    }
    prepare = prepare.replace("vi login.json", f"echo '{json.dumps(body)}' >login.json")
    answer = site.inside("/bin/sh", pot=site.machine, input=f"set -e\n{prepare}{login}{token}").stdout
    assert json.loads(answer)["uses_allowed"] == 1
    kept = site.jail_run("cat /root/headers")
    assert site.inside("/bin/sh", pot=site.machine, input="set -e\ncd /root\n" + leave).stdout == "{}"
    assert site.jail_run("ls /root/headers /root/login.json /root/answer.json 2>/dev/null", check=False) == ""
    token = re.search(r"Bearer (\S+)", kept).group(1)
    assert whoami(site, token) == 401


def whoami(site, token):
    """The status of a request from outside with an access token."""
    url = "https://neigh.test/_matrix/client/v3/account/whoami"
    return site.client().session.get(url, headers={"Authorization": "Bearer " + token}).status_code


def test_the_life_of_an_account(site):
    """All that a list and the playbook for one account do, as somebody who logs in from outside sees it."""
    old, new = "old" + secrets.token_hex(8), "new" + secrets.token_hex(8)
    name = "guide" + secrets.token_hex(4)

    def listed(changed, **more):
        done = site.ansible("accounts", matrix_accounts=[{"name": name, "password": old, **more}])
        assert (done.code, done.changed) == (0, changed), done.output[-3000:]
        return done

    def once(**variables):
        done = site.ansible(
            "account", **{f"account_{key}": value for key, value in {"name": name, **variables}.items()}
        )
        assert new not in done.output
        return done

    listed(1)
    status, session, _seconds = site.login(name, old)
    assert status == 200 and whoami(site, session["access_token"]) == 200
    # A new password for one; the list leaves it alone, unless it is asked for more.
    assert once(reset=True, password=new).changed == 1
    assert whoami(site, session["access_token"]) == 401
    assert site.login(name, old)[0] == 403 and site.login(name, new)[0] == 200
    assert once(reset=True, password=new).changed == 0
    listed(0)
    assert site.login(name, new)[0] == 200
    listed(1, update_password="always", state="active", admin=True)
    listed(0, update_password="always", state="active", admin=True)
    status, session, _seconds = site.login(name, old)
    assert status == 200 and site.login(name, new)[0] == 403
    assert once(admin=False).changed == 1 and once(sign_out="all").changed == 1
    assert whoami(site, session["access_token"]) == 401
    assert once(state="deactivated").changed == 1 and site.login(name, old)[0] == 403
    listed(0)
    listed(1, state="active")
    assert site.login(name, old)[0] == 200
    refused = once(reset=True)
    assert refused.code != 0 and "account_password: the new password is empty" in refused.words
    missing = site.ansible("account", account_name="nobody9", account_admin=True)
    assert missing.code != 0 and "there is no account @nobody9:neigh.test" in missing.words
