# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Site in batches: canaries, failures that are allowed and those that are not, a dead host, and the report of it.

Of each server only the dataset is set up, and at first the pot: what is looked at is who has a turn, and when. The
tests build on each other.
"""

from __future__ import annotations

import contextlib
import json
import re

import pytest

SERVERS = {"one": "a", "two": "a", "three": "b", "four": "b"}
# Of the test network, and nobody's.
NOWHERE = "10.199.0.254"


@pytest.fixture(scope="module", autouse=True)
def machines(lab):
    lab.start("a", "b")
    for server, machine in SERVERS.items():
        lab.serve(
            server,
            machine,
            matrix_domain=f"{server}.test",
            matrix_tls_mode="selfsigned",
            matrix_pot_interface="vtnet0",
        )


def site(lab, *arguments, tags="bootstrap,zfs_dataset", **variables):
    """Run site; (outcome, report)."""
    path = lab.directory / "report.json"
    path.unlink(missing_ok=True)
    told = json.dumps({"matrix_report_file": str(path), **variables})
    outcome = lab.play("-e", told, "--tags", tags, *arguments, playbook="potluck.matrix.site")
    return outcome, json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def states(report):
    return {each["server"]: each["state"] for each in report["servers"]}


def turns(outcome):
    """The servers in the order in which their datasets were looked at, those of one batch together."""
    found, batch = [], None
    for line in outcome.output.splitlines():
        if line.startswith("TASK ["):
            if batch:
                found.append(batch)
            batch = set() if "zfs_dataset : " in line else None
        elif batch is not None and (match := re.match(r"(?:ok|changed|fatal): \[([a-z]+)\]", line)):
            batch.add(match.group(1))
    # A batch has several tasks, one after the other.
    return [batch for index, batch in enumerate(found) if index == 0 or batch != found[index - 1]]


@contextlib.contextmanager
def broken(lab, *servers):
    """Servers whose datasets are refused by the role."""
    for server in servers:
        lab.run(SERVERS[server], f"zfs set canmount=noauto zroot/{server}")
    try:
        yield
    finally:
        for server in servers:
            lab.run(SERVERS[server], f"zfs set canmount=on zroot/{server}")


def test_all_at_once_unless_told_otherwise(lab):
    """Two of them on each host, in one batch."""
    outcome, report = site(lab, tags="bootstrap,zfs_dataset,pot_jail")
    assert outcome.code == 0, outcome
    assert (lab.directory / "report.json").stat().st_mode & 0o777 == 0o600
    for each in report["servers"]:
        # Nothing was verified.
        assert each["state"] == "unproven" and each["next"] == (
            f"ansible-playbook potluck.matrix.verify --limit {each['server']}"
        )
        assert {"zfs_dataset", "pot_jail"} <= set(each["changed"]) and each["seconds"] > 0
    assert list(states(report)) == list(SERVERS)
    for machine, pots in (("a", {"one", "two"}), ("b", {"three", "four"})):
        assert pots <= set(lab.run(machine, "jls name").split())


def test_no_change_in_batches_after_the_canary(lab):
    outcome, report = site(lab, matrix_serial=2, matrix_canary=["four"])
    assert (outcome.code, outcome.changed) == (0, 0), outcome
    assert turns(outcome) == [{"four"}, {"one", "two"}, {"three"}], outcome
    assert set(states(report).values()) == {"unproven"}
    assert [each["changed"] for each in report["servers"]] == [[]] * 4


def test_a_canary_that_fails_leaves_the_others_untouched(lab):
    with broken(lab, "four"):
        outcome, report = site(lab, matrix_serial=2, matrix_canary="four", matrix_max_fail_percentage=100)
    assert outcome.code == 2, outcome
    assert states(report) == {"one": "untouched", "two": "untouched", "three": "untouched", "four": "failed"}
    assert report["state"] == "failed"
    (canary,) = [each for each in report["servers"] if each["server"] == "four"]
    assert canary["failed_at"].startswith("zfs_dataset: ")
    assert canary["next"].endswith("ansible-playbook potluck.matrix.site --limit four")
    assert re.search(r"^four +https://\S+ +failed at zfs_dataset: ", outcome.output, re.MULTILINE), outcome
    assert re.search(r"^one +https://\S+ +untouched ", outcome.output, re.MULTILINE), outcome


def test_of_two_failures_one_is_allowed(lab):
    """A batch of one that fails does not stop it by itself."""
    with broken(lab, "one", "three"):
        outcome, report = site(lab, matrix_serial=1, matrix_max_fail_percentage=25)
    assert outcome.code == 2, outcome
    assert states(report) == {"one": "failed", "two": "unproven", "three": "failed", "four": "untouched"}


def test_a_failing_server_does_not_stop_the_others_of_its_batch(lab):
    with broken(lab, "one"):
        outcome, report = site(lab, matrix_serial=2)
    assert outcome.code == 2, outcome
    assert states(report) == {"one": "failed", "two": "unproven", "three": "untouched", "four": "untouched"}
    assert outcome.recap["two"]["failed"] == 0


def test_a_dead_host(lab):
    alive = lab.servers["two"]["ansible_host"]
    lab.servers["two"]["ansible_host"] = NOWHERE
    try:
        stopped, first = site(lab, matrix_serial=2)
        allowed, second = site(lab, matrix_serial=1, matrix_max_fail_percentage="25")
    finally:
        lab.servers["two"]["ansible_host"] = alive
    assert (stopped.code, allowed.code) == (4, 4), (stopped, allowed)
    assert states(first) == {"one": "unproven", "two": "unreachable", "three": "untouched", "four": "untouched"}
    assert states(second) == {"one": "unproven", "two": "unreachable", "three": "unproven", "four": "unproven"}
    assert second["servers"][1]["next"].endswith("ansible-playbook potluck.matrix.site --limit two")


@pytest.mark.parametrize(
    "variables, sentence",
    [
        ({"matrix_serial": "few"}, 'matrix_serial: "few" is neither a number of servers from 1 on nor a percentage'),
        ({"matrix_max_fail_percentage": 101}, "matrix_max_fail_percentage: 101 is not between 0 and 100"),
        ({"matrix_canary": ["nobody"]}, 'matrix_canary: "nobody" is neither a server nor a group of them'),
    ],
)
def test_what_nobody_can_go_by_is_refused_before_any_host(lab, variables, sentence):
    outcome, report = site(lab, **variables)
    assert outcome.code != 0 and sentence in outcome.words.replace('\\"', '"'), outcome
    assert set(states(report).values()) == {"untouched"}
    assert "TASK [Look for Python and pot]" not in outcome.output
