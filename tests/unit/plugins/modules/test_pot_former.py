# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pot is put aside and brought back as a whole, or not at all, and a new one may have what it had."""

from __future__ import annotations

import json

import pot_fake
import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.run import Runner
from ansible_collections.potluck.matrix.plugins.module_utils._pot import machine as machine_module
from ansible_collections.potluck.matrix.plugins.modules import pot_former
from pot_fake import execute


@pytest.fixture(name="fake")
def fixture_fake(tmp_path, monkeypatch):
    fake = pot_fake.FakeMachine(tmp_path, monkeypatch)
    monkeypatch.setattr(Runner, "run", lambda _runner, argv, *_more, **_options: fake.run(argv))
    monkeypatch.setattr(machine_module.shutil, "which", lambda _name, path: fake.pot)
    start(fake)
    return fake


def start(fake, base="13.2"):
    """The pot with an address, data and its start at the boot."""
    return execute(
        fake,
        base=base,
        network_type="alias",
        ip=["10.0.2.50"],
        mounts=[{"source": fake.directory + "/data", "target": "/mnt"}],
        attributes={"start_at_boot": True},
    )


@pytest.fixture(name="former")
def fixture_former(capsys):
    def call(state, check=False, name="d1"):
        arguments = {
            "name": name,
            "state": state,
            "_ansible_check_mode": check,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
        }
        with patch_module_args(arguments), pytest.raises(SystemExit):
            pot_former.main()
        return json.loads(capsys.readouterr().out)

    return call


def pots(fake):
    """{name: (base, whether it runs, whether the boot starts it)}."""
    prefix = "zroot/pot/jails/"
    found = {}
    for name in [each[len(prefix) :] for each in fake.datasets if each.startswith(prefix) and each.count("/") == 3]:
        conf = machine_module.PotConf(fake.conf(name))
        found[name] = conf.text("pot.base"), name in fake.jails, conf.text("pot.attr.start-at-boot") == "YES"
    return found


def test_a_pot_goes_aside_and_comes_back(fake, former):
    assert former("queried")["former"]["state"] == "absent"
    told, done = former("aside", check=True), former("aside")
    assert done["changed"] and done["former"]["state"] == "stopped" and done["former"]["base"] == "13.2", done
    assert told["actions"] == done["actions"]
    assert done["actions"][0] == "pot stop d1" and done["actions"][-1] == "pot rename -p d1 -n d1-former"
    assert pots(fake) == {"d1-former": ("13.2", False, False)} and fake.status("d1") == ""
    assert not former("aside")["changed"]

    assert start(fake, base="14.2")["pot"]["state"] == "started"
    assert pots(fake) == {"d1-former": ("13.2", False, False), "d1": ("14.2", True, True)}
    assert "there is a pot d1-former already" in former("aside")["msg"]
    assert "remove that first" in former("back")["msg"]

    execute(fake, state="absent")
    assert former("back")["actions"] == ["pot rename -p d1-former -n d1"]
    assert not former("back")["changed"]
    assert start(fake)["pot"]["state"] == "started" and pots(fake) == {"d1": ("13.2", True, True)}


def test_the_former_one_is_destroyed_and_the_new_one_is_not(fake, former):
    former("aside")
    start(fake, base="14.2")
    assert former("absent")["actions"] == ["pot destroy -p d1-former"]
    assert pots(fake) == {"d1": ("14.2", True, True)}
    assert not former("absent")["changed"]


def test_a_former_one_that_runs_keeps_its_data(fake, former):
    former("aside")
    execute(fake, name="d1-former", state="started")
    with pytest.raises(Sentence, match="Pot d1-former, which was put aside for pot d1, runs; stop it with 'pot stop"):
        start(fake, base="14.2")
    assert list(pots(fake)) == ["d1-former"]


def test_what_pot_only_says_to_have_renamed(fake, former):
    fake.faults["rename"] = lambda args: (
        0,
        "###>  cannot rename it\n",
        "cannot unmount '/opt': pool or dataset is busy\n",
    )
    result = former("aside")
    assert result["failed"] and "Cannot rename pot d1 to d1-former: cannot rename it" in result["msg"], result
    del fake.faults["rename"]
    assert former("aside")["changed"] and list(pots(fake)) == ["d1-former"]


@pytest.mark.parametrize("name, words", [("d2", "There is no pot d2"), ("a" * 55, "is not a valid name")])
def test_what_cannot_be_put_aside(fake, former, name, words):
    result = former("aside", name=name)
    assert result["failed"] and words in result["msg"] and not result["changed"]
