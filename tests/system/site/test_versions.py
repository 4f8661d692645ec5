# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oldest and the newest Synapse that count: the one of FreeBSD's quarterly packages and the newest release."""

from __future__ import annotations

import json
import os
import re
import signal
import time

import pytest
from thorough import some

from .conftest import LATEST, Writer, snapshots

# What a repository makes of Synapse's package, and what pkg says of that.
FAULTS = {
    "missing": "/All/py311-matrix-synapse-1.163.2.pkg: Not Found",
    "short": "py311-matrix-synapse-1.163.2: missing or size mismatch, cannot continue",
    "damaged": "py311-matrix-synapse-1.163.2 failed checksum from repository",
    "needs ghost": "py311-matrix-synapse has a missing dependency: ghost",
}


def version(site):
    return site.client().call("GET", "/_matrix/federation/v1/version").json()["server"]["version"]


def states(site):
    """Names of snapshots, and what is noted on them."""
    noted = site.inside("zfs", "list", "-H", "-o", "name,potluck.matrix:snapshot", "-t", "snapshot").stdout
    return dict(line.split("\t") for line in noted.splitlines())


def tags(site, *noted):
    """The snapshots of upgrades with one of these notes."""
    return sorted({name.partition("@")[2] for name, state in states(site).items() if state in noted})


def service_accounts(site):
    """What proofs have left: accounts, rooms, events, media, and names."""
    program = """
import sqlite3
cursor = sqlite3.connect("/mnt/matrixdata/matrix-synapse/matrix_homeserver.db")
for what in (
    "users WHERE deactivated = 0 AND name",
    "rooms WHERE creator",
    "events WHERE sender",
    "local_media_repository WHERE user_id",
    "users WHERE name",
):
    print(cursor.execute(f"SELECT count(*) FROM {what} LIKE '@potluck-proof-%'").fetchone()[0])
"""
    counted = site.inside("/usr/local/bin/python3.11", "-c", program, pot=site.machine).stdout
    return [int(word) for word in counted.split()]


def test_a_failed_upgrade_goes_back_by_itself(site, life):
    """With a configuration that Synapse refuses, which is seen when the packages are upgraded already."""
    assert version(site) == "1.135.0"
    before, report = snapshots(site), site.place / "report.json"
    foretold = site.succeed("--check", playbook="upgrade", matrix_pkg_repository_url=LATEST)
    assert "Packages would come from another repository" in foretold.words, foretold
    site.succeed("--tags", "pot_jail", matrix_pkg_repository_url=LATEST, changed=1)
    with site.untouched():
        foretold = site.succeed("--check", playbook="upgrade", matrix_pkg_repository_url=LATEST)
    assert foretold.changed > 0
    words = f"packages would be upgraded, after a snapshot of zroot/matrixdata and zroot/pot/jails/{site.machine}, and"
    assert words in foretold.words and "If that fails, it would go back." in foretold.words, foretold
    assert version(site) == "1.135.0" and snapshots(site) == before
    with Writer(site, life.token, 5) as writer:
        outcome = site.play(
            "-e",
            f"matrix_report_file={report}",
            playbook="upgrade",
            matrix_pkg_repository_url=LATEST,
            synapse_settings={"app_service_config_files": ["/usr/local/etc/no-such-bridge.yaml"]},
        )
    assert outcome.code == 2 and version(site) == "1.135.0", str(outcome)
    assert "no-such-bridge.yaml" in outcome.words and "went back to upgrade-" in outcome.words, outcome
    lost = "5 events and 1 media in the database, 1 files in the directory of media"
    assert f"Lost is what was written in between: {lost}." in outcome.words, outcome
    writer.is_where_it_was()
    life.goes_on()
    (told,) = json.loads(report.read_text(encoding="utf-8"))["servers"]
    assert told["state"] == "rolled back" and told["failed_at"].startswith("synapse: "), told
    assert told["lost"] == {"events": 5, "media": 1, "files": 1}, told
    assert (told["version_before"], told["version_after"], told["version_tried"]) == ("1.135.0", "1.135.0", "1.163.2")
    assert f"{site.machine}: lost {lost}" in outcome.output
    assert {name.partition("@")[0] for name in snapshots(site) - before} == {
        "zroot/matrixdata",
        "zroot/pot/jails/" + site.machine,
        f"zroot/pot/jails/{site.machine}/m",
    }
    assert len(tags(site, "undone")) == 1
    # Nothing of the proofs is left but the names of their accounts.
    assert service_accounts(site)[:4] == [0, 0, 0, 0]
    site.succeed(matrix_pkg_repository_url=LATEST, changed=0)


def test_an_upgrade_that_is_left_as_it_is_has_a_way_back(site, life):
    strict = {"matrix_certificate_warning_days": 9999}
    before = snapshots(site)
    outcome = site.play(playbook="upgrade", matrix_pkg_repository_url=LATEST, **strict)
    assert outcome.code != 0 and "The homeserver does not work as it is" in outcome.words, outcome
    assert version(site) == "1.135.0" and snapshots(site) == before
    # Well upgraded, but for a certificate that does not last as long as is asked here.
    outcome = site.play(playbook="upgrade", matrix_pkg_repository_url=LATEST, matrix_upgrade_rollback=False, **strict)
    assert outcome.code != 0 and version(site) == "1.163.2", str(outcome)
    back = re.search(r"potluck\.matrix\.rollback --limit \S+ -e matrix_snapshot=(upgrade-\w+)", str(outcome))
    assert back, str(outcome)[-3000:]
    client = site.client()
    client.use_token(life.token)
    client.create_room()
    assert back.group(1) in site.succeed(playbook="rollback", changed=0).words
    with site.untouched():
        foretold = site.succeed("--check", "-e", "matrix_snapshot=" + back.group(1), playbook="rollback")
    assert foretold.changed > 0 and "Going back would lose what was written since" in foretold.words, foretold
    assert re.search("[1-9][0-9]* events and 0 media in the database, 0 files", foretold.words), foretold
    assert re.search(f"{site.machine}: would lose [1-9][0-9]* events and 0 media in the database", foretold.output)
    outcome = site.succeed("-e", "matrix_snapshot=" + back.group(1), playbook="rollback")
    assert re.search(rf"^{site.machine} +https://\S+ +healthy ", outcome.output, re.MULTILINE), outcome
    assert version(site) == "1.135.0"
    life.goes_on()


def test_a_way_back_that_was_cut_off_is_gone_on_with(site, life):
    """As it is when the module was killed between two datasets, and when the run was."""
    tag, data, pot = "upgrade-cut-off", "zroot/matrixdata", "zroot/pot/jails/" + site.machine
    site.inside("pot", "stop", site.machine)
    site.inside("zfs", "snapshot", "-r", f"{data}@{tag}", f"{pot}@{tag}")
    site.inside("zfs", "set", "potluck.matrix:going-back=" + tag, data, pot)
    site.inside("zfs", "rollback", f"{data}@{tag}")
    site.inside("touch", f"/opt/pot/jails/{site.machine}/m/root/not-gone-back")
    # Not even by the boot, when it was the power that went.
    said = site.inside("pot", "start", site.machine, check=False).stdout
    assert f"is on its way back to the snapshot {tag}" in said and not site.inside("jls", "name").stdout
    site.succeed("--check")
    site.succeed()
    assert "not-gone-back" not in site.inside("ls", "/root", pot=site.machine).stdout.split()
    marked = site.inside("zfs", "get", "-H", "-o", "value", "potluck.matrix:going-back", data, pot).stdout.split()
    assert marked == ["-", "-"] and version(site) == "1.135.0"
    life.goes_on()
    site.succeed(changed=0)
    kill_in(
        site, "Bring the dataset and the pot back to the snapshot", "-e", "matrix_snapshot=" + tag, playbook="rollback"
    )
    site.succeed("-e", "matrix_snapshot=" + tag, playbook="rollback")
    assert version(site) == "1.135.0"
    life.goes_on()


def kill_in(site, task, *arguments, **more):
    """Begin a playbook, and kill it a second after that task began."""
    process, path = site.begin(*arguments, **more)
    while f" : {task}]" not in path.read_text(encoding="utf-8"):
        assert process.poll() is None, path.read_text(encoding="utf-8")
        time.sleep(0.05)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    site.disconnect()


@pytest.mark.parametrize("fault", some(FAULTS, "missing"))
def test_an_upgrade_from_half_a_repository(site, life, fault):
    """It fails with what to do, and the homeserver runs on."""
    process, before, taken = site.pid("matrix-synapse/homeserver.pid"), version(site), snapshots(site)
    with site.half_a_repository("py311-matrix-synapse", fault):
        outcome = site.play(playbook="upgrade", matrix_pkg_repository_url=LATEST)
        assert outcome.code != 0 and outcome.output.count("fatal:") == 1, outcome
        assert FAULTS[fault] in outcome.words and "run again when the repository is whole" in outcome.words, outcome
        assert version(site) == before and site.pid("matrix-synapse/homeserver.pid") == process
        assert snapshots(site) == taken
        life.goes_on()


def test_an_upgrade_in_place(site, life):
    assert version(site) == "1.135.0"
    kill_in(site, "Upgrade the packages", playbook="upgrade", matrix_pkg_repository_url=LATEST)
    assert len(tags(site, "begun")) == 1
    site.inside("zfs", "snapshot", "zroot/matrixdata@upgrade-by-hand")
    site.succeed(playbook="upgrade", matrix_pkg_repository_url=LATEST, matrix_upgrade_keep={"number": 1})
    assert version(site) == "1.163.2"
    life.goes_on()
    # Of those that upgrades took the newest stays, and nobody else's goes.
    assert not tags(site, "begun") and len(tags(site, "done", "undone", "taken")) == 1
    assert "upgrade-by-hand" in tags(site, "-")
    taken = snapshots(site)
    site.succeed(playbook="upgrade", matrix_pkg_repository_url=LATEST, changed=0)
    site.succeed(matrix_pkg_repository_url=LATEST, changed=0)
    assert snapshots(site) == taken


def test_a_pot_with_newer_packages_goes_on(site, life):
    site.inside("pot", "destroy", "-F", "-p", site.machine)
    site.succeed(matrix_pkg_repository_url=LATEST)
    assert version(site) == "1.163.2"
    life.goes_on()
    assert {
        name: problem for name, problem in site.client().check_all("admin", site.remembered("admin")) if problem
    } == {}
    site.succeed(matrix_pkg_repository_url=LATEST, changed=0)
