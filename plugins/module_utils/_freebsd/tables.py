# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What jls(8), mount(8) and zfs(8) print, as data."""

from __future__ import annotations

import re


def parse_jls(text):
    """{name: {jid, hostname, path}} of C(jls -q jid name host.hostname path)."""
    jails = {}
    for line in text.split("\n"):
        fields = line.split(None, 3)
        if len(fields) >= 2 and re.match(r"[0-9]{1,9}\Z", fields[0]):
            jails[fields[1]] = {
                "jid": int(fields[0]),
                "hostname": fields[2] if len(fields) > 2 else "",
                "path": fields[3].strip('"') if len(fields) > 3 else "",
            }
    return jails


def parse_mounts(text):
    """[(source, path, type, [options])] of C(mount -p), in the order they were mounted; it writes a blank as
    C(\\040).
    """
    mounts = []
    for line in text.split("\n"):
        fields = [re.sub(r"\\([0-7]{3})", lambda match: chr(int(match.group(1), 8)), field) for field in line.split()]
        if len(fields) >= 4:
            mounts.append((fields[0], fields[1], fields[2], fields[3].split(",")))
    return mounts


def parse_datasets(text):
    """{name: {mountpoint, canmount, mounted, origin}} of C(zfs list -H -o name,mountpoint,canmount,mounted,origin)."""
    datasets = {}
    for line in text.split("\n"):
        fields = line.split("\t")
        if len(fields) == 5:
            datasets[fields[0]] = dict(zip(("mountpoint", "canmount", "mounted", "origin"), fields[1:]))
    return datasets
