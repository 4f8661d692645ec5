# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plate of role reverse_proxy has checked: as much as is switched on, under the right name."""

from __future__ import annotations

import json
import re

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from ansible_collections.potluck.matrix.plugins.plugin_utils import _parts

BASE = {
    "inventory_hostname": "matrix1",
    "matrix_domain": "example.com",
    "matrix_ip": "10.0.0.5",
    "matrix_alert_email": "admin@example.com",
    "verify_delegation_required": False,
}
DELEGATED = {"matrix_host": "matrix.example.com"}
SITE = "The domain's web site says where the homeserver is"
SUPPORT = "People find whom to write to"
CLOSED = "The admin interface is closed to the outside"
CLOSED_TO_OTHERS = "The admin interface is closed to whoever is not let in"
UPSTREAMS = "What the locations lead to answers"


def checks(**variables):
    """The checks from inside and outside by their names."""
    loader = DataLoader()
    templar = Templar(loader=loader)
    reader = _parts.Reader(
        lambda path: loader.load_from_file(str(path), unsafe=True, trusted_as_template=True),
        lambda context: templar.copy_with_new_env(available_variables=context).template,
    )
    plate = reader.plate("reverse_proxy", {**BASE, **variables}, keys=["checks_inside", "checks_outside"])
    return {check["name"]: check for check in plate["checks_inside"] + plate["checks_outside"]}


@pytest.mark.parametrize(
    "variables, there, missing",
    [
        ({}, {SUPPORT, CLOSED}, {SITE, CLOSED_TO_OTHERS, UPSTREAMS}),
        (DELEGATED, {SITE}, set()),
        ({"matrix_host": "example.com"}, set(), {SITE}),
        ({"matrix_support": {"contacts": []}}, set(), {SUPPORT}),
        ({"matrix_admin_api_from": ["10.1.0.0/24"]}, {CLOSED_TO_OTHERS}, {CLOSED}),
        # The pot itself is let in.
        ({"matrix_admin_api_from": ["10.0.0.0/24"]}, set(), {CLOSED, CLOSED_TO_OTHERS}),
        ({"matrix_locations": [{"path": "/", "text": "x"}]}, set(), {UPSTREAMS}),
        ({"matrix_locations": [{"path": "/", "to": "unix:/a"}]}, {UPSTREAMS}, set()),
    ],
)
def test_what_is_checked(variables, there, missing):
    found = set(checks(**variables))
    assert there <= found and not missing & found


def test_the_server_is_asked_by_its_name_and_says_whose_it_is():
    found = checks(**DELEGATED)
    assert found["Clients are answered"]["target"] == "https://matrix.example.com/_matrix/client/versions"
    key = found["Federation shows the signing key"]
    assert key["target"] == "https://matrix.example.com:8448/_matrix/key/v2/server"
    for name, right in (("example.com", True), ("example_com", False), ("matrix.example.com", False)):
        said = json.dumps({"server_name": name, "verify_keys": {}}, indent=1)
        assert bool(re.search(key["body"], said)) is right
    for name, document in (
        ("Clients find the homeserver", {"m.homeserver": {"base_url": "https://matrix.example.com"}}),
        ("Servers find the homeserver", {"m.server": "matrix.example.com:443"}),
    ):
        assert found[name]["target"].startswith("https://matrix.example.com/.well-known/matrix/")
        assert re.search(found[name]["body"], json.dumps(document))
        assert not re.search(found[name]["body"], json.dumps(document).replace("matrix.example", "example"))
    assert found[SITE]["target"] == "example.com" and found[SITE]["advisory"] is True
    assert checks(**{**DELEGATED, "verify_delegation_required": True})[SITE]["advisory"] is False


def test_the_web_site_is_told_all_files():
    found = checks(**DELEGATED, matrix_well_known_client={"org.example": [1]})[SITE]
    files = found["remedy"]["2. the files"]
    assert files == {f"/.well-known/matrix/{name}": document for name, document in found["documents"].items()}
    assert found["documents"] == {
        "server": {"m.server": "matrix.example.com:443"},
        "client": {"m.homeserver": {"base_url": "https://matrix.example.com"}, "org.example": [1]},
        "support": {"contacts": [{"role": "m.role.admin", "email_address": "admin@example.com"}]},
    }
    # As Ansible prints them they can be taken, but for the documents, which are printed as what they are.
    assert '"' not in "".join(line for part in found["remedy"].values() if isinstance(part, list) for line in part)


def test_every_upstream_is_connected_to_once():
    found = checks(
        matrix_locations=[
            {"path": "/a/", "to": "http://10.0.0.9:80/x/"},
            {"path": "/b/", "to": "http://10.0.0.9:80"},
            {"path": "/c", "to": "unix:/var/run/c.sock"},
            {"path": "/d", "text": "x"},
            {"path": "/e", "to": "http://[2001:db8::9]:81"},
        ]
    )
    assert (
        found[UPSTREAMS]["target"] == "10.0.0.9:80 unix:/var/run/c.sock [2001:db8::9]:81" and found[UPSTREAMS]["every"]
    )
