# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The captures against a host that is reached by ssh, which is a double here, and new captures from it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import captures
import pytest
import replay
import report
from machines import Machine
from remote import Effects, Refusal, Remote

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("ip"), reason="the double needs root and iproute2"
)
RELEASE = "15.0"
# All that the lines of a file could leave, and all that they could change.
LOOK = """
zfs list -H -o name; pot ls -q; cat /etc/rc.conf /etc/passwd /etc/group /usr/local/etc/pot/pot.conf; ifconfig -l
ls /mnt /root /etc/rc.d
ls -R /usr/local/etc /opt/pot /home; mount -p
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Machine, Remote]]:
    """(the double, the same by ssh)"""
    key = tmp_path_factory.mktemp("key") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    with Machine("pot", RELEASE) as double:
        public = Path(f"{key}.pub").read_text(encoding="utf-8").strip()
        double.run(f"echo '{public}' >>/root/.ssh/authorized_keys").check_returncode()
        options = [
            "-i",
            str(key),
            *(
                word
                for text in ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR")
                for word in ("-o", text)
            ),
        ]
        remote = Remote(f"root@{double.address}", options)
        yield double, remote
        remote.close()


def test_compares_and_leaves_nothing(machine: tuple[Machine, Remote]) -> None:
    """Every line that is run is as recorded, and the host is as it was."""
    double, remote = machine
    assert remote.release == RELEASE
    before = double.run(LOOK).stdout
    results = replay.replay_remotely(remote, "base")
    assert double.run(LOOK).stdout == before
    total = report.count(RELEASE, "base", results, machine=True)
    assert total.skipped == sum(
        Effects("base").not_run(line.seq, disposable=False) is not None for line in captures.load(RELEASE, "base")
    )
    # What is the host's own: a directory of pot's, and its datasets.
    own = {27, 144, 162}
    different = {seq: result.line.cmd for seq, result in results.items() if not result.skipped and not result.same()}
    assert set(different) <= own, different
    assert total.equal > 60


@pytest.mark.parametrize(
    ("make", "named", "remove"),
    [
        ("zfs create zroot/demo2", "dataset zroot/demo2", "zfs destroy zroot/demo2"),
        ("touch /root/custom.conf", "file /root/custom.conf", "rm /root/custom.conf"),
        ("pw groupadd demog2", "group demog2", "pw groupdel demog2"),
    ],
)
def test_refuses_a_machine_that_has_such_a_name(
    machine: tuple[Machine, Remote], make: str, named: str, remove: str
) -> None:
    """Before anything is run; what was there is there afterwards."""
    double, remote = machine
    double.run(make).check_returncode()
    before = double.run(LOOK).stdout
    with pytest.raises(Refusal, match=f"something of a name that the recordings use.*: {named}\\."):
        replay.replay_remotely(remote, "base")
    assert double.run(LOOK).stdout == before
    double.run(remove).check_returncode()


def test_exit_codes_are_the_commands(machine: tuple[Machine, Remote]) -> None:
    """255 is what ssh says when it fails, and what zfs(8) says as well; standard error ends where the command ended
    it.
    """
    _double, remote = machine
    done = remote.run("echo out; printf 'err\\nrc=7' >&2; exit 255")
    assert (done.returncode, done.stdout, done.stderr) == (255, "out\n", "err\nrc=7")
    assert remote.run('cat; echo "$HOME $PATH"').stdout.startswith("/root /sbin:")
    with pytest.raises(Refusal, match="cannot be reached"):
        Remote("root@127.0.0.1", ["-o", "Port=1"])


def test_records(machine: tuple[Machine, Remote], tmp_path: Path) -> None:
    """A file of commands becomes a capture file, in the recorded host's names; one that makes nothing needs no
    declaration but an empty one.
    """
    _double, remote = machine
    source, target = tmp_path / "base.jsonl", tmp_path / "new.jsonl"
    lines = [line for line in captures.load(RELEASE, "base") if line.seq in (1, 24, 41, 145, 146)]
    source.write_text(
        "".join(json.dumps({"seq": line.seq, "group": line.group, "cmd": line.cmd}) + "\n" for line in lines)
    )
    replay.record(remote, source, target)
    recorded = {line.seq: line for line in captures.read(target)}
    assert list(recorded) == [1, 24, 41, 145, 146]
    assert recorded[24].stdout == lines[1].stdout == "host.example.test\n"
    assert recorded[41].rc is None, "it changes /etc/rc.conf"
    assert (recorded[146].rc, recorded[146].stderr) == (lines[4].rc, lines[4].stderr)
