# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""FreeBSD's patches come into the pot, and go again with the snapshot."""

from __future__ import annotations

import re


def offer(site, version):
    """What the mirrors of FreeBSD have for the pot's release from now on."""
    files = f"{version}\n/bin/freebsd-version\n/usr/lib/libfetch.so.6\n"
    path = "/.double/run/patches/" + version.rpartition("-p")[0]
    site.inside("/bin/sh", "-c", f"mkdir -p /.double/run/patches && cat >{path}", input=files)


def version(site):
    """What the userland and the kernel of the pot call themselves."""
    return site.inside("/bin/sh", "-c", "freebsd-version -u; uname -r", pot=site.machine).stdout.split()


def test_patches_are_installed_and_undone(site, life):
    release = version(site)[0]
    with site.way_back():
        refused = site.play(playbook="patch")
        assert refused.code != 0 and "No mirrors remaining, giving up" in refused.words, refused
        assert site.inside("zfs", "list", "-H", "-o", "name", "-t", "snapshot").stdout == ""
        offer(site, release + "-p3")
        with site.untouched():
            told = site.succeed("--check", "--diff", playbook="patch")
        assert f"+FreeBSD-{release}-p3" in told.output
        site.succeed(playbook="patch")
        assert version(site) == [release + "-p3"] * 2
        life.goes_on()
        site.succeed(playbook="patch", changed=0)
        (snapshot,) = set(
            re.findall(r"@(upgrade-\S+)", site.inside("zfs", "list", "-H", "-o", "name", "-t", "snapshot").stdout)
        )
        site.succeed("-e", "matrix_snapshot=" + snapshot, playbook="rollback")
        assert version(site) == [release] * 2
        life.goes_on()
    site.inside("rm", "-r", "/.double/run/patches")
    for dataset in ("zroot/matrixdata", "zroot/pot/jails/" + site.machine):
        site.inside("zfs", "destroy", "-r", f"{dataset}@{snapshot}")
