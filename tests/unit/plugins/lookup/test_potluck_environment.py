# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Potluck's image is told, from the variables of a homeserver."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from ansible_collections.potluck.matrix.plugins.module_utils._matrix.potluck_env import PARAMETERS, REQUIRED

TOP = Path(__file__).resolve().parents[4]
SMALL = {"inventory_hostname": "matrix1", "matrix_domain": "example.com", "matrix_ip": "10.0.0.5"}
WHOLE = {
    **SMALL,
    "matrix_datacenter": "dc1",
    "matrix_consul_servers": "10.0.0.2,10.0.0.3",
    "matrix_gossip_key": "BKqv2kw4KPHr0mS0PdSIvg==",
    "matrix_shared_secret": "shared",
    "matrix_smtp_host": "mail.example.com",
    "matrix_smtp_user": "matrix",
    "matrix_smtp_password": "secret {{ no template }}",
    "matrix_smtp_from": "matrix@example.com",
    "matrix_ssl_email": "admin@example.com",
    "matrix_ldap_server": ["ldap.example.com"],
    "matrix_ldap_password": "secret",
    "matrix_ldap_domain": "example.com",
    "matrix_remote_log": "10.0.0.20",
    "matrix_alert_email": "alert@example.com",
    "matrix_control_user": "yes",
    "matrix_smtp_port": 587,
}


def told(variables):
    """What the lookup makes of an inventory's variables on top of the vocabulary's defaults."""
    loader = DataLoader()
    defaults = loader.load_from_file(str(TOP / "roles/homeserver/defaults/main.yml"), trusted_as_template=True)
    variables = {**defaults, **variables}
    templar = Templar(loader=loader, variables=variables)
    lookup = lookup_loader.get("potluck.matrix.potluck_environment", loader=loader, templar=templar)
    return lookup.run([], variables=variables)[0]


def test_every_parameter_has_its_value():
    found = told(WHOLE)
    environment = found["environment"]
    assert found["missing"] == []
    assert set(environment) == set(PARAMETERS) - {"NOSSL"}
    assert environment["CONSULSERVERS"] == "10.0.0.2,10.0.0.3"
    assert environment["LDAPSERVER"] == "ldap.example.com"
    assert (environment["NODENAME"], environment["IP"], environment["DOMAIN"]) == ("matrix1", "10.0.0.5", "example.com")
    assert (environment["SMTPPORT"], environment["CONTROLUSER"]) == ("587", "true")
    assert environment["REGISTRATIONENABLE"] == "false"
    assert environment["SMTPPASS"] == "secret {{ no template }}"


def test_without_tls_the_image_is_told_by_two_words():
    environment = told({**WHOLE, "matrix_nossl": True})["environment"]
    assert (environment["NOSSL"], environment["SSLEMAIL"]) == ("true", "none")


@pytest.mark.parametrize("name", REQUIRED)
def test_what_is_required_is_missed(name):
    variable = PARAMETERS[name]
    given = {key: value for key, value in WHOLE.items() if key != variable}
    assert variable in told(given)["missing"]


def test_a_no_is_left_out():
    assert "CONTROLUSER" not in told({**WHOLE, "matrix_control_user": "false"})["environment"]


def test_servers_that_are_none_are_refused():
    with pytest.raises(AnsibleLookupError, match="matrix_consul_servers: "):
        told({**WHOLE, "matrix_consul_servers": "10.0.0.300"})


def test_the_playbook_reads_them_here_alone():
    play = yaml.safe_load((TOP / "playbooks/potluck_image.yml").read_text(encoding="utf-8"))[0]
    assert play["vars"] == {"__potluck_image": "{{ lookup('potluck.matrix.potluck_environment') }}"}
