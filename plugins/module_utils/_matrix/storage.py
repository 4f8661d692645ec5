# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where data lie: datasets, paths, mountpoints.

Every checker takes the value, returns its normal form and raises ValueError with the end of a sentence whose subject
is the value.
"""

from __future__ import annotations

import posixpath
import re

from ansible_collections.potluck.matrix.plugins.module_utils._freebsd.zfs import is_dataset, size_in_bytes
from ansible_collections.potluck.matrix.plugins.module_utils._matrix import names, values

# What hier(7), bsdinstall's layout of ZFS and pot itself have for themselves.
_SYSTEM_TREES = (
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/libexec",
    "/net",
    "/opt/pot",
    "/proc",
    "/rescue",
    "/root",
    "/sbin",
    "/sys",
    "/tmp",
    "/.zfs",
    "/usr/bin",
    "/usr/freebsd-dist",
    "/usr/include",
    "/usr/lib",
    "/usr/lib32",
    "/usr/libdata",
    "/usr/libexec",
    "/usr/obj",
    "/usr/ports",
    "/usr/sbin",
    "/usr/share",
    "/usr/src",
    "/usr/tests",
    "/usr/local/bin",
    "/usr/local/etc",
    "/usr/local/include",
    "/usr/local/lib",
    "/usr/local/libdata",
    "/usr/local/libexec",
    "/usr/local/man",
    "/usr/local/openssl",
    "/usr/local/sbin",
    "/usr/local/share",
    "/var/account",
    "/var/at",
    "/var/audit",
    "/var/authpf",
    "/var/backups",
    "/var/cache",
    "/var/crash",
    "/var/cron",
    "/var/db/entropy",
    "/var/db/etcupdate",
    "/var/db/freebsd-update",
    "/var/db/pkg",
    "/var/db/ports",
    "/var/db/zfsd",
    "/var/empty",
    "/var/heimdal",
    "/var/log",
    "/var/mail",
    "/var/msgs",
    "/var/preserve",
    "/var/run",
    "/var/rwho",
    "/var/spool",
    "/var/tmp",
    "/var/unbound",
    "/var/yp",
)

_SYSTEM_DIRECTORIES = (
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/libexec",
    "/proc",
    "/rescue",
    "/root",
    "/sbin",
    "/tmp",
    "/usr",
    "/usr/home",
    "/usr/local",
    "/var",
    "/compat",
    "/media",
    "/net",
    "/opt",
    "/usr/jails",
    "/var/db",
    "/var/games",
)


def dataset(value) -> str:
    """A file system POOL/NAME."""
    given = names.text(value)
    if given.startswith("/"):
        raise ValueError("is a path; a dataset begins with the name of its pool")
    if "@" in given or "#" in given:
        raise ValueError("is a snapshot or a bookmark")
    if re.search(r"\s", given):
        raise ValueError("holds a blank")
    if "/" not in given:
        raise ValueError("is a whole pool; give it a name below the pool")
    if not is_dataset(given):
        raise ValueError("is not a dataset's name")
    if len(given) > 200:
        raise ValueError("is longer than 200 characters")
    below = given.partition("/")[2]
    if re.fullmatch(r"(ROOT|pot)(/.*)?|home|tmp|usr(/(home|obj|ports|src))?|var(/(audit|crash|log|mail|tmp))?", below):
        raise ValueError("is a dataset of %s" % ("pot" if below.startswith("pot") else "the system"))
    return given


def absolute_path(value) -> str:
    """An absolute path in its normal form, without blanks (pot's fscomp.conf separates by blanks)."""
    given = values.line(value)
    if not given.startswith("/"):
        raise ValueError("is not an absolute path")
    if re.search(r"\s", given):
        raise ValueError("holds a blank")
    return values.normal(lambda path: posixpath.normpath(path).replace("//", "/"))(given)


def mountpoint(value) -> str:
    """A directory that a dataset may be mounted on."""
    given = absolute_path(value)
    if given in _SYSTEM_DIRECTORIES:
        raise ValueError("is a directory of the system")
    if any(given == tree or given.startswith(tree + "/") for tree in _SYSTEM_TREES):
        raise ValueError("belongs to the system")
    return given


def plain_path(value) -> str:
    """An absolute path in its normal form whose characters mean nothing to a shell, rc.conf, cron, sudo or nginx."""
    given = absolute_path(value)
    foreign = re.search(r"[^A-Za-z0-9._/@:+,=~-]", given)
    if foreign:
        raise ValueError(f"holds the character {foreign.group()}, which does not belong in a path")
    return given


def zfs_size(value) -> str:
    """A size as zfs(8) writes it."""
    if isinstance(value, str) and not value:
        raise ValueError("is empty")
    try:
        size_in_bytes(value)
    except ValueError:
        raise ValueError("is not a size such as 10G, 128K or a number of bytes") from None
    return str(value)


def mode(value) -> str:
    """A file's mode: three or four octal digits, as a text, for YAML makes another number of 0640."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError("is a number; put the mode in quotes")
    if not re.fullmatch("[0-7]{3,4}", names.text(value)):
        raise ValueError("is not a mode of three or four octal digits")
    return str(value)
