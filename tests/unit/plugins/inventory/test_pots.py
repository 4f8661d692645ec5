# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin against a host reached by the connection local."""

from __future__ import annotations

import pathlib

import pytest
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader

FIXTURES = pathlib.Path(__file__).parents[2] / "fixtures" / "pot"


@pytest.fixture(name="machine")
def fixture_machine(tmp_path, monkeypatch):
    bins = tmp_path / "usr/bin"
    bins.mkdir(parents=True)
    jails = tmp_path / "opt/pot/jails"
    for name, conf in (("d1", "single"), ("e1", "alias"), ("base-13_2", "multi")):
        (jails / name / "conf").mkdir(parents=True)
        text = (FIXTURES / (conf + "-pot.conf")).read_text()
        (jails / name / "conf/pot.conf").write_text(text.replace("level=1", "level=0") + 'pot.env="TOKEN=geheim"\n')
    (jails / "broken").mkdir()
    (tmp_path / "usr/etc/pot").mkdir(parents=True)
    (tmp_path / "usr/etc/pot/pot.conf").write_text(f"POT_FS_ROOT={jails.parent}\n")
    for command, text in (
        ("pot", ""),
        ("jls", f"echo 4 e1 e1.fbsd1.example.test {jails}/e1/m; echo 5 d1 other /elsewhere"),
    ):
        (bins / command).write_text(f"#!/bin/sh\n{text}\n")
        (bins / command).chmod(0o755)
    monkeypatch.setenv("PATH", f"{bins}:/usr/bin:/bin")
    return tmp_path


def load(machine, text):
    path = machine / "my.pots.yml"
    path.write_text("plugin: potluck.matrix.pots\nconnection: local\n" + text)
    inventory, plugin = InventoryData(), inventory_loader.get("potluck.matrix.pots")
    assert plugin.verify_file(str(path)) and not plugin.verify_file(str(machine / "hosts.yml"))
    plugin.parse(inventory, DataLoader(), str(path))
    inventory.reconcile_inventory()
    return inventory


def test_running_pots_can_be_entered(machine):
    inventory = load(machine, "machines: {machine1: {ansible_user: root}}\ngroups: {addressed: pot.ip | length > 0}\n")
    assert list(inventory.hosts) == ["e1"]
    variables = inventory.get_host("e1").get_vars()
    assert variables["ansible_connection"] == "potluck.matrix.pot" and variables["ansible_pot_name"] == "e1"
    assert (
        variables["ansible_host"] == "machine1"
        and variables["ansible_user"] == "root"
        and variables["ansible_pot_host_connection"] == "local"
    )
    assert (
        variables["pot"]["ip"] == ["vtnet0|10.0.2.50"]
        and variables["pot"]["jid"] == 4
        and variables["pot"]["machine"] == "machine1"
    )
    assert "geheim" not in str(variables)
    assert inventory.get_groups_dict()["addressed"] == inventory.get_groups_dict()["pots"] == ["e1"]


def test_all_pots(machine):
    inventory = load(machine, "machines: {m: }\nstates: [started, stopped]\nbases: true\nqualified: true\n")
    assert sorted(inventory.hosts) == ["base-13_2.m", "d1.m", "e1.m"]
    assert inventory.get_host("d1.m").get_vars()["pot"]["state"] == "stopped"


def test_pots_directory_behind_a_link(machine):
    (machine / "link").symlink_to(machine / "opt/pot")
    (machine / "usr/etc/pot/pot.conf").write_text("POT_FS_ROOT=%s\n" % (machine / "link"))
    assert list(load(machine, "machines: {m: }\n").hosts) == ["e1"]


def test_the_same_name_on_two_machines(machine):
    with pytest.raises(AnsibleParserError, match="two hosts have a pot named e1"):
        load(machine, "machines: {a: , b: }\n")
    assert len(load(machine, "machines: {a: , b: }\nqualified: true\n").hosts) == 2


def test_machines_without_pot(machine):
    (machine / "usr/bin/pot").unlink()
    with pytest.raises(AnsibleParserError, match="cannot look at the pots of m: pot is not installed"):
        load(machine, "machines: {m: }\n")
