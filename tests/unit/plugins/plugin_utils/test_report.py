# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is told of each server at the end of a run."""

from __future__ import annotations

import json
import stat

import pytest
from ansible_collections.potluck.matrix.plugins.plugin_utils import _report


def run_of(*names, playbook="site", **more):
    run = _report.Run(playbook, **more)
    run.join(names)
    return run


def healthy(server):
    server.touched = server.proven = True


def test_states_and_what_comes_next():
    run = run_of("red", "blue", "grey", "dead", "done")
    healthy(run.servers["red"])
    healthy(run.servers["blue"])
    run.servers["blue"].fail("synapse", "Install the packages", False)
    run.servers["dead"].unreachable = True
    run.servers["done"].touched = True
    told = {each["server"]: each for each in run.data()["servers"]}
    assert [(each["state"], each["failed_at"]) for each in told.values()] == [
        ("healthy", None),
        ("failed", "synapse: Install the packages"),
        ("untouched", None),
        ("unreachable", None),
        ("unproven", None),
    ]
    again = "ansible-playbook potluck.matrix.site --limit "
    assert told["red"]["next"] is None
    assert told["blue"]["next"] == f"correct what the message says, then: {again}blue"
    assert told["grey"]["next"] == again + "grey"
    assert told["dead"]["next"] == f"see why ssh does not get there, then: {again}dead"
    assert told["done"]["next"] == "ansible-playbook potluck.matrix.verify --limit done"
    assert run.data()["state"] == "unreachable"


def test_a_failed_proof_is_looked_at_again_by_itself():
    run = run_of("red", hosts="staging")
    healthy(run.servers["red"])
    run.servers["red"].fail("verify", "Report", False)
    assert run.data()["servers"][0]["next"] == (
        "correct what the message says, then: ansible-playbook potluck.matrix.site --limit red -e matrix_hosts=staging "
        "--tags verify"
    )


def test_a_rescue_that_fails_has_failed_at_its_cause():
    server = next(iter(run_of("red", playbook="upgrade").servers.values()))
    server.fail("synapse", "Start Synapse", False)
    server.fail("upgrade", "Fail with the reason and the way back", True)
    assert server.failures == [("synapse", "Start Synapse")]


def test_a_server_that_went_back_tells_why_and_what_it_lost():
    run = run_of("red", "blue", playbook="upgrade")
    red, blue = (run.servers[name] for name in ("red", "blue"))
    for server in (red, blue):
        healthy(server)
        server.packages("py311-matrix-synapse-1.1\n", "py311-matrix-synapse-1.2\n")
        server.fail("synapse", "Start Synapse", False)
        server.count({"events": 3, "media": 1, "files": "a lot"})
    red.undone = True
    told = {each["server"]: each for each in run.data()["servers"]}
    assert (told["red"]["state"], told["red"]["failed_at"]) == ("rolled back", "synapse: Start Synapse")
    assert told["red"]["lost"] == {"events": 3, "media": 1, "files": None} and told["blue"]["lost"] is None
    assert [told["red"][f"version_{when}"] for when in ("before", "after", "tried")] == ["1.1", "1.1", "1.2"]
    assert told["red"]["next"] == told["blue"]["next"].replace("blue", "red") and run.data()["state"] == "failed"
    table = run.table()
    assert "rolled back, failed at synapse: Start Synapse  1.1, tried 1.2" in table[1]
    assert table[3:] == ["red: lost 3 events and 1 media in the database, ? files in the directory of media"]


@pytest.mark.parametrize("playbook", ["site", "upgrade"])
@pytest.mark.parametrize("part", ["pot_jail", "upgrade"])
def test_a_host_that_goes_in_the_middle_is_told_how_to_go_on_and_how_back(playbook, part):
    run = run_of("red", playbook=playbook)
    red = run.servers["red"]
    red.touched = red.unreachable = True
    red.change(part)
    red.lost_at = ("upgrade", "Upgrade the packages")
    (told,) = run.data()["servers"]
    assert told["failed_at"] == "upgrade: Upgrade the packages"
    assert "unreachable at upgrade: Upgrade the packages  " in run.table()[1]
    again = f"see why ssh does not get there, then: ansible-playbook potluck.matrix.{playbook} --limit red"
    back = " goes on with it; or choose what to go back to: ansible-playbook potluck.matrix.rollback --limit red"
    assert told["next"] == again + (back if (playbook, part) == ("upgrade", "upgrade") else "")


def test_a_server_that_was_brought_back_tells_what_it_lost():
    run = run_of("red", "blue", playbook="rollback", snapshot="upgrade-1")
    for server in run.servers.values():
        healthy(server)
    run.servers["red"].count({"events": 3, "media": 1, "files": 0})
    run.servers["blue"].fail("upgrade", "Stop the pot", False)
    told = {each["server"]: each for each in run.data()["servers"]}
    assert told["red"]["lost"] == {"events": 3, "media": 1, "files": 0} and told["blue"]["lost"] is None
    assert told["blue"]["next"] == (
        "correct what the message says, then: ansible-playbook potluck.matrix.rollback --limit blue "
        "-e matrix_snapshot=upgrade-1"
    )
    words = "lost 3 events and 1 media in the database, 0 files in the directory of media"
    assert run.table()[3:] == [f"red: {words}"]
    run.check = True
    assert run.table()[3:] == [f"red: would {words.replace('lost', 'lose')}"]


def test_a_refused_inventory_sends_nobody_anywhere_else():
    run = run_of("red", refused=True)
    assert run.data()["servers"][0]["next"].startswith("correct the inventory as told, then: ")


@pytest.mark.parametrize(
    "packages, versions",
    [
        ([("", "py311-matrix-synapse-1.127.1\npy311-x-1\n")], (None, "1.127.1")),
        ([("py311-matrix-synapse-1.1\n", "py311-matrix-synapse-1.1\n")], ("1.1", "1.1")),
        ([("py311-matrix-synapse-1.1_2\n", "py311-matrix-synapse-1.2,1\n")], ("1.1_2", "1.2,1")),
        # Installed in one task, looked at in another.
        (
            [("", "py311-matrix-synapse-1.1\n"), ("py311-matrix-synapse-1.1\n", "py311-matrix-synapse-1.1\n")],
            (None, "1.1"),
        ),
        # What would come, and what is something else.
        (
            [("", "py311-matrix-synapse: 1.1 -> 1.2\n"), ("nginx-1.1\n", "py311-matrix-synapse-ldap3-0.3\n")],
            (None, None),
        ),
        ([("", "py311-matrix-synapse-(the repository's version)\n")], (None, None)),
    ],
)
def test_versions(packages, versions):
    server = next(iter(run_of("red").servers.values()))
    for before, after in packages:
        server.packages(before, after)
    assert (server.before, server.after) == versions


def test_the_table_has_a_line_for_each_server_and_each_warning():
    run = run_of("red", "a-longer-name")
    server = run.servers["red"]
    healthy(server)
    server.address = "https://red.example.com/"
    server.prove(
        "24 checks passed; the certificate of red.example.com:443 is valid for 8 more days, until 2026-12-08; warning: "
        "the certificate of x is valid for 1 more days, until 2000-01-01."
    )
    server.warnings.clear()
    server.packages("py311-matrix-synapse-1.1\n", "py311-matrix-synapse-1.2\n")
    server.change("synapse")
    server.change("tls")
    server.change("synapse")
    server.seconds = 61.4
    server.warn("the certificate\x1b[31m expires\nin 3 days")
    server.warn("the certificate\x1b[31m expires\nin 3 days")
    lines = [" ".join(line.split()) for line in run.table()]
    assert lines == [
        "server address state version certificate changed seconds warnings next",
        "red https://red.example.com/ healthy 1.1 -> 1.2 until 2026-12-08 synapse, tls 61 1 -",
        "a-longer-name - untouched - - - 0 0 ansible-playbook potluck.matrix.site --limit a-longer-name",
        "red: the certificate [31m expires in 3 days",
    ]


def test_the_file_is_whole_and_its_owners_alone(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("former")
    path.chmod(0o644)
    data = run_of("red").data()
    _report.write(str(path), data)
    assert json.loads(path.read_text()) == data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(TypeError):
        _report.write(str(path), {"not": object()})
    assert json.loads(path.read_text()) == data and [each.name for each in tmp_path.iterdir()] == ["report.json"]
