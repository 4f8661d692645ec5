# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A homeserver whose pot comes to inherit the host's network, where it had an address of its own, and gets that back:
one test after another on one server.
"""

from __future__ import annotations

import pytest
from matrix_client import Homeserver

pytestmark = pytest.mark.thorough


def found_broken(site, address):
    """What somebody outside cannot do at an address."""
    client = Homeserver("https://" + site.domain, ca=str(site.place / "roots.pem"), address=address)
    return [(name, problem) for name, problem in client.check_all("alice", site.remembered("alice")) if problem]


@pytest.fixture(scope="module")
def inheriting(site):
    """The variables with which its pot is reached at the host's address, and the host's own sshd is left alone."""
    variables = {
        "matrix_pot_network_type": "inherit",
        "matrix_ip": site.machine_address,
        "matrix_control_user_port": 2222,
    }
    done = site.ansible("site", **variables)
    assert done.code == 0, done.output[-5000:]
    return variables


def test_it_serves_at_the_hosts_address(site, inheriting):
    assert found_broken(site, site.machine_address) == []
    assert site.verify(**inheriting) == []


def test_a_second_run_changes_nothing(site, inheriting):
    done = site.ansible("site", **inheriting)
    assert (done.code, done.changed) == (0, 0), done.output[-5000:]


def test_the_port_of_the_hosts_own_sshd_is_refused(site, inheriting):
    done = site.ansible("site", **{**inheriting, "matrix_control_user_port": 22})
    assert done.code != 0 and done.changed == 0
    assert "matrix_control_user_port: 22 is the port of the host's own sshd" in done.words


def test_it_gets_its_own_address_back(site, inheriting):
    done = site.ansible("site")
    assert done.code == 0, done.output[-5000:]
    assert found_broken(site, site.jail) == []
    assert site.verify() == []
