# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the double knows of FreeBSD's releases, and how it chooses the lines of a skeleton file."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

DOUBLE = Path(__file__).resolve().parents[2] / "double"
sys.path.insert(0, str(DOUBLE / "lib"))

import potusage
import release
from potlib import subcommands

OLD, NEW = release.named("13.2"), release.named("15.0")


@pytest.mark.parametrize(
    ("text", "full", "major", "date"),
    [
        ("15.0", "15.0-RELEASE", 15, "1500068"),
        ("13.2-RELEASE", "13.2-RELEASE", 13, "1302001"),
        ("14.3-RELEASE-p5", "14.3-RELEASE-p5", 14, "1403000"),
        ("", "13.2-RELEASE", 13, "1302001"),
        ("nonsense", "13.2-RELEASE", 13, "1302001"),
    ],
)
def test_names(text: str, full: str, major: int, date: str) -> None:
    """With and without what follows the version; anything else is as old as can be."""
    found = release.named(text)
    assert (found.full, found.major, found.osreldate) == (full, major, date)


def test_marked_lines() -> None:
    """Each release gets its own lines without their marks, and those that all have."""
    text = "all\nold #@<14\nnew\t#@>=14\n# $FreeBSD$\n@VERSION@ is @RELEASE@\n"
    assert release.render(text, OLD) == "all\nold\n# $FreeBSD$\n13.2 is 13.2-RELEASE\n"
    assert release.render(text, NEW) == "all\nnew\n15.0 is 15.0-RELEASE\n"


@given(st.lists(st.text(alphabet="ab #@<>=1\t", max_size=12)))
def test_lines_without_marks_stay(lines: list[str]) -> None:
    """Whatever is in them."""
    text = "".join(f"{line}\n" for line in lines if not release.MARK.search(line))
    assert release.render(text, OLD) == release.render(text, NEW) == text


def test_userland_of_a_root(tmp_path: Path) -> None:
    """What its freebsd-version says, be it patched; without one what the caller knows."""
    assert release.userland(str(tmp_path), NEW) is NEW
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin/freebsd-version"
    script.write_text('#!/bin/sh\nUSERLAND_VERSION="14.2-RELEASE-p3"\n')
    assert release.userland(str(tmp_path), NEW).full == "14.2-RELEASE-p3"
    script.write_text("#!/bin/sh\nUSERLAND_VERSION=\n")
    assert release.userland(str(tmp_path), NEW) is NEW


def test_every_subcommand_explains_its_options() -> None:
    """Each option that a subcommand takes has a line of its own in its usage, but for those that pot itself does not
    mention.
    """
    silent = {"init": "f", "stop": "is", "get-attribute": "V", "set-status": "i"}
    for command, letters in subcommands.GETOPT.items():
        text = potusage.of(command)
        assert text.startswith(f"pot {command} ") and text.endswith("\n")
        described = {line.strip()[1] for line in text.splitlines()[1:] if line.startswith("  -")}
        missing = set(letters) - {":"} - described - set(silent.get(command, ""))
        assert not missing, f"{command}: {sorted(missing)}"
