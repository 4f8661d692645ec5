# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Releases of FreeBSD: their names, their order, and until when somebody looks after them."""

from __future__ import annotations

import datetime
import re
import typing as t

# When FreeBSD's security team stops looking after a release, as announced on https://www.freebsd.org/security/ and its
# page of unsupported releases;
# for a release that is not listed, the end of its branch.
_END_OF_SUPPORT = {
    "13.0": "2022-08-31",
    "13.1": "2023-07-31",
    "13.2": "2024-06-30",
    "13.3": "2024-12-31",
    "13.4": "2025-06-30",
    "13.5": "2026-04-30",
    "14.0": "2024-09-30",
    "14.1": "2025-03-31",
    "14.2": "2025-09-30",
    "14.3": "2026-06-30",
    "15.0": "2026-09-30",
}
_END_OF_BRANCH = {"12": "2023-12-31", "13": "2026-04-30", "14": "2028-11-30", "15": "2029-12-31"}

_RELEASE = re.compile(r"\A([^-]+)-[^-]+-([0-9]+\.[0-9]+(?:-[A-Z]+[0-9]*)?)-RELEASE\Z")


def order(release: str) -> list[int]:
    """What releases such as C(14.2) are sorted by, the oldest first."""
    return [int(number) for number in re.findall(r"[0-9]+", release)]


def releases(manifests: t.Iterable[str], machine: str) -> list[str]:
    """The releases, as C(14.2), that the file names of MANIFESTS offer for this architecture (C(amd64)), oldest
    first.
    """
    found = {match.group(2) for match in map(_RELEASE.match, manifests) if match and match.group(1) == machine}
    return sorted(found, key=order)


def short_release(version: str) -> str:
    """C(14.2) from C(14.2-RELEASE-p3) as freebsd-version(1) prints it."""
    return version.strip().split("-")[0]


def end_of_support(release: str) -> str:
    """The last day, as C(2024-06-30), on which FreeBSD's security team looks after a release such as C(13.2); empty
    when that is not known.
    """
    return _END_OF_SUPPORT.get(release) or _END_OF_BRANCH.get(release.partition(".")[0], "")


def unsupported(release: str, today: datetime.date) -> str:
    """The day on which the support of a release has ended, or an empty string while it lasts or when that is not
    known.
    """
    end = end_of_support(release)
    return end if end and today > datetime.date.fromisoformat(end) else ""


def older(first: str, second: str) -> str:
    """The older one of two releases such as C(13.2); the other one where one is empty."""
    return min(
        filter(None, (first, second)),
        key=order,
        default="",
    )
