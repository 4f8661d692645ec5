# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plates: what the parts state is read by whoever has to know it, and a new part is known to everybody at once."""

from __future__ import annotations

import re
import shutil

import pytest
import yaml
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar, trust_as_template
from ansible_collections.potluck.matrix.plugins.module_utils._probe.checks import CHECK
from ansible_collections.potluck.matrix.plugins.plugin_utils import _parts

SMALL = {"inventory_hostname": "matrix1", "matrix_domain": "example.com", "matrix_ip": "10.0.0.5"}
# What role verify brings along.
VERIFY = {
    "verify_address": "{{ matrix_verify_address }}",
    "verify_certificate_days": 7,
    "verify_free_percent": 5,
    "verify_free_warning_percent": 15,
}
EVERYTHING = {
    **SMALL,
    "matrix_consul_servers": "10.0.0.2,10.0.0.3",
    "matrix_datacenter": "dc1",
    "matrix_consul_acl_token": "token",
    "matrix_ldap_server": "ldap.example.com",
    "matrix_ldap_domain": "example.com",
    "matrix_smtp_host": "mail.example.com",
    "matrix_remote_log": "10.0.0.20",
    "matrix_control_user": True,
    "matrix_database": "postgresql",
    "matrix_turn": True,
}
SCRATCH = {
    "ports": [{"port": 7000, "owner": "the scratch"}],
    "services": [
        {"name": "scratch", "port": 7000, "check": {"tcp": "10.0.0.5:7000"}, "requires": ["The scratch runs"]}
    ],
    "logs": [{"path": "/var/log/scratch.log", "program": "scratch"}],
    "data": ["/mnt/scratch"],
    "rc_services": ["scratch"],
    "checks_inside": [{"name": "The scratch runs", "kind": "service", "target": "scratch"}],
    "checks_outside": [{"name": "The scratch answers", "kind": "tcp", "target": "10.0.0.5:7000"}],
}


@pytest.fixture
def parts():
    """The lookup, for the variables of a server."""

    def run(variables, *terms, **options):
        loader = DataLoader()
        given = {**VERIFY, **variables}
        trusted = {key: trust_as_template(value) if isinstance(value, str) else value for key, value in given.items()}
        templar = Templar(loader=loader, variables=trusted)
        lookup = lookup_loader.get("potluck.matrix.parts", loader=loader, templar=templar)
        return lookup.run(list(terms), variables=trusted, **options)

    return run


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The collection's roles and one more part: a role of one file, and a line in the list of parts."""
    roles = tmp_path / "roles"
    shutil.copytree(_parts.ROLES, roles)
    (roles / "scratch/meta").mkdir(parents=True)
    (roles / "scratch/meta/part.yml").write_text(yaml.safe_dump(SCRATCH))
    listed = roles / "parts/vars/main.yml"
    listed.write_text(listed.read_text() + "  - scratch\n")
    monkeypatch.setattr(_parts, "ROLES", roles)


def names(checks):
    return [check["name"] for check in checks]


def test_the_parts_of_the_host_come_first_and_those_of_the_pot_as_they_are_listed(parts):
    found = [plate["name"] for plate in parts(EVERYTHING)]
    assert found[:2] == ["zfs_dataset", "pot_jail"]
    assert found[2:5] == ["remote_log", "node_exporter", "consul_agent"] and found[-1] == "control_user"
    assert all(plate["enabled"] for plate in parts(EVERYTHING))


def test_a_part_that_is_off_states_nothing(parts):
    off = {plate["name"]: plate for plate in parts(SMALL) if not plate["enabled"]}
    assert set(off) == {"remote_log", "consul_agent", "postgresql", "ldap_auth", "coturn", "control_user"}
    assert all(
        not any(value for key, value in plate.items() if key not in ("name", "enabled")) for plate in off.values()
    )


def test_packages_are_those_of_the_parts_that_are_on(parts):
    def packages(variables):
        found = {}
        for each in parts(variables, listed="packages"):
            found.setdefault(each["part"], []).extend(each["names"])
        return found

    assert packages({**SMALL, "synapse_extra_packages": ["py311-psycopg2"]}) == {
        "node_exporter": ["node_exporter"],
        "synapse": ["py311-matrix-synapse", "py311-psycopg2"],
        "tls": ["acme.sh"],
        "reverse_proxy": ["nginx"],
    }
    everything = packages(EVERYTHING)
    assert everything["ldap_auth"] == ["py311-matrix-synapse-ldap3", "nginx"]
    assert "control_user" not in everything
    assert packages({**EVERYTHING, "matrix_control_user_privilege": "doas"})["control_user"] == ["doas"]


def test_the_names_of_the_parts_that_are_on(parts):
    assert parts(SMALL, enabled=True) == [
        "zfs_dataset",
        "pot_jail",
        "node_exporter",
        "synapse",
        "tls",
        "reverse_proxy",
    ]


def test_what_is_left_is_asked_of_parts_that_are_off(parts):
    found = parts(SMALL, listed="remains")
    assert [check["name"] for check in found] == [
        "remote_log",
        "consul_agent",
        "postgresql",
        "ldap_auth",
        "coturn",
        "control_user",
    ]
    assert all(set(check) <= set(CHECK) for check in found)
    assert parts(EVERYTHING, listed="remains") == []
    account = found[-1]["body"]
    assert re.search(account, "control:*:1001:1001::0:0:Control:/home:/bin/sh\n")
    assert not re.search(account, "control:*:1001:1001::0:0:Controller:/home:/bin/sh\n")
    assert not re.search(account, "control:*:1001:1001:Control:0:0:Somebody:/home:/bin/sh\n")


@pytest.mark.parametrize(
    "variables", [SMALL, EVERYTHING, {**EVERYTHING, "matrix_nossl": True}, {**EVERYTHING, "matrix_ip": "2001:db8::5"}]
)
def test_all_checks_are_such_as_probe_info_takes_and_stand_after_what_they_require(parts, variables):
    known = set()
    for where in ("host", "inside", "outside"):
        for check in parts(variables, checks=where):
            assert set(check) <= {"name", "variable", "variables", *CHECK} and check["kind"]
            # A part that is off is required by none that is on, unless it is the certificate of a pot without TLS.
            assert set(check.get("requires") or ()) - known <= {"The certificate is good"}, check
            known.add(check["name"])
    assert {"The dataset is mounted in the pot", "Synapse is healthy", "Clients are answered"} <= known


def test_a_check_comes_after_one_of_a_later_part_that_it_requires(parts):
    found = names(parts(EVERYTHING, checks="inside"))
    assert found.index("The Consul agent's own checks pass") > found.index("Synapse is healthy")
    assert found.index("The Consul agent's own checks pass") > found.index("The reverse proxy runs")


def test_circles_do_not_hang():
    one, other = {"name": "a", "requires": ["b"]}, {"name": "b", "requires": ["a"]}
    found = _parts.ordered_checks([{"name": "x", "checks_inside": [one, other]}], "inside")
    assert found == [{**one, "tag": "x"}, {**other, "tag": "x"}]


def test_each_check_has_a_tag_of_site(parts):
    tags = {check["tag"] for where in ("host", "inside", "outside") for check in parts(EVERYTHING, checks=where)}
    roles = {path.name for path in _parts.ROLES.iterdir()}
    assert {"zfs_dataset", "synapse", "tls"} <= tags <= roles


def test_spellings_of_roles_reach_the_plates(parts):
    (port,) = parts({**SMALL, "node_exporter_port": 9200}, "node_exporter", listed="ports")
    assert port["port"] == 9200
    assert "10.0.0.5:9200" in str(parts({**SMALL, "node_exporter_port": 9200}, checks="outside"))


def test_a_turn_server_elsewhere_is_asked_and_nothing_of_it_is_here(parts):
    elsewhere = {"uris": ["turn:turn.example.com"], "secret": "a word"}
    (plate,) = parts({**EVERYTHING, "matrix_turn": elsewhere}, "coturn")
    assert plate["enabled"] and not plate["checks_outside"]
    assert all(not plate[key] for key in ("ports", "services", "logs", "data", "rc_services", "certificate_copies"))
    named, asked = plate["checks_inside"]
    assert named["target"].endswith("/turn.yaml")
    assert (asked["target"], asked["password"]) == ("turn:turn.example.com", "a word")


def test_copies_of_the_certificate_are_for_a_server_with_tls(parts):
    (own,) = parts({**SMALL, "matrix_turn": "yes"}, listed="certificate_copies")
    assert (own["service"], own["group"]) == ("turnserver", "turnserver")
    assert parts({**SMALL, "matrix_turn": True, "matrix_nossl": True}, listed="certificate_copies") == []
    assert parts({**SMALL, "matrix_turn": True}, "coturn", listed="rc_services") == ["turnserver"]


def test_what_a_plate_is_not_asked_for_is_not_worked_out(parts):
    assert parts({**EVERYTHING, "verify_free_percent": "{{ nowhere }}"}, listed="services")


def test_a_new_part_is_announced_shipped_proven_and_kept_free_of_clashes(scratch, parts, check_all):
    assert SCRATCH["services"][0] in parts(EVERYTHING, listed="services")
    assert SCRATCH["logs"][0] in parts(EVERYTHING, listed="logs")
    assert "The scratch runs" in names(parts(EVERYTHING, checks="inside"))
    assert "The scratch answers" in names(parts(EVERYTHING, checks="outside"))
    consul = next(
        check for check in parts(EVERYTHING, checks="inside") if check["name"] == "The Consul agent's own checks pass"
    )
    assert "The scratch runs" in consul["requires"]
    server = {**SMALL, "matrix_alert_email": "admin@example.com", "matrix_ssl_email": "admin@example.com"}
    (clash,) = check_all({"matrix1": {**server, "matrix_metrics_port": 7000}})
    assert (
        str(clash)
        == "matrix1: matrix_metrics_port: 7000 is the port of the scratch; for example matrix_metrics_port: 9109"
    )


def test_what_is_no_statement_is_refused(scratch, parts):
    plate = _parts.ROLES / "scratch/meta/part.yml"
    plate.write_text("port: 5\n")
    with pytest.raises(AnsibleLookupError, match="role scratch has port, which is no statement of a part"):
        parts(SMALL)
    with pytest.raises(AnsibleLookupError, match="There is no part nothing; there are zfs_dataset"):
        parts(SMALL, "nothing")
