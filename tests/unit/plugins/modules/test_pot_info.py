# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told about pots."""

from __future__ import annotations

import os

import pot_fake
import pytest
import yaml
from ansible_collections.potluck.matrix.plugins.doc_fragments import sentences
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._pot import facts
from ansible_collections.potluck.matrix.plugins.module_utils._pot.machine import Machine
from ansible_collections.potluck.matrix.plugins.modules import pot as pot_module
from ansible_collections.potluck.matrix.plugins.modules import pot_info
from pot_fake import execute


@pytest.fixture(name="fake")
def fixture_fake(tmp_path, monkeypatch):
    return pot_fake.FakeMachine(tmp_path, monkeypatch)


def collect(fake, names=None, include_env=False):
    return facts.collect(Machine(fake, fake.pot, check=True), names, include_env)


def test_no_pots(fake):
    assert collect(fake) == []


def test_all_and_named(fake):
    execute(
        fake,
        name="b",
        base="13.2",
        network_type="alias",
        ip=["10.0.2.50"],
        env={"TOKEN": "geheim"},
        limits={"memory": "1G"},
        mounts=[{"source": fake.directory + "/data", "target": "/mnt", "read_only": True}],
        attributes={"start_at_boot": True},
    )
    execute(fake, name="a", base="13.2", state="stopped")
    os.makedirs(fake.fs_root + "/jails/c")
    pots = collect(fake)
    assert [(p["name"], p["state"], p["valid"]) for p in pots] == [
        ("a", "stopped", True),
        ("b", "started", True),
        ("c", "broken", False),
    ]
    assert "exists without dataset" in pots[2]["broken"]
    b = pots[1]
    assert (
        b["jid"] == 5
        and b["ip"] == ["10.0.2.50"]
        and b["env_names"] == ["TOKEN"]
        and b["limits"] == {"cpus": None, "memory": "1G"}
    )
    assert b["mounts"] == [
        {"source": fake.directory + "/data", "target": "/mnt", "kind": "directory", "read_only": True, "own": False}
    ]
    assert b["start_at_boot"] and "geheim" not in str(pots) and "env" not in b
    assert collect(fake, ["b"], include_env=True)[0]["env"] == {"TOKEN": "geheim"}
    assert collect(fake, ["x"]) == [{"name": "x", "state": "absent", "restart_required": False}]


def test_nothing_is_changed(fake):
    execute(fake, base="13.2")
    fake.jails.clear()
    fake.commands = []
    assert collect(fake)[0]["state"] == "stopped"
    assert all(c.split()[0] in ("/bin/sh", "zfs", "jls", "sysctl") for c in fake.commands)


def test_who_cannot_read_pots_is_told_so(monkeypatch):
    def refuse(*_arguments, **_more):
        raise PermissionError(13, "Permission denied", "/opt/pot/jails/one/conf/pot.conf")

    monkeypatch.setattr(facts, "Machine", refuse)
    with pytest.raises(Sentence, match="Cannot read /opt/pot/jails/one/conf/pot.conf: pots can only be read as root"):
        facts.look(None)


def test_every_key_is_documented(fake):
    execute(fake, base="13.2")
    documented = yaml.safe_load(pot_info.RETURN)["pots"]["contains"]
    assert set(collect(fake, include_env=True)[0]) == set(documented)


def test_options_and_documentation_agree():
    def compare(spec, documented):
        assert set(spec) == set(documented)
        for name, option in spec.items():
            text = documented[name]
            for key in ("type", "choices", "default", "elements", "aliases", "required"):
                assert option.get(key) == text.get(key), name + " " + key
            if "options" in option:
                compare(option["options"], text["suboptions"])

    shared = yaml.safe_load(sentences.ModuleDocFragment.DOCUMENTATION)["options"]
    compare(pot_module.argument_spec(), {**yaml.safe_load(pot_module.DOCUMENTATION)["options"], **shared})
