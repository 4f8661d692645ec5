# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""FreeBSD's own patches: what freebsd-update says is read, and its exit codes are not believed."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import base_system
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.errors import Sentence
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.pkg import Failed, Pkg
from hypothesis import given
from hypothesis import strategies as st

HEAD = """src component not installed, skipped
Looking up update.FreeBSD.org mirrors... 3 mirrors found.
Fetching metadata signature for 14.2-RELEASE from update1.freebsd.org... done.
Fetching metadata index... done.
Inspecting system... done.
Preparing to download files... done.
"""
NOTHING = HEAD + "\nNo updates needed to update system to 14.2-RELEASE-p{}.\n"
PENDING = HEAD + "The following files will be updated as part of updating to\n14.2-RELEASE-p{}:\n{}\n"
MODIFIED = (
    "The following files are affected by updates. No changes have\nbeen downloaded, however, because the files have "
    "been modified\nlocally:\n/bin/freebsd-version\n"
)
# As recorded.
NO_MIRROR = """src component not installed, skipped
Looking up update.FreeBSD.org mirrors... none found.
Fetching public key from update.FreeBSD.org... failed.
No mirrors remaining, giving up.

This may be because upgrading from this platform (amd64)
or release (15.0-RELEASE) is unsupported by freebsd-update. Only
platforms with Tier 1 support can be upgraded by freebsd-update.
See https://www.freebsd.org/platforms/ for more info.

If unsupported, FreeBSD must be upgraded by source.
"""


class Jail:
    """A base system. C(offered) is its newest patch level, C(files) what that changes; every command ends with
    C(code).
    """

    def __init__(self, patches=0, offered=0, files=("/bin/freebsd-version", "/usr/lib/libssl.so.30")):
        self.patches, self.offered, self.files = patches, offered, files
        self.code, self.stuck, self.fetched, self.said = 0, False, False, None
        self.commands = []

    def inherited(self, **more):
        return more

    def run(self, argv, timeout=0, environment=None):
        if argv[0] == "freebsd-version":
            return 0, "14.2-RELEASE{}\n".format(f"-p{self.patches}" if self.patches else ""), ""
        assert argv[:2] == ["freebsd-update", "--not-running-from-cron"] and environment == {"PAGER": "cat"}
        self.commands.append(argv[2])
        return self.code, getattr(self, argv[2])(), ""

    def fetch(self):
        if self.said is not None:
            return self.said
        self.fetched = self.patches != self.offered
        if not self.fetched:
            return NOTHING.format(self.offered)
        return PENDING.format(self.offered, "\n".join(self.files))

    def install(self):
        if self.stuck:
            return "Installing updates...install: ///usr/lib/libssl.so.30: No space left on device\n"
        self.fetched = False
        if "/bin/freebsd-version" in self.files:
            self.patches = self.offered
        return "Installing updates... done.\n"

    def updatesready(self):
        return "There are updates available to install.\n" if self.fetched else "No updates are available to install.\n"


@pytest.fixture(autouse=True)
def program(monkeypatch):
    """Any file that exists stands for freebsd-update."""
    monkeypatch.setattr(base_system, "PROGRAM", __file__)


def patch(jail, **more):
    return base_system.patch(base_system.BaseSystem(jail), more.pop("check", False), **more)


@pytest.mark.parametrize("code", [0, 1, 2])
def test_patches_are_installed_whatever_the_commands_end_with(code):
    jail = Jail(offered=3)
    jail.code = code
    told, fetched = patch(jail, check=True), patch(jail, fetch_only=True)
    assert jail.commands == ["fetch", "fetch"] and jail.patches == 0 and fetched == (False, {}, "", "")
    done = patch(jail)
    assert (
        told
        == done
        == (
            True,
            {"FreeBSD": "14.2-RELEASE-p3"},
            "FreeBSD-14.2-RELEASE\n",
            "FreeBSD-14.2-RELEASE-p3\n",
        )
    )
    assert jail.patches == 3 and not patch(jail).changed and patch(jail, check=True).after == ""


def test_a_system_that_can_be_patched_by_nothing_says_so(monkeypatch):
    monkeypatch.setattr(base_system, "PROGRAM", "/nowhere/freebsd-update")
    jail = Jail(offered=3)
    with pytest.raises(Sentence, match="14.2-RELEASE has no freebsd-update, and is not made of packages.*release"):
        patch(jail)
    assert jail.commands == []


def test_nothing_to_do():
    jail = Jail(patches=3, offered=3)
    assert patch(jail) == patch(jail, fetch_only=True) == (False, {}, "", "")
    assert set(jail.commands) == {"fetch"}


def test_a_patch_that_does_not_change_what_the_userland_calls_itself():
    jail = Jail(patches=2, offered=3, files=["/boot/kernel/kernel"])
    assert patch(jail).after == "FreeBSD-14.2-RELEASE-p2 with 1 other files\n"


def test_one_that_is_said_to_be_installed_and_is_not():
    jail = Jail(offered=3)
    jail.stuck = True
    with pytest.raises(Failed, match="are not installed: .*No space left on device"):
        patch(jail)
    jail.stuck, jail.install = False, lambda: "" if setattr(jail, "fetched", False) is None else ""
    with pytest.raises(Failed, match="it is still 14.2-RELEASE, and not 14.2-RELEASE-p3"):
        patch(jail)


@pytest.mark.parametrize(
    "said, words",
    [
        (NO_MIRROR, "No mirrors remaining, giving up"),
        ("", "freebsd-update ended with 1 and said nothing"),
        ("freebsd-update is incompatible with the use of packaged base.\n", "incompatible with the use of packaged"),
    ],
)
def test_what_cannot_be_fetched_is_an_error(said, words):
    jail = Jail()
    jail.said, jail.code = said, 1
    with pytest.raises(Failed, match=words):
        patch(jail)


def test_files_that_were_modified_here_are_none_that_change():
    jail = Jail()
    jail.said = MODIFIED + PENDING.format(3, "/usr/lib/libssl.so.30")
    assert base_system.BaseSystem(jail).pending() == ("14.2-RELEASE-p3", ["/usr/lib/libssl.so.30"])


@given(st.text())
def test_whatever_it_says_it_is_read_or_refused(text):
    jail = Jail()
    jail.said = text
    try:
        target, files = base_system.BaseSystem(jail).pending()
    except Failed as error:
        assert str(error).startswith("FreeBSD's patches cannot be fetched: ")
    else:
        assert target and all(file.startswith("/") for file in files)


@pytest.mark.parametrize("said, expected", [("FreeBSD-runtime-15.0\n", True), ("", False)])
def test_a_base_system_of_packages_is_known_by_uname(said, expected):
    class Runner(Jail):
        def run(self, argv, timeout=0, environment=None):
            assert argv[1:] == ["which", "-q", "/usr/bin/uname"]
            return (0 if said else 1), said, ""

    assert base_system.packaged(Pkg(Runner(), 0)) is expected
