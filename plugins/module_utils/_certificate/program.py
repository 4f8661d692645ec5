# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The program that cron runs in the pot: these sources in one file."""

from __future__ import annotations

import hashlib
import os

from ansible_collections.potluck.matrix.plugins.module_utils._certificate import (
    acme,
    acme_dns,
    acme_files,
    certificate,
    changes,
    cli,
    commands,
    copies,
    files,
    nginx,
    proof,
    upkeep,
    watch,
)
from ansible_collections.potluck.matrix.plugins.module_utils._certificate.changes import Changes
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import (
    errors,
    mounts,
    no_links,
    one_file,
    run,
    tls_client,
)
from ansible_collections.potluck.matrix.plugins.module_utils._freebsd import files as freebsd_files

PARTS = (
    acme,
    acme_dns,
    acme_files,
    certificate,
    changes,
    cli,
    commands,
    copies,
    files,
    nginx,
    proof,
    upkeep,
    watch,
    errors,
    freebsd_files,
    mounts,
    no_links,
    run,
    tls_client,
)


def content(python: str) -> bytes:
    """The whole program, the same bytes for the same sources. python: path of the interpreter that runs it."""
    return one_file.content(cli, PARTS, f"#!{python} -I\n")


def install(path: str, python: str, changes: Changes) -> None:
    """Put the program in its place unless it is there already, as root's and for everybody to run."""
    wanted = (content(python), no_links.Attributes(os.geteuid(), os.getegid(), 0o755))
    found = no_links.read(path)
    if found == wanted:
        return
    changes.note("installed " + path, path, _shown(*found) if found else "", _shown(*wanted))
    if not changes.check:
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        freebsd_files.put(path, *wanted)


def _shown(text: bytes, attributes: no_links.Attributes) -> str:
    return f"{attributes} SHA-256 {hashlib.sha256(text).hexdigest()}"
