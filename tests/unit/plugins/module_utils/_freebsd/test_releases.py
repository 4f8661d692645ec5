# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases are told apart, ordered, and known to end."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import releases


def test_releases_of_this_kind_of_machine():
    names = [
        "amd64-amd64-13.2-RELEASE",
        "amd64-amd64-9.3-RELEASE",
        "amd64-amd64-14.0-RC1-RELEASE",
        "arm64-aarch64-14.1-RELEASE",
        "README",
    ]
    assert releases.releases(names, "amd64") == ["9.3", "13.2", "14.0-RC1"]


@pytest.mark.parametrize(
    "one, other, release", [("13.2", "15.0", "13.2"), ("15.10", "15.9", "15.9"), ("", "14.3", "14.3"), ("", "", "")]
)
def test_the_older_release(one, other, release):
    assert releases.older(one, other) == releases.older(other, one) == release


@pytest.mark.parametrize(
    "release, end", [("13.2", "2024-06-30"), ("12.4", "2023-12-31"), ("14.9", "2028-11-30"), ("16.0", ""), ("", "")]
)
def test_end_of_support(release, end):
    assert releases.end_of_support(release) == end


def test_the_release_that_a_command_prints():
    assert releases.short_release("13.2-RELEASE-p3\n") == "13.2"
