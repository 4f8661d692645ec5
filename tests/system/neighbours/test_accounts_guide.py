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

ADMIN = "curl -sS --unix-socket /var/run/matrix-synapse/synapse.sock -H @headers"


@pytest.fixture(scope="module")
def commands():
    """The guide's commands: (to log in, to give another password, to log out)."""
    text = (
        (TOP / "docs/accounts.md")
        .read_text(encoding="utf-8")
        .partition("## Passwords, rights, deactivation")[2]
        .partition("\n## ")[0]
    )
    enter, prepare, login, reset, leave = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    assert enter == "jexec -l matrix1 /bin/sh\n" and prepare.count("vi login.json\n") == 1 and leave.endswith("exit\n")
    return prepare, login, reset, leave


def test_another_password_and_no_account_any_more(site, commands):
    prepare, login, reset, leave = commands
    old, new = "old" + secrets.token_hex(8), "new" + secrets.token_hex(8)
    name = "guide" + secrets.token_hex(4)
    done = site.ansible("accounts", matrix_accounts=[{"name": name, "password": old}])
    assert done.code == 0 and site.login(name, old)[0] == 200, done.output[-3000:]
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": "admin"},
        "password": site.remembered("admin"),
    }
    user = f"@{name}:neigh.test"
    script = "set -e\n{}{}echo '{}' >body.json\n{}".format(
        prepare.replace("vi login.json", f"echo '{json.dumps(body)}' >login.json"),
        login,
        json.dumps({"new_password": new}),
        reset.replace("@alice:example.com", user),
    )
    assert site.inside("/bin/sh", pot=site.machine, input=script).stdout == "{}"
    assert site.login(name, old)[0] == 403 and site.login(name, new)[0] == 200

    script = "set -e\ncd /root\n" + "; echo; ".join(
        (
            ADMIN + f" -X PUT -d '{{\"admin\": true}}' http://localhost/_synapse/admin/v1/users/{user}/admin",
            ADMIN + " -d '{\"uses_allowed\": 1}' http://localhost/_synapse/admin/v1/registration_tokens/new",
            ADMIN + f" -d '{{\"erase\": false}}' http://localhost/_synapse/admin/v1/deactivate/{user}",
        )
    )
    answers = [json.loads(line) for line in site.inside("/bin/sh", pot=site.machine, input=script).stdout.splitlines()]
    assert answers[0] == {} and answers[1]["uses_allowed"] == 1 and "id_server_unbind_result" in answers[2]
    assert site.login(name, new)[0] == 403

    kept = site.jail_run("cat /root/headers")
    assert site.inside("/bin/sh", pot=site.machine, input="set -e\ncd /root\n" + leave).stdout == "{}"
    assert (
        site.jail_run("ls /root/headers /root/body.json /root/login.json /root/answer.json 2>/dev/null", check=False)
        == ""
    )
    token = re.search(r"Bearer (\S+)", kept).group(1)
    assert (
        site.client()
        .session.get(
            "https://neigh.test/_matrix/client/v3/account/whoami", headers={"Authorization": "Bearer " + token}
        )
        .status_code
        == 401
    )
