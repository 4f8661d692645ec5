# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Six homeservers on three hosts, from the first rollout to a server that is removed. The tests build on each other."""

from __future__ import annotations

import re
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from matrix_client import Failure

from .conftest import NEW, NEWER, OLD, Servers

# What a homeserver needs to speak with another one whose name and address nobody else knows.
ROOTS = "/mnt/matrixdata/roots.pem"
FEDERATION = {"federation_custom_ca_list": [ROOTS], "ip_range_whitelist": ["10.199.0.0/24"]}


@pytest.fixture(scope="module")
def six(tmp_path_factory):
    fleet = Servers(tmp_path_factory.mktemp("fleet"), 6, hosts=3)
    # What a session that was killed left.
    fleet.stop()
    try:
        fleet.start()
        yield fleet
    finally:
        fleet.stop()


def test_all_are_rolled_out_after_a_canary(six):
    outcome, report = six.play("site", matrix_canary=["s6"], matrix_serial="50%")
    assert outcome.code == 0, outcome
    assert {name: each["state"] for name, each in report.items()} == dict.fromkeys(six.names, "healthy"), outcome
    for name in six.names:
        six.log_in(name)


def test_two_of_them_federate(six):
    """By their well-known documents and certificates, which are verified; in a room that one of them made."""
    for name in ("s1", "s2"):
        roots = Path(six.variables["matrix_verify_ca_file"]).read_text(encoding="utf-8")
        six.machine(name).inside("tee", ROOTS, pot=name, input=roots)
        six.special[name]["synapse_settings"] = FEDERATION
    outcome, _report = six.play("site", "--limit", "s1,s2", "--tags", "synapse")
    assert outcome.code == 0, outcome
    first, second = six.goes_on("s1"), six.goes_on("s2")
    room = first.call("POST", "/_matrix/client/v3/createRoom", json={"preset": "public_chat"}).json()["room_id"]
    second.call("POST", f"/_matrix/client/v3/join/{quote(room)}?server_name={six.domains['s1']}", json={})
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


def test_an_upgrade_of_all_of_which_one_goes_back(six):
    """Of one the new Synapse refuses the configuration, which is seen when its packages are upgraded already."""
    assert set(six.versions().values()) == {OLD}
    for special in six.special.values():
        special.update(NEWER)
    six.special["s4"]["synapse_settings"] = {"app_service_config_files": ["/usr/local/etc/no-such-bridge.yaml"]}
    outcome, report = six.play("upgrade", matrix_serial=3, matrix_max_fail_percentage=20)
    assert outcome.code == 2, outcome
    states = {name: "rolled back" if name == "s4" else "healthy" for name in six.names}
    assert {name: each["state"] for name, each in report.items()} == states, outcome
    assert report["s4"]["lost"] == {"events": 0, "media": 0, "files": 0}, report["s4"]
    assert six.versions() == {name: OLD if name == "s4" else NEW for name in six.names}
    for name in six.names:
        six.goes_on(name).create_room()
    del six.special["s4"]["synapse_settings"]


def test_one_goes_back_when_it_is_told_to(six):
    listed, _report = six.play("rollback", "--limit", "s5")
    snapshot = re.search(r"matrix_snapshot=(upgrade-\w+)", listed.words).group(1)
    outcome, _report = six.play("rollback", "--limit", "s5", matrix_snapshot=snapshot)
    assert outcome.code == 0, outcome
    assert six.versions() == {name: OLD if name in ("s4", "s5") else NEW for name in six.names}
    six.goes_on("s5")


def test_one_gets_the_patches_of_freebsd(six):
    machine = six.machine("s2")
    release = machine.inside("freebsd-version", "-u", pot="s2").stdout.strip()
    files = f"{release}-p3\n/bin/freebsd-version\n/usr/lib/libfetch.so.6\n"
    place = "/.double/run/patches"
    machine.inside("/bin/sh", "-c", f"mkdir -p {place} && cat >{place}/{release}", input=files)
    outcome, report = six.play("patch", "--limit", "s2")
    assert outcome.code == 0 and report["s2"]["state"] == "healthy", outcome
    found = {name: machine.inside("freebsd-version", "-u", pot=name).stdout.strip() for name in ("s2", "s5")}
    assert found == {"s2": release + "-p3", "s5": release}
    six.goes_on("s2")


def test_one_is_removed_and_made_again(six):
    machine, dataset = six.machine("s3"), "zroot/s3"
    outcome, _report = six.play("remove", "--limit", "s3", matrix_remove="s3")
    assert outcome.code == 0, outcome
    assert machine.inside("jls", "name").stdout.split() == ["s6"]
    assert dataset in machine.inside("zfs", "list", "-H", "-o", "name").stdout.split()
    six.goes_on("s6")
    outcome, report = six.play("site", "--limit", "s3")
    assert outcome.code == 0 and report["s3"]["state"] == "healthy", outcome
    six.goes_on("s3")
