# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Become another user, with the environment FreeBSD's login classes give."""

from __future__ import annotations

import os
import pwd

PATH = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"


def become(name: str) -> pwd.struct_passwd:
    """Take a user's ids and groups for good. Raises KeyError for an unknown user, PermissionError when not root."""
    entry = pwd.getpwnam(name)
    if os.geteuid() != entry.pw_uid or os.geteuid() == 0:
        os.setgid(entry.pw_gid)
        os.initgroups(name, entry.pw_gid)
        os.setuid(entry.pw_uid)
    return entry


def forget_coercion() -> None:
    """Python itself sets LC_CTYPE when it starts in the C locale; programs started from here must not inherit that."""
    with open("/proc/self/environ", "rb") as stream:
        if not any(entry.startswith(b"LC_CTYPE=") for entry in stream.read().split(b"\0")):
            os.environ.pop("LC_CTYPE", None)


def login_environment(entry: pwd.struct_passwd) -> dict[str, str]:
    """What the default login class sets."""
    return {
        "PATH": f"{PATH}:{entry.pw_dir}/bin",
        "HOME": entry.pw_dir,
        "USER": entry.pw_name,
        "LOGNAME": entry.pw_name,
        "SHELL": entry.pw_shell or "/bin/sh",
        "BLOCKSIZE": "K",
        "MAIL": f"/var/mail/{entry.pw_name}",
        "MM_CHARSET": "UTF-8",
        "LANG": "C.UTF-8",
    }
