# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Homeservers on several hosts, from the first rollout to a server that is removed. The tests build on each other.

Six on three, of which some are patched and removed as well, when the suite is thorough; else three on two.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from matrix_client import Failure
from thorough import THOROUGH

from .conftest import NEW, NEWER, OLD, Servers

# What a homeserver needs to speak with another one whose name and address nobody else knows.
ROOTS = "/mnt/matrixdata/roots.pem"
FEDERATION = {"federation_custom_ca_list": [ROOTS], "ip_range_whitelist": ["10.199.0.0/24"]}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    found = Servers(tmp_path_factory.mktemp("fleet"), *((6, 3) if THOROUGH else (3, 2)))
    # What a session that was killed left.
    found.stop()
    try:
        found.start()
        yield found
    finally:
        found.stop()


def test_all_are_rolled_out_after_a_canary(fleet):
    outcome, report = fleet.play("site", matrix_canary=[fleet.names[-1]], matrix_serial="50%")
    assert outcome.code == 0, outcome
    assert {name: each["state"] for name, each in report.items()} == dict.fromkeys(fleet.names, "healthy"), outcome
    for name in fleet.names:
        fleet.log_in(name)


def test_two_of_them_federate(fleet):
    """By their well-known documents and certificates, which are verified; in a room that one of them made."""
    for name in ("s1", "s2"):
        roots = Path(fleet.variables["matrix_verify_ca_file"]).read_text(encoding="utf-8")
        fleet.machine(name).inside("tee", ROOTS, pot=name, input=roots)
        fleet.special[name]["synapse_settings"] = FEDERATION
    outcome, _report = fleet.play("site", "--limit", "s1,s2", "--tags", "synapse")
    assert outcome.code == 0, outcome
    first, second = fleet.goes_on("s1"), fleet.goes_on("s2")
    room = first.call("POST", "/_matrix/client/v3/createRoom", json={"preset": "public_chat"}).json()["room_id"]
    second.call("POST", f"/_matrix/client/v3/join/{quote(room)}?server_name={fleet.domains['s1']}", json={})
    for sender, reader in ((second, first), (first, second)):
        text = f"from {sender.user_id}"
        assert arrives(reader, room, sender.send(room, text)) == text


def arrives(client, room, event, seconds=20):
    """The text of a message, as soon as the client's homeserver has it."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return client.read(room, event)
        except Failure:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.3)


def test_an_upgrade_of_all_of_which_one_goes_back(fleet):
    """Of one the new Synapse refuses the configuration, which is seen when its packages are upgraded already."""
    assert set(fleet.versions().values()) == {OLD}
    for special in fleet.special.values():
        special.update(NEWER)
    fleet.special["s3"]["synapse_settings"] = {"app_service_config_files": ["/usr/local/etc/no-such-bridge.yaml"]}
    outcome, report = fleet.play("upgrade", matrix_serial=2, matrix_max_fail_percentage=34)
    assert outcome.code == 2, outcome
    states = {name: "rolled back" if name == "s3" else "healthy" for name in fleet.names}
    assert {name: each["state"] for name, each in report.items()} == states, outcome
    assert report["s3"]["lost"] == {"events": 0, "media": 0, "files": 0}, report["s3"]
    assert fleet.versions() == {name: OLD if name == "s3" else NEW for name in fleet.names}
    for name in fleet.names:
        fleet.goes_on(name).create_room()
    del fleet.special["s3"]["synapse_settings"]


def test_one_goes_back_when_it_is_told_to(fleet):
    listed, _report = fleet.play("rollback", "--limit", "s2")
    snapshot = re.search(r"matrix_snapshot=(upgrade-\w+)", listed.words).group(1)
    outcome, _report = fleet.play("rollback", "--limit", "s2", matrix_snapshot=snapshot)
    assert outcome.code == 0, outcome
    assert fleet.versions() == {name: OLD if name in ("s2", "s3") else NEW for name in fleet.names}
    fleet.goes_on("s2")


@pytest.mark.thorough
def test_one_gets_the_patches_of_freebsd(fleet):
    machine = fleet.machine("s2")
    release = machine.inside("freebsd-version", "-u", pot="s2").stdout.strip()
    files = f"{release}-p3\n/bin/freebsd-version\n/usr/lib/libfetch.so.6\n"
    place = "/.double/run/patches"
    machine.inside("/bin/sh", "-c", f"mkdir -p {place} && cat >{place}/{release}", input=files)
    outcome, report = fleet.play("patch", "--limit", "s2")
    assert outcome.code == 0 and report["s2"]["state"] == "healthy", outcome
    found = {name: machine.inside("freebsd-version", "-u", pot=name).stdout.strip() for name in ("s2", "s5")}
    assert found == {"s2": release + "-p3", "s5": release}
    fleet.goes_on("s2")


@pytest.mark.thorough
def test_one_is_removed_and_made_again(fleet):
    machine, dataset = fleet.machine("s1"), "zroot/s1"
    outcome, _report = fleet.play("remove", "--limit", "s1", matrix_remove="s1")
    assert outcome.code == 0, outcome
    assert machine.inside("jls", "name").stdout.split() == ["s4"]
    assert dataset in machine.inside("zfs", "list", "-H", "-o", "name").stdout.split()
    fleet.goes_on("s4")
    outcome, report = fleet.play("site", "--limit", "s1")
    assert outcome.code == 0 and report["s1"]["state"] == "healthy", outcome
    fleet.goes_on("s1")
