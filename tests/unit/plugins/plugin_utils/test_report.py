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
    server.packages("py311-matrix-synapse-1.1\n", "py311-matrix-synapse-1.2\n")
    server.change("synapse")
    server.change("tls")
    server.change("synapse")
    server.seconds = 61.4
    server.warn("the certificate\x1b[31m expires\nin 3 days")
    server.warn("the certificate\x1b[31m expires\nin 3 days")
    lines = [" ".join(line.split()) for line in run.table()]
    assert lines == [
        "server state version changed seconds warnings next",
        "red healthy 1.1 -> 1.2 synapse, tls 61 1 -",
        "a-longer-name untouched - - 0 0 ansible-playbook potluck.matrix.site --limit a-longer-name",
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
