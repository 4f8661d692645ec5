# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which FreeBSD the double is, and what the releases say about themselves.

A host has a kernel, and every root on it a userland: a pot may be 13.2 on a host that is 15.0. Programs follow the
userland of the root they run in, what the kernel answers follows the host. In a skeleton file, a line that only some
releases have ends with a mark, see ``render()``.
"""

from __future__ import annotations

import re

import mounts

DEFAULT = "15.0"
# A base that says nothing about itself is as old as the first that was recorded.
OLDEST = "13.2"
# What the installed userland calls itself: freebsd-version(1) is a script with this line in it, and every upgrade
# writes it anew.
VERSION_FILE = "/bin/freebsd-version"
VERSION_LINE = re.compile(r'^USERLAND_VERSION="(\d+\.\d+-[^"]+)"', re.M)
# FreeBSD left CVS' and Subversion's keywords behind in 14.
KEYWORD = re.compile(r"#\s*\$FreeBSD\$$")
MARK = re.compile(r"[ \t]*#@(<|>=)(\d+)$")


class Release:
    """One release of FreeBSD; name is '15.0', full what uname -r prints: '15.0-RELEASE-p3'."""

    def __init__(self, full: str):
        self.full = full
        self.name = full.partition("-")[0]

    @property
    def major(self) -> int:
        """15 of 15.0."""
        return int(self.name.partition(".")[0])

    @property
    def osreldate(self) -> str:
        """__FreeBSD_version; of releases that nobody recorded, to the precision the name gives."""
        major, _dot, minor = self.name.partition(".")
        return {"13.2": "1302001", "15.0": "1500068"}.get(self.name) or f"{major}{int(minor):02d}000"

    @property
    def version(self) -> str:
        """The kernel's version line (uname -v), as recorded: the builder of 15.0 left out what changes from build to
        build.
        """
        if self.major < 14:
            return (
                f"FreeBSD {self.full} #0 releng/13.2-n254617-525ecfdad597: Fri Apr  7 00:00:00 UTC 2023     "
                "root@builder:/usr/obj/usr/src/amd64.amd64/sys/GENERIC"
            )
        return f"FreeBSD {self.full} GENERIC"


def named(text: str) -> Release:
    """'15.0', '15.0-RELEASE' or '15.0-RELEASE-p3' -> Release; what is none of them counts as the oldest."""
    match = re.fullmatch(r"(\d+\.\d+)(-.+)?", text)
    return Release(match.group(1) + (match.group(2) or "-RELEASE")) if match else Release(OLDEST + "-RELEASE")


def running() -> Release:
    """What uname -r says in the calling process' root: the kernel's, or what a jail was told to call it."""
    return named(mounts.identity().get("release", ""))


def kernel() -> Release:
    """The host's kernel, also when a jail asks."""
    who = mounts.identity()
    return named(who.get("kernel") or who.get("release", ""))


def userland(root: str = "", otherwise: Release | None = None) -> Release:
    """The programs installed below a root, by default the calling process'; where it does not say, otherwise."""
    try:
        with open(root + VERSION_FILE, encoding="utf-8", errors="replace") as stream:
            found = VERSION_LINE.search(stream.read(4096))
    except OSError:
        found = None
    return Release(found.group(1)) if found else otherwise or running()


def jailed() -> bool:
    """Whether the calling process is in a jail."""
    return mounts.identity().get("kind") == "pot"


def render(text: str, release: Release) -> str:
    """A skeleton file as one release has it.

    A line marked '#@<14' at its end is for majors before 14, one marked '#@>=14' for 14 and later; @RELEASE@ is
    '15.0-RELEASE', @VERSION@ '15.0'.
    """
    kept = []
    for line in text.splitlines(keepends=True):
        if release.major >= 14 and KEYWORD.match(line.rstrip("\n")):
            continue
        mark = MARK.search(line.rstrip("\n"))
        if mark:
            older = release.major < int(mark.group(2))
            if older != (mark.group(1) == "<"):
                continue
            line = line[: mark.start()] + "\n"
        kept.append(line)
    return "".join(kept).replace("@RELEASE@", release.full).replace("@VERSION@", release.name)
