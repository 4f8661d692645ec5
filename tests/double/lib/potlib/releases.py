# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases of FreeBSD that bases and pots are made of."""

from __future__ import annotations

import os
import sys

import release as releases
import skeleton

from potlib.configuration import settings
from potlib.output import complain, error
from potlib.steps import fault


def machine() -> str:
    return "amd64-amd64"


def is_release(text: str) -> bool:
    return bool(text) and os.path.exists(f"/usr/local/share/freebsd/MANIFESTS/{machine()}-{text}-RELEASE")


def fetch_base(release: str) -> bool:
    """base.txz into the cache. The double has no use for its content: it builds the same tree itself."""
    path = f"{settings['POT_CACHE']}/{release}-RELEASE_base.txz"
    if fault("fetch-base"):
        url = f"https://ftp.freebsd.org/pub/FreeBSD/releases/amd64/amd64/{release}-RELEASE/base.txz"
        complain(OSError(f"fetch: {url}: Connection timed out"))
        error(f"Fetching FreeBSD {release} failed")
        return False
    if not os.path.exists(path):
        with open(path, "w", encoding="ascii") as stream:
            stream.write(f"FreeBSD {release}-RELEASE base.txz\n")
        fetched(path)
    return True


def fetched(path: str) -> None:
    """What fetch(1) says on standard error of a download that is complete: pot lets it through."""
    sys.stdout.flush()
    sys.stderr.write(f"{path:<46.46}{'':8}  28 MB 9662 kBps    03s\n")


def build_tree(path: str, release: str) -> None:
    skeleton.build(path, "base", releases.named(release))
    os.chmod(path + "/COPYRIGHT", 0o444)
