# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pot plants links to the host's files where its files are read, written and mounted on, and calls its processes as
pot's own are called. Every playbook ends, repairs that or says in a sentence what is wrong, and nothing of the host is
touched.
"""

from __future__ import annotations

import contextlib
import json

import pytest
from thorough import some

from .conftest import PLAYBOOKS, WORD, check

ROOT = "/opt/pot/jails/hostile1/m"
# In the stopped pot, as its jail could leave it: pot writes the first three and mounts on the others.
LINKS = f"""
for path in etc/hosts etc/resolv.conf tmp/environment.sh; do ln -sfn /root/victim/file {ROOT}/$path; done
rm -rf {ROOT}/srv && ln -s /root/victim {ROOT}/srv
rm -rf {ROOT}/dev && ln -s /root/victim/x {ROOT}/dev
"""
# /tmp takes the place of what is planted in it.
LINKS_AND_TMP = LINKS + f"rm -rf {ROOT}/tmp && ln -s /root/victim {ROOT}/tmp\n"
ETC = f"mv {ROOT}/etc {ROOT}/etc.kept && ln -s /root/victim {ROOT}/etc"
# A pot that is stopped loses a link in the place of its /etc.
ETC_BACK = f"if test -d {ROOT}/etc.kept; then rm -f {ROOT}/etc && mv {ROOT}/etc.kept {ROOT}/etc; fi"
# In the running jail, by its root. A directory that something is mounted on cannot be replaced.
RUNNING_LINKS = """
cp -p /etc/hosts /etc/resolv.conf /root/
for path in /etc/hosts /etc/resolv.conf /tmp/environment.sh; do ln -sfn /root/victim/file $path; done
"""
RUNNING_LINKS_BACK = "for name in hosts resolv.conf; do rm -f /etc/$name; cp -p /root/$name /etc/$name; done"
RUNNING_ETC = "mv /etc /etc.kept && ln -s /root/victim /etc"
RUNNING_ETC_BACK = "if test -L /etc; then rm /etc && mv /etc.kept /etc; fi"
# Processes that call themselves what the host's own might be called.
NAMES = [
    "/bin/sh /usr/local/bin/pot start hostile1",
    "pot stop hostile1",
    "pot destroy -p hostile1",
    "0 0 0 pot start hostile1",
]
NAMED = f"""
import json, os
for name in {json.dumps(NAMES)}:
    if os.fork() == 0:
        os.setsid()
        null = os.open("/dev/null", os.O_RDWR)
        for number in range(3):
            os.dup2(null, number)
        os.execv("/bin/sleep", [name, "7000"])
"""


class Victims:
    """Files of the host that the links lead to."""

    def __init__(self, hostile):
        self.hostile = hostile
        hostile.inside(
            "/bin/sh",
            "-c",
            "mkdir -p /root/victim/x /root/victim/shared; for path in file x/file shared/file rc.conf resolv.conf "
            "hosts environment.sh; do "
            f"echo {WORD} >/root/victim/$path; done",
        )

    def state(self):
        return self.hostile.inside(
            "/bin/sh",
            "-c",
            "cd /root/victim && ls -laRT . && find . -type f -exec cat {} + && mount -p | grep victim; true",
        ).stdout


def start(hostile):
    """Start the pot unless it runs; with no output of its own, which its services would keep open."""
    hostile.inside("/bin/sh", "-c", f"pot start {hostile.machine} </dev/null >/dev/null 2>&1")


@pytest.fixture(scope="module")
def victims(hostile):
    """The host's files, and what every playbook does where a friendly pot does not run."""
    found = Victims(hostile)
    for playbook in PLAYBOOKS:
        hostile.inside("pot", "stop", hostile.machine)
        outcome, opened, started = hostile.play(playbook)
        assert (outcome.code == 0) == (playbook in ("site", "upgrade")), outcome
        hostile.friendly[f"{playbook} of a stopped pot"] = opened, started
        start(hostile)
    return found


@contextlib.contextmanager
def planted(hostile, victims, playbook, plant, back, running):
    """The outcome of a playbook against a pot with plants in it; afterwards the pot is as it was, and so is all
    else.
    """
    before, intact = hostile.look(), victims.state()
    shell = hostile.pot_shell if running else lambda script: hostile.inside("/bin/sh", "-ec", script)
    if not running:
        hostile.inside("pot", "stop", hostile.machine)
    shell(plant)
    try:
        outcome, opened, started = hostile.play(playbook)
        assert victims.state() == intact
        yield outcome
    finally:
        if not running:
            hostile.inside("pot", "stop", hostile.machine, check=False)
        shell(back)
        start(hostile)
    assert "Traceback" not in outcome.output and "MODULE FAILURE" not in outcome.output, outcome
    check(hostile, before, outcome, opened, started)
    assert victims.state() == intact


@pytest.mark.parametrize("plants", some(["links", "tmp"], "tmp"))
@pytest.mark.parametrize("playbook", some(["site", "upgrade"], "site"))
def test_links_in_a_stopped_pot_are_removed(hostile, victims, playbook, plants):
    plant = {"links": LINKS, "tmp": LINKS_AND_TMP}[plants]
    with planted(hostile, victims, playbook, plant, "true", running=False) as outcome:
        assert outcome.code == 0, outcome
        assert "and was removed" in outcome.words
        kinds = hostile.pot_shell("cat /srv/shared/file 2>/dev/null; ls -ld /srv /dev /tmp").splitlines()
        assert [line[:1] for line in kinds] == ["d", "d", "d"], kinds


@pytest.mark.parametrize("playbook", some(["accounts", "verify"], "verify"))
def test_links_in_a_stopped_pot_are_nobodys_business(hostile, victims, playbook):
    """Neither of these starts a pot."""
    with planted(hostile, victims, playbook, LINKS_AND_TMP, "true", running=False) as outcome:
        assert outcome.code != 0 and "pot start hostile1" in outcome.words, outcome


@pytest.mark.parametrize("playbook", some(PLAYBOOKS, "site"))
def test_an_etc_that_is_a_link_keeps_the_pot_down(hostile, victims, playbook):
    with planted(hostile, victims, playbook, ETC, ETC_BACK, running=False) as outcome:
        sentence = (
            "pot start hostile1" if playbook in ("accounts", "verify") else "/etc in pot hostile1 is not a directory"
        )
        assert outcome.code != 0 and sentence in outcome.words, outcome
        assert hostile.machine not in hostile.inside("jls", "name").stdout.split()


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_links_and_names_in_a_running_pot(hostile, victims, playbook):
    """No playbook needs the files that were replaced, and none takes a jail's process for one of the host's."""
    hostile.inside("/usr/local/bin/python3.11", "-c", NAMED, pot=hostile.machine)
    try:
        with planted(hostile, victims, playbook, RUNNING_LINKS, RUNNING_LINKS_BACK, running=True) as outcome:
            # A resolv.conf that is not the host's is made anew in the link's place.
            repairs = playbook in ("site", "upgrade")
            assert outcome.code == 0 and outcome.changed == repairs, outcome
    finally:
        hostile.pot_shell("pkill -x sleep; true")


@pytest.mark.parametrize("playbook", some(PLAYBOOKS, "site", "verify"))
def test_an_etc_that_is_a_link_in_a_running_pot(hostile, victims, playbook):
    """The jail has no accounts any more: the run ends in a sentence, or needs none."""
    with planted(hostile, victims, playbook, RUNNING_ETC, RUNNING_ETC_BACK, running=True) as outcome:
        assert outcome.code == 0 or "fatal:" in outcome.output or "UNREACHABLE" in outcome.output, outcome


def test_the_pot_is_well_again(hostile):
    outcome = hostile.play("site")[0]
    assert outcome.code == 0, outcome
    assert hostile.play("verify")[0].code == 0
