# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files of the controller reach Synapse: a bridge logs in with the token of its registration, a mail has the words of a
template, and what is taken off the list is gone.
"""

from __future__ import annotations

import email
import email.policy
import secrets

import pytest
import yaml

from .conftest import SYNAPSE
from .test_mail import ask_for_reset

DIRECTORY = "/mnt/matrixdata/matrix-files"


def bridge(token):
    """A registration with a token, as a bridge writes it."""
    return yaml.safe_dump(
        {
            "id": "irc",
            "url": None,
            "as_token": token,
            "hs_token": secrets.token_hex(16),
            "sender_localpart": "ircbot",
            "namespaces": {"users": [{"regex": "@irc_.*:neigh\\.test", "exclusive": True}]},
        }
    )


def who(site, token):
    """Whom the homeserver takes somebody with this token for; the status when for nobody."""
    client = site.client()
    answer = client.session.get(
        client.base_url + "/_matrix/client/v3/account/whoami",
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    return answer.json()["user_id"] if answer.status_code == 200 else answer.status_code


def found(site):
    return site.jail_run(f"cd {DIRECTORY} && find . -type f | sort").split()


@pytest.fixture(name="files")
def fixture_files(site, tmp_path):
    """Two files of the controller as the inventory names them; in the end the homeserver has none of them."""
    (tmp_path / "irc.yaml").write_text(bridge("token-" + secrets.token_hex(16)))
    (tmp_path / "reset.txt").write_text("The link of our own: {{ link }}\n")
    yield [
        {"source": str(tmp_path / "irc.yaml"), "path": "bridges/irc.yaml", "registration": True},
        {"source": str(tmp_path / "reset.txt"), "path": "templates/password_reset.txt", "mode": "0644"},
    ]
    site.roles("synapse")


def test_files_of_the_controller_reach_synapse_and_go_again(site, files, tmp_path):
    registration = tmp_path / "irc.yaml"
    token = yaml.safe_load(registration.read_text())["as_token"]
    settings = {"templates": {"custom_template_directory": f"{DIRECTORY}/templates"}}
    variables = {"matrix_files": files, "synapse_settings": settings}

    # What a dry run shows is what happens, and of a file that others may not read only that it is another one.
    dry = site.ansible("site", "--tags", "synapse", "--check", "--diff", **variables)
    assert dry.code == 0 and dry.changed > 0, dry.output[-4000:]
    assert "The link of our own" in dry.output and token not in dry.output
    assert site.jail_run(f"ls {DIRECTORY}", check=False) == ""
    done = site.ansible("site", "--tags", "synapse", "--diff", **variables)
    assert done.code == 0 and token not in done.output, done.output[-4000:]
    assert found(site) == ["./bridges/irc.yaml", "./templates/password_reset.txt"]
    modes = site.jail_run(f"cd {DIRECTORY} && stat -f '%Lp %Su %Sg' bridges/irc.yaml templates/password_reset.txt")
    assert modes.splitlines() == ["640 root synapse", "644 root synapse"]
    assert who(site, token) == "@ircbot:neigh.test"
    message = email.message_from_string(ask_for_reset(site)["data"], policy=email.policy.default)
    assert "The link of our own: https://neigh.test/" in message.get_body(("plain",)).get_content()
    again = site.ansible("site", "--tags", "synapse", **variables)
    assert (again.code, again.changed) == (0, 0), again.output[-4000:]

    # Another token is the only one that counts from then on.
    other = "token-" + secrets.token_hex(16)
    registration.write_text(bridge(other))
    site.roles("synapse", **variables)
    assert (who(site, token), who(site, other)) == (401, "@ircbot:neigh.test")

    # Without the registration nobody is a bridge, and its file is gone; the other one stays.
    site.roles("synapse", **{**variables, "matrix_files": files[1:]})
    assert who(site, other) == 401 and found(site) == ["./templates/password_reset.txt"]
    assert "app_service_config_files" not in site.jail_run(f"cat {SYNAPSE}/homeserver.d/homeserver.yaml")
    site.roles("synapse")
    assert found(site) == []
    assert site.roles("synapse").changed == 0


@pytest.mark.thorough
def test_a_registration_that_synapse_could_not_use_is_refused_before_the_host_is_touched(site, files, tmp_path):
    registration = tmp_path / "irc.yaml"
    good = yaml.safe_load(registration.read_text())
    (tmp_path / "two.yaml").write_text(yaml.safe_dump({**good, "id": "two"}))
    two = {"source": str(tmp_path / "two.yaml"), "path": "two.yaml", "registration": True}
    cases = [
        ({**good, "namespaces": {"users": [{"regex": "(", "exclusive": True}]}}, [], "a regex that is none"),
        ({key: value for key, value in good.items() if key != "hs_token"}, [], "has no hs_token"),
        (good, [two], "two registrations, bridges/irc.yaml and two.yaml, with one as_token"),
    ]
    for content, more, words in cases:
        registration.write_text(yaml.safe_dump(content))
        done = site.ansible("site", matrix_files=[*files, *more])
        assert done.code != 0 and "neigh1: matrix_files: the value has " in done.words and words in done.words
        assert good["as_token"] not in done.output and "zfs_dataset" not in done.output
    (gone,) = [{"source": str(tmp_path / "gone"), "path": "gone"}]
    done = site.ansible("site", matrix_files=[gone])
    assert done.code != 0 and "which does not exist on the controller" in done.words
