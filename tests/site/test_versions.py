# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The oldest and the newest Synapse that count: the one of FreeBSD's quarterly packages and the newest release."""

from __future__ import annotations

LATEST = "http://pkg.example.test/FreeBSD:13:amd64/latest"


def version(site):
    return site.client().call("GET", "/_matrix/federation/v1/version").json()["server"]["version"]


def test_a_pot_with_newer_packages_goes_on(site, life):
    assert version(site) == "1.135.0"
    site.inside("pot", "destroy", "-F", "-p", site.machine)
    site.succeed(matrix_pkg_repository_url=LATEST)
    assert version(site) == "1.163.2"
    life.goes_on()
    assert {name: problem for name, problem in site.client().check_all("admin", site.remembered("admin")) if problem} == {}
    site.succeed(matrix_pkg_repository_url=LATEST, changed=0)
