# Copyright: (c) 2026, potluck.matrix contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of a pot's options on a host, by what the host is."""

from __future__ import annotations

import pytest
from ansible_collections.potluck.matrix.plugins.plugin_utils._pot.plan import Plan

V4, V6 = "203.0.113.10", "2001:db8::10"


def carrier(address, interface, reason="whose network it lies in"):
    return {"address": address, "interface": interface, "reason": reason}


ON_TWO = [carrier(V4, "em0"), carrier(V6, "em1", "where the pot has it")]


def plan(host=None, **wanted):
    """A pot matrix1 with an address on em0, on a host with 15.0 where all is well; with what differs."""
    usual_host = {
        "release": "15.0",
        "releases": ["14.3", "15.0"],
        "bases": {},
        "interfaces": ["em0", "em1"],
        "carriers": [carrier(V4, "em0")],
        "without_ipv6": [],
        "default_interface": "em0",
        "vimage": True,
        "pf_anchors": True,
        "racct": True,
    }
    usual = {"name": "matrix1", "network_type": "alias", "ip": V4}
    return Plan({**usual_host, **(host or {})}, **{**usual, **wanted})


@pytest.mark.parametrize(
    "wanted, carriers, expected",
    [
        ({}, [carrier(V4, "em0")], [f"em0|{V4}"]),
        ({"ip": V6}, [carrier(V6, "em1")], [f"em1|{V6}"]),
        ({"ip": [V4, V6]}, ON_TWO, [f"em0|{V4}", f"em1|{V6}"]),
        ({"ip": [V6, V4]}, ON_TWO[::-1], [f"em1|{V6}", f"em0|{V4}"]),
        ({"ip": [V4, V6], "interface": "em2"}, [], [f"em2|{V4}", f"em2|{V6}"]),
        ({"network_type": "inherit"}, [], []),
        ({"network_type": "public-bridge", "ip": "10.192.0.10"}, [], ["10.192.0.10"]),
        ({"network_type": "public-bridge", "ip": ""}, [], []),
    ],
)
def test_addresses_as_pot_takes_them(wanted, carriers, expected):
    found = plan({"carriers": carriers}, **wanted)
    assert found.ip() == expected and (found.obstacles() == [] or "interface" in wanted)


@pytest.mark.parametrize(
    "bases, given, release",
    [({}, "", "15.0"), ({"matrix1": "14.3"}, "", "14.3"), ({"other": "14.3"}, "", "15.0"), ({}, 14.3, "14.3")],
)
def test_the_release_is_the_given_one_or_that_of_the_pot_or_of_the_host(bases, given, release):
    found = plan({"bases": bases}, release=given)
    assert found.release == release and found.obstacles() == []


def test_what_the_inventory_leaves_open_is_said():
    assert plan({"carriers": ON_TWO}, ip=[V4, V6]).chosen() == [
        "FreeBSD 15.0, the release of the host (matrix_pot_release is not set)",
        f"{V4} on em0, whose network it lies in (matrix_pot_interface is not set)",
        f"{V6} on em1, where the pot has it (matrix_pot_interface is not set)",
    ]
    assert plan({"bases": {"matrix1": "14.3"}}, interface="em0").chosen() == [
        "FreeBSD 14.3, as the pot has it (matrix_pot_release is not set)"
    ]
    assert plan(release="14.3", interface="em0").chosen() == []
    assert plan(image={"name": "a", "tag": "1"}, interface="em0").chosen() == []


@pytest.mark.parametrize(
    "host, wanted, words",
    [
        (
            {},
            {"release": "13.2"},
            "pot_jail_release (matrix_pot_release): pot knows no FreeBSD release '13.2'",
        ),
        ({"releases": [], "release": "14.3"}, {"release": "15.0"}, "a pot with FreeBSD 15.0 cannot run on this host"),
        ({"releases": [], "release": "9.3"}, {"release": "13.2"}, "which has 9.3; its release cannot be newer"),
        (
            {"bases": {"matrix1": "15.1"}},
            {},
            "ansible_host: the pot matrix1 has FreeBSD 15.1, which is newer than this host's 15.0; upgrade and reboot",
        ),
        ({}, {"interface": "em7"}, "the host has no network interface 'em7'; it has em0, em1"),
        (
            {"carriers": ON_TWO, "without_ipv6": ["em1"]},
            {"ip": [V4, V6]},
            f"pot_jail_ip (matrix_ip): IPv6 is switched off on em1 of the host, so that {V6} could not be used there",
        ),
        ({"vimage": False}, {"network_type": "public-bridge"}, "public-bridge needs a kernel with VIMAGE"),
        (
            {"pf_anchors": False},
            {"network_type": "private-bridge"},
            "pot_jail_configure_pf: private-bridge needs",
        ),
        ({"racct": False}, {"memory": "4G"}, "pot_jail_limits: a limit of memory needs kern.racct.enable=1"),
    ],
)
def test_a_host_that_cannot_carry_the_pot(host, wanted, words):
    (found,) = plan(host, **wanted).obstacles()
    assert words in found and not found.endswith(".")


@pytest.mark.parametrize(
    "host, wanted",
    [
        # What the pot is made of is there already, or is no release.
        ({"releases": [], "bases": {"matrix1": "13.2"}}, {}),
        ({"releases": ["15.0"], "bases": {"matrix1": "13.2"}}, {"release": "13.2"}),
        ({"releases": ["15.0"]}, {"release": "13.2", "image": {"name": "a", "tag": "1"}}),
        ({"release": "15.0", "releases": []}, {"release": "9.3"}),
        ({"carriers": ON_TWO, "without_ipv6": ["em0"]}, {"ip": [V4, V6]}),
        ({"without_ipv6": ["em0"]}, {}),
        ({"vimage": False, "pf_anchors": False, "racct": False}, {}),
        ({"pf_anchors": False}, {"network_type": "public-bridge", "configure_pf": True}),
    ],
)
def test_a_host_that_can(host, wanted):
    assert plan(host, **wanted).obstacles() == []


@pytest.mark.parametrize(
    "host, wanted, leaves",
    [
        ({}, {}, {}),
        ({"default_interface": "em1"}, {}, {"address": "em0", "route": "em1"}),
        # The default route is that of IPv4, whichever address comes first.
        ({"carriers": ON_TWO[::-1]}, {"ip": [V6, V4]}, {}),
        ({"default_interface": "em1"}, {"interface": "em1"}, {}),
        ({"default_interface": ""}, {}, {}),
        ({"default_interface": "em1", "carriers": [carrier(V6, "em0")]}, {"ip": V6}, {}),
        ({"default_interface": "em1"}, {"network_type": "inherit"}, {}),
    ],
)
def test_packets_that_would_leave_by_another_interface(host, wanted, leaves):
    assert plan(host, **wanted).leaves_elsewhere() == leaves
